"""`verify`: everything that can be asked of an image, offline."""

import json
import sys
from pathlib import Path

from automation.exits import Exit, Failure

SCHEMA = 1
_SIGNS = {"passed": "ok", "failed": "FAILED", "absent": "none", "unchecked": "?"}


def verify(image: str, key: Path | None, *, as_json: bool) -> Exit:
    """Check an image by digest, on this machine or in a registry, and say what came of each question."""
    from model_build.checking import examine
    from model_build.errors import InputError, ModelBuildError

    try:
        found = examine(image, key_text(key), lambda line: print(line, file=sys.stderr))
    except InputError as error:
        raise Failure(Exit.BAD_INPUT, str(error)) from None
    except ModelBuildError as error:
        raise Failure(Exit.FAILED, str(error)) from None
    passed = all(each.verdict != "failed" for each in found)
    if as_json:
        checks = [{"what": each.what, "verdict": each.verdict, "detail": each.detail} for each in found]
        print(json.dumps({"schema": SCHEMA, "image": image, "passed": passed, "checks": checks}))
        return Exit.DONE if passed else Exit.FAILED
    width = max(19, *(len(each.what) + 2 for each in found))
    for each in found:
        print(f"{_SIGNS[each.verdict]:<8}{each.what:<{width}}{each.detail}")
    if not passed:
        failed = ", ".join(each.what for each in found if each.verdict == "failed")
        raise Failure(Exit.FAILED, f"{image} does not hold: {failed}; do not run it")
    return Exit.DONE


def key_text(key: Path | None) -> str | None:
    """The public key of the flag `--key`. Raises Failure."""
    if key is None:
        return None
    try:
        return key.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is no text"
        raise Failure(
            Exit.BAD_INPUT, f"--key is {str(key)!r}, which cannot be read: {why}; name the file of a public key, as PEM"
        ) from None
