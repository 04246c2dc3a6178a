"""Where a stack that an earlier release has made is previewed; the SDK is read as components read it, in parts."""

import components.gcp as gcp
from tests.components.folders import folder as folder

assert gcp  # first of all: a package of the SDK that is loaded whole warns of its own older names
