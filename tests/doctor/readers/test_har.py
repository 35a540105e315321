"""HARs as Chromium and Firefox save them."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import pytest

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.har import HarReader
from mattegate.doctor.readers.protocol import Unreadable


def _entry(request: dict[str, Any], response: dict[str, Any], **more: Any) -> dict[str, Any]:
    asked = {"method": "POST", "url": "https://api.example.com/v1/x?key=abc", "httpVersion": "h2", "headers": []}
    answered = {"status": 200, "statusText": "", "httpVersion": "h2", "headers": [], "content": {}, "redirectURL": ""}
    return {
        "startedDateTime": "2026-01-02T03:04:05.678Z",
        "request": asked | request,
        "response": answered | response,
    } | more


def _read(*entries: Any) -> list[Observation]:
    text = json.dumps({"log": {"version": "1.2", "creator": {"name": "WebInspector"}, "entries": list(entries)}})
    assert HarReader().recognises(text, "x.har")
    return list(HarReader().read(io.BytesIO(text.encode()), "x.har"))


def test_a_refusal_with_its_preflight() -> None:
    """Chromium marks the preflight; the body in base64 is read; the key is hidden."""
    headers = [{"name": ":method", "value": "POST"}, {"name": "Authorization", "value": "Bearer abcdefgh123"}]
    body = base64.b64encode(b'{"message":"Forbidden"}').decode()
    preflight, refused = _read(
        _entry({"method": "OPTIONS"}, {"status": 204}, _resourceType="preflight"),
        _entry(
            {"headers": headers, "bodySize": 3, "postData": {"mimeType": "multipart/form-data", "text": "x"}},
            {"status": 403, "content": {"text": body, "encoding": "base64", "mimeType": "application/json"}},
            _resourceType="fetch",
            serverIPAddress="192.0.2.1",
        ),
    )
    assert (preflight.fields["preflight"], preflight.status) == ("yes", 204)
    assert (refused.status, refused.body, refused.http_version) == (403, '{"message":"Forbidden"}', "2")
    assert refused.request_headers == (("authorization", "Bearer ********(len 11)"),)
    assert (refused.path, refused.fields["address"]) == ("/v1/x?key=********(len 3)", "192.0.2.1")
    assert refused.at == 1767323045.678


def test_a_blocked_request_has_no_status() -> None:
    """Status 0 is no status: the error stands in its place."""
    (seen,) = _read(_entry({}, {"status": 0, "_error": "net::ERR_CONNECTION_REFUSED"}))
    assert (seen.format, seen.status, seen.message) == ("client-error", None, "net::ERR_CONNECTION_REFUSED")


def test_firefox_marks_a_preflight_by_its_headers_alone() -> None:
    """It has no type of its own there."""
    asked = {"method": "OPTIONS", "headers": [{"name": "Access-Control-Request-Method", "value": "POST"}]}
    (seen,) = _read(_entry(asked, {"status": 403, "content": {"text": "no", "mimeType": "text/plain"}}))
    assert (seen.fields["preflight"], seen.body) == ("yes", "no")


@pytest.mark.parametrize(
    "text",
    [b"{", b'{"log": 1}', b"\xff\xfe", b'{"log":{"entries":' + b"[" * 100_000, b"null", b'{"log":{"entries":{}}}'],
)
def test_what_is_no_har_is_refused(text: bytes) -> None:
    """With a sentence, however deep it is nested."""
    with pytest.raises(Unreadable):
        list(HarReader().read(io.BytesIO(text), "x.har"))


def test_odd_members_do_no_harm() -> None:
    """A HAR that a tool has mangled is read as far as it goes."""
    odd: list[Any] = [None, 1, {"request": 2}, {"request": {"url": 3, "headers": {}}, "response": []}, {"request": {}}]
    assert [one.format for one in _read(*odd)] == ["client-error", "client-error"]
