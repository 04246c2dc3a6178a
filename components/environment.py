"""What may stand in the environment of a server, which whoever may describe what runs reads: nothing secret."""

import re
from collections.abc import Mapping
from typing import Final

from components.checks import ArgsError, fits, wrong

OURS: Final = ("MODELPORT_HOST", "MODELPORT_PORT", "MODELPORT_REVISION", "MODELPORT_WORKERS")
"""What components tell their servers themselves."""
SECRET = (
    r".*(password|passwd|passphrase|api_?keys?)[0-9]*|(.*_)?(pass|pwd|secrets?|token|credentials?)[0-9]*"
    r"|(.*_)?(access|secret|private|signing|encryption)_key(_id|_base)?[0-9]*"
)
"""Names of variables that hold what nobody else is to know."""
HOLDS = (
    r"(?s).*([a-z][a-z0-9+.-]{0,30}://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE KEY-----).*"
    r"|(AKIA|ASIA)[A-Z0-9]{16}|AIza[\w-]{35}|GOCSPX-[\w-]{28}|ya29\..+"
)
"""Values that do, whatever they are called: a URL with a password, a private key, the id of a key of AWS, a key of
Google's APIs, the secret of an OAuth client or a token there."""


def plain(what: str, given: Mapping[str, object], pattern: str = r"[A-Za-z_][A-Za-z0-9_]*") -> None:
    """Environment of a server, beside what its component sets: names of variables, nothing secret. Raises ArgsError."""
    for key, value in given.items():
        fits(f"a key of {what}", key, pattern, "a name of a variable", "MODELPORT_QUEUE")
        if key in OURS:
            raise wrong(f"a key of {what}", key, "one that the component does not set itself", "leave it out")
        if isinstance(value, str) and (re.fullmatch(SECRET, key, re.IGNORECASE) or re.fullmatch(HOLDS, value)):
            # The value is shown nowhere.
            raise ArgsError(
                f"{what}[{key!r}] has a value, expected nothing secret there, as whoever may describe what runs reads "
                "it; leave it out"
            )
        if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
            raise wrong(f"{what}[{key!r}]", value, "characters, and no half of a pair of surrogates", "leave that out")
