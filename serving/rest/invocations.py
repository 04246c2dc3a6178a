"""What Amazon SageMaker asks: GET /ping, and POST /invocations with the body and content type of its own caller.

SageMaker hands on no header of the V2 protocol, so a binary request says the length of its JSON in its content type, as
Triton has it there. https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-inference-code.html (2026-11-22)
"""

import re

from serving.errors import Unsupported
from serving.rest.message import Response

BINARY = "application/vnd.sagemaker-triton.binary+json"
_HEADER = re.compile(rf"{re.escape(BINARY)}\s*;\s*json-header-size\s*=\s*([0-9]{{1,18}})", re.IGNORECASE)
# Beside JSON itself: what SDKs and curl say of a body whose type nobody named.
_JSON = ("application/json", "", "application/octet-stream", "application/x-www-form-urlencoded")
_LENGTH = b"inference-header-content-length"


def header_length(content_type: str) -> int | None:
    """Bytes of JSON in front of binary data, None for JSON alone. Raises Unsupported for what is neither."""
    if (found := _HEADER.fullmatch(content_type.strip())) is not None:
        return int(found[1])
    if content_type.partition(";")[0].strip().lower() in _JSON:
        return None
    raise Unsupported(
        f"content-type is '{content_type[:100]}', expected application/json with a request of the Open Inference "
        f"Protocol V2, or {BINARY};json-header-size=N"
    )


def answer(response: Response) -> Response:
    """The answer to an inference as SageMaker hands it on, which of its headers takes the content type alone."""
    lengths = [value for key, value in response.headers if key == _LENGTH]
    if lengths:
        kind = f"{BINARY};json-header-size=".encode("ascii") + lengths[0]
        response.headers = [(b"content-type", kind)]
    return response
