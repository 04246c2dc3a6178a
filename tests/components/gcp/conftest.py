"""Where a stack that an earlier release has made is previewed."""

from tests.components.folders import folder as folder
