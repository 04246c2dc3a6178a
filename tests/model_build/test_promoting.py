"""What is promoted is spoken for before it is brought anywhere."""

from pathlib import Path

import pytest

from model_build import promoting
from model_build.errors import InputError

DIGEST = f"sha256:{'a1' * 32}"


def test_nothing_is_pushed_that_no_report_speaks_for(own_cache: Path, tmp_path: Path) -> None:
    record = promoting.Promoted(
        stack="dev",
        digest=DIGEST,
        source=f"oci:{tmp_path}/images@{DIGEST}",
        identity="b2" * 32,
        model="digits",
        version="1",
        chosen="int8",
        metric="accuracy",
        metrics={"accuracy": 0.99},
        parts={},
    )
    # Nobody listens there: whoever would push first would be told so.
    with pytest.raises(InputError, match="does not say that it passed: there is none on this machine"):
        promoting.take({"promoted": record.canonical(), "destination": "127.0.0.1:9/models/digits:prod"})
