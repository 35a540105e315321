"""What the head of a cut-out request says, judged before one byte of the body is read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from multipart import parse_content_disposition, parse_options_header

from mattegate.serving.body import too_large
from mattegate.serving.texts import query_texts
from mattegate.vocabulary.options import parse_options
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Scope

    from mattegate.config.settings import UploadSettings

FRAMING_ALLOWANCE: Final = 65_536
"""What the parts' headers and the options may add to the images in a form or in JSON."""


class BodyKind(StrEnum):
    """How the image travels."""

    FORM = "multipart/form-data"
    JSON = "application/json"
    RAW = "an image"


@dataclass(frozen=True, slots=True)
class Head:
    """The head of one request: how the body is to be read, and the options of the query."""

    kind: BodyKind
    boundary: str
    declared: int | None
    """The declared length of the body in bytes."""
    filename: str | None
    """The name that a raw body was given by ``Content-Disposition``."""
    texts: Mapping[str, str]

    def wire_limit(self, limits: UploadSettings) -> int:
        """How many bytes this kind of body may take on the wire: base64 is a third longer, lines of it 3 % more."""
        match self.kind:
            case BodyKind.RAW:
                return limits.max_bytes
            case BodyKind.FORM:
                return limits.max_bytes + FRAMING_ALLOWANCE
            case BodyKind.JSON:
                return limits.max_bytes * 4 * 103 // 300 + FRAMING_ALLOWANCE


def parse_head(scope: Scope, limits: UploadSettings) -> Head:
    """Read the head of a request.

    Raises :class:`Refusal` ``request.malformed``, ``request.content_type``, ``request.encoding``, ``request.option``
    or ``upload.too_large``.
    """
    content_type, parameters = parse_options_header(_header(scope, b"content-type"))
    _refuse_encoding(_header(scope, b"content-encoding"))
    head = Head(
        kind=_kind(content_type),
        boundary=parameters.get("boundary", ""),
        declared=_length(_header(scope, b"content-length")),
        filename=_filename(_header(scope, b"content-disposition")),
        texts=query_texts(scope["query_string"]),
    )
    if head.kind is BodyKind.FORM and not head.boundary:
        raise Refusal("request.malformed", expected=head.kind, problem="its Content-Type names no boundary")
    parse_options(head.texts)
    if head.declared is not None and head.declared > head.wire_limit(limits):
        raise too_large(limits, read=0, declared=head.declared)
    return head


def _header(scope: Scope, wanted: bytes) -> str:
    values = [value for name, value in scope["headers"] if name == wanted]
    if len(values) > 1:
        raise Refusal(
            "request.malformed", expected="one request", problem=f"the header {wanted.decode()} is there twice"
        )
    return values[0].decode("latin-1") if values else ""


def _kind(content_type: str) -> BodyKind:
    if content_type == "multipart/form-data":
        return BodyKind.FORM
    if content_type == "application/json" or content_type.endswith("+json"):
        return BodyKind.JSON
    if content_type in {"", "application/octet-stream"} or content_type.startswith("image/"):
        return BodyKind.RAW
    raise Refusal("request.content_type", found=content_type[:80])


def _refuse_encoding(encoding: str) -> None:
    if encoding.strip().lower() not in {"", "identity"}:
        raise Refusal("request.encoding", found=encoding[:80])


def _length(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise Refusal("request.malformed", expected="one request", problem="its Content-Length is not a number")
    return int(text)


def _filename(disposition: str) -> str | None:
    if not disposition:
        return None
    filename = parse_content_disposition(disposition)[2]
    return filename[:255] if filename else None
