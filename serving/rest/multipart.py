"""The field of a multipart form that the classify route reads, kept in memory: the image's disk may be read-only."""

from typing import TYPE_CHECKING

from serving.errors import BadInput

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks


def field(body: bytes, content_type: str, wanted: str) -> bytes:
    """The content of the first field called `wanted`. Raises BadInput when the form is broken or has no such field."""
    # Only requests that carry a form pay for this import.
    from python_multipart.exceptions import FormParserError
    from python_multipart.multipart import MultipartParser, parse_options_header

    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise BadInput("content-type is multipart/form-data without a boundary")
    form = _Form(wanted)
    callbacks: MultipartCallbacks = {
        "on_part_begin": form.begin,
        "on_header_field": form.header_name,
        "on_header_value": form.header_value,
        "on_header_end": form.header_end,
        "on_headers_finished": form.headers_finished,
        "on_part_data": form.data,
        "on_end": form.end,
    }
    try:
        parser = MultipartParser(boundary, callbacks)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise BadInput(f"the multipart form is broken: {error}") from None
    if not form.whole:
        raise BadInput("the multipart form ends before its last boundary")
    if form.found is None:
        names = ", ".join(repr(name[:40]) for name in form.names[:5]) or "none"
        raise BadInput(f"the form has no field '{wanted}' (found {names}); send -F {wanted}=@picture.png")
    return bytes(form.found)


class _Form:
    def __init__(self, wanted: str) -> None:
        self.names: list[str] = []
        self.found: bytearray | None = None
        self.whole = False
        self._wanted = wanted
        self._taking = False
        self._disposition = b""
        self._name = b""
        self._value = b""

    def begin(self) -> None:
        self._disposition = b""
        self._taking = False

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def header_end(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def headers_finished(self) -> None:
        from python_multipart.multipart import parse_options_header

        _, options = parse_options_header(self._disposition)
        name = options.get(b"name", b"").decode("utf-8", "replace")
        self.names.append(name)
        if name == self._wanted and self.found is None:
            self.found = bytearray()
            self._taking = True

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._taking and self.found is not None:
            self.found += data[start:end]

    def end(self) -> None:
        self.whole = True
