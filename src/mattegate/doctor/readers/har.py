"""Reads a HAR: what a browser's network panel saved. Every request in its order, failed ones as ``client-error``.

Bodies are kept of refusals alone: nothing else of a page helps, and a HAR holds all of it.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Iterator
from datetime import datetime
from typing import Any, BinaryIO, Final

from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, at, list_at, read_json, text_at
from mattegate.doctor.readers.http_message import body_text, target_of
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.redact import safe, safe_headers

_MOST: Final = 64 * MEBIBYTE
_MOST_HEADERS: Final = 500
_BODY_CHARS: Final = 100_000
_TEXTUAL: Final = re.compile(r"text/|json|xml|javascript|x-www-form-urlencoded", re.IGNORECASE)
_FIELDS: Final = (
    ("resource_type", ("_resourceType",)),
    ("fetch_type", ("_fetchType",)),
    ("initiator", ("_initiator", "type")),
    ("address", ("serverIPAddress",)),
    ("redirected_to", ("response", "redirectURL")),
    ("error", ("response", "_error")),
    ("blocked_reason", ("_blockedReason",)),
    ("blocked_reason", ("response", "_blockedReason")),
    ("body_bytes", ("request", "bodySize")),
    ("body_type", ("request", "postData", "mimeType")),
)


class HarReader:
    """A HAR of any browser."""

    name = "har"
    _LOOKS: Final = re.compile(r"\s*\{\s*\"log\"\s*:\s*\{")

    def recognises(self, head: str, name: str) -> bool:
        """JSON whose outermost member is ``log``, with the members of a HAR."""
        looks = self._LOOKS.match(head) is not None
        return looks and ('"entries"' in head or '"creator"' in head or name.lower().endswith(".har"))

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each entry. Raises :class:`Unreadable`."""
        document = read_json(stream, most=_MOST)
        if not isinstance(at(document, "log", "entries"), list):
            raise Unreadable("it is JSON, but has no log.entries: no HAR")
        for entry in list_at(document, "log", "entries"):
            if isinstance(at(entry, "request"), dict):
                yield _observation(entry, Place(source))


def _observation(entry: dict[str, Any], place: Place) -> Observation:
    target = target_of(text_at(entry, "request", "url"))
    status = at(entry, "response", "status")
    answered = isinstance(status, int) and 100 <= status <= 999
    fields = _fields(entry)
    request_headers = _headers(entry, "request")
    if _is_preflight(entry, request_headers):
        fields["preflight"] = "yes"
    return Observation(
        format="exchange" if answered else "client-error",
        place=place,
        at=_moment(text_at(entry, "startedDateTime")),
        method=safe(text_at(entry, "request", "method")).upper()[:20],
        scheme=target.scheme,
        host=target.host,
        path=target.path,
        http_version=_version(text_at(entry, "response", "httpVersion") or text_at(entry, "request", "httpVersion")),
        request_headers=request_headers,
        status=int(status) if answered else None,
        reason_phrase=safe(text_at(entry, "response", "statusText"))[:400],
        response_headers=_headers(entry, "response"),
        body=_body(entry) if answered and int(status) >= 400 else "",
        message="" if answered else fields.get("error") or fields.get("blocked_reason") or "no answer was recorded",
        fields=fields,
    )


def _fields(entry: dict[str, Any]) -> dict[str, str]:
    found = {name: safe(text_at(entry, *path))[:2_000] for name, path in _FIELDS}
    found["error"] = found.get("error") or safe(text_at(entry, "response", "_error"))
    return {name: value for name, value in found.items() if value and value != "-1"}


def _headers(entry: dict[str, Any], side: str) -> Headers:
    """Names and values; HTTP/2's pseudo headers are no headers."""
    listed = list_at(entry, side, "headers")[:_MOST_HEADERS]
    named = ((text_at(header, "name"), text_at(header, "value")) for header in listed)
    return safe_headers((name, value) for name, value in named if name and not name.startswith(":"))


def _is_preflight(entry: dict[str, Any], headers: Headers) -> bool:
    if text_at(entry, "_resourceType") == "preflight" or text_at(entry, "_initiator", "type") == "preflight":
        return True
    asks = any(name == "access-control-request-method" for name, _ in headers)
    return asks and text_at(entry, "request", "method").upper() == "OPTIONS"


def _body(entry: dict[str, Any]) -> str:
    text = text_at(entry, "response", "content", "text")
    if text_at(entry, "response", "content", "encoding") != "base64":
        return body_text(text)
    if not _TEXTUAL.search(text_at(entry, "response", "content", "mimeType")):
        return ""
    try:
        return body_text(b64decode(text[:_BODY_CHARS]).decode("utf-8", "replace"))
    except (BadBase64, ValueError):
        return ""


def _version(text: str) -> str:
    """``1.1``, ``2``, ``3``: browsers write ``HTTP/1.1``, ``http/2.0``, ``h2``, ``h3``."""
    found = re.fullmatch(r"(?:http/|h)(\d(?:\.\d)?)", text.lower())
    return "" if found is None else found[1].removesuffix(".0") if found[1] in ("2.0", "3.0") else found[1]


def _moment(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo is not None else None
