"""A JSON body with the images in base64 (RFC 4648, section 4), plain or as ``data:`` URLs (RFC 2397)."""

from __future__ import annotations

import binascii
import json
from typing import TYPE_CHECKING, Final, NoReturn

from mattegate.serving.head import BodyKind
from mattegate.serving.intake import Submission, Upload
from mattegate.serving.texts import MAX_OPTIONS, MAX_URL, URL, add_text, option_refusal
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.serving.head import Head
    from mattegate.serving.intake import Intake

_MOST_MARKS: Final = 512
"""Brackets and commas that one flat object may have; parsed, each can take twenty times what it took on the wire."""

_IMAGES: Final = {"image_base64": "image", "background_image_base64": "background"}
"""Which field of :class:`Submission` each member fills."""


class JsonReader:
    """Collects a JSON body and turns it into a :class:`Submission`."""

    def __init__(self, head: Head, intake: Intake) -> None:
        self._intake = intake
        self._filename = head.filename
        self._data = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._data += chunk

    def finish(self) -> Submission:
        """What was sent; takes some 30 ms at 10 MB, so it is run in a thread.

        Raises :class:`Refusal` ``request.malformed``, ``request.option``, ``upload.base64``, ``upload.too_large`` or
        ``upload.url_disabled``.
        """
        if not self._data:
            return Submission()
        submission = Submission()
        for name, value in _members(self._data):
            if name in _IMAGES:
                setattr(submission, _IMAGES[name], self._image(name, value))
            elif name == URL and self._intake.limits.urls and value is not None:
                submission.url = _url(value)
            elif value is not None:
                add_text(submission.texts, name, _text(name, value))
        return submission

    def _image(self, name: str, value: object) -> Upload | None:
        if value is None:
            return None
        if not isinstance(value, str):
            raise Refusal("upload.base64", field=name, problem="it is not a text")
        encoded = _base64_of(name, value)
        self._intake.check(len(encoded) // 4 * 3 - encoded.endswith(b"=") - encoded.endswith(b"=="))
        buffer = self._intake.open()
        self._intake.store(buffer, _decoded(name, encoded))
        return Upload(buffer, self._filename if name == "image_base64" else None)


def _members(data: bytearray) -> list[tuple[str, object]]:
    if sum(data.count(mark) for mark in b"[{,") > _MOST_MARKS:
        raise _malformed("it is more than one flat object of options")
    try:
        document = json.loads(data, object_pairs_hook=_Pairs, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise _malformed(_json_problem(error)) from None
    if not isinstance(document, _Pairs):
        raise _malformed("it is not an object")
    if len(document) > MAX_OPTIONS:
        raise _malformed(f"it has more than {MAX_OPTIONS} members")
    names = [name for name, _ in document]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise option_refusal(twice, "…", "it is given twice")
    return document


def _url(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_URL:
        raise option_refusal(URL, "…", f"it must be a text of at most {MAX_URL} characters")
    return value


class _Pairs(list[tuple[str, object]]):
    """An object's members in order, doubled ones included."""


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _json_problem(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at character {error.pos}"
    return "it is not UTF-8" if isinstance(error, UnicodeError) else "it holds what JSON cannot say"


def _text(name: str, value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return f"{value:g}" if isinstance(value, float) else str(value)
    raise option_refusal(name, "…", "it must be a text, a number, true or false")


def _base64_of(name: str, text: str) -> bytes:
    if text[:5].lower() == "data:":
        prefix, comma, text = text.partition(",")
        if not comma or not prefix.lower().endswith(";base64"):
            raise Refusal("upload.base64", field=name, problem="the data: URL has no ';base64,' part")
    return text.encode("ascii", "replace").translate(None, b" \t\r\n")


def _decoded(name: str, encoded: bytes) -> bytes:
    try:
        return binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError as error:
        urlsafe = b"-" in encoded or b"_" in encoded
        problem = "it is in the URL-safe alphabet" if urlsafe else str(error).lower()
        raise Refusal("upload.base64", field=name, problem=problem) from None


def _malformed(problem: str) -> Refusal:
    return Refusal("request.malformed", expected=BodyKind.JSON, problem=problem)
