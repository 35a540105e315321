"""What browsers write into their consoles, word for word."""

from __future__ import annotations

import io

import pytest

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.console import ConsoleReader

_CHROMIUM = (
    "(index):1 Access to fetch at 'https://api.example.com/v1/x?token=abcdef123' from origin 'https://app.example.com' "
    "has been blocked by CORS policy: "
)


def _read(text: str) -> list[Observation]:
    assert ConsoleReader().recognises(text, "console.txt")
    return list(ConsoleReader().read(io.BytesIO(text.encode()), "console.txt"))


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        (
            _CHROMIUM + "No 'Access-Control-Allow-Origin' header is present on the requested resource.",
            "cors",
            {"cors": "MissingAllowOriginHeader", "origin": "https://app.example.com", "initiator": "fetch"},
        ),
        (
            _CHROMIUM + "Response to preflight request doesn't pass access control check: "
            "It does not have HTTP ok status.",
            "cors",
            {"cors": "PreflightInvalidStatus"},
        ),
        (
            _CHROMIUM + "Request header field x-api-key is not allowed by "
            "Access-Control-Allow-Headers in preflight response.",
            "cors",
            {"cors": "HeaderDisallowedByPreflightResponse", "hint": "x-api-key"},
        ),
        (
            (
                "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
                "https://api.example.com/v1/x. (Reason: CORS header "
                "‘Access-Control-Allow-Origin’ missing). Status code: 403."
            ),
            "cors",
            {"cors": "MissingAllowOriginHeader", "blocked_url": "https://api.example.com/v1/x"},
        ),
        (
            (
                "Cross-Origin Request Blocked: The Same Origin Policy disallows reading the remote resource at "
                "https://api.example.com/v1/x. (Reason: missing token ‘x-api-key’ in CORS header "
                "‘Access-Control-Allow-Headers’ from CORS preflight channel)."
            ),
            "cors",
            {"cors": "HeaderDisallowedByPreflightResponse", "hint": "x-api-key"},
        ),
        (
            "[Error] Origin https://app.example.com is not allowed by Access-Control-Allow-Origin. Status code: 403",
            "cors",
            {"origin": "https://app.example.com"},
        ),
        (
            "[Error] Fetch API cannot load https://api.example.com/v1/x due to access control checks.",
            "cors",
            {"blocked_url": "https://api.example.com/v1/x"},
        ),
        (
            (
                "Mixed Content: The page at 'https://app.example.com/' was loaded over HTTPS, but requested an "
                "insecure resource "
                "'http://api.example.com/v1/x'. This request has been blocked; the content must be served over HTTPS."
            ),
            "mixed-content",
            {"blocked_url": "http://api.example.com/v1/x"},
        ),
        (
            (
                "Refused to connect to 'https://api.example.com/v1/x' because it violates the following "
                "Content Security Policy "
                "directive: \"connect-src 'self'\"."
            ),
            "content-policy",
            {"directive": "connect-src 'self'"},
        ),
        (
            "POST https://api.example.com/v1/x net::ERR_FAILED 403 (Forbidden)",
            "net-error",
            {"error": "net::ERR_FAILED"},
        ),
        (
            "api.example.com/v1/x:1 Failed to load resource: the server responded with a status of 403 (Forbidden)",
            "status",
            {},
        ),
        (
            "GET https://api.example.com/v1/x net::ERR_CONNECTION_REFUSED",
            "net-error",
            {"error": "net::ERR_CONNECTION_REFUSED"},
        ),
        ("Uncaught (in promise) TypeError: Failed to fetch", "script-error", {"error": "TypeError: Failed to fetch"}),
    ],
)
def test_each_sentence_is_understood(line: str, kind: str, fields: dict[str, str]) -> None:
    """One set of names, whichever browser said it."""
    (seen,) = _read(line)
    assert (seen.format, seen.fields["kind"]) == ("console", kind)
    assert {name: seen.fields.get(name) for name in fields} == fields
    assert "abcdef123" not in repr(seen)
    if "status" in line.lower() and "403" in line:
        assert seen.status == 403


def test_the_address_becomes_host_and_path() -> None:
    """So that it can be joined with a log."""
    (seen,) = _read(_CHROMIUM + "No 'Access-Control-Allow-Origin' header is present on the requested resource.")
    assert (seen.scheme, seen.host, seen.path) == ("https", "api.example.com", "/v1/x?token=********(len 9)")


@pytest.mark.parametrize("unit", ["a", "POST ", "x:1 ", "Origin "])
def test_a_huge_line_is_read_at_once(unit: str) -> None:
    """However long its words are."""
    line = unit * (260_000 // len(unit)) + "Failed to load resource: net::X"
    list(ConsoleReader().read(io.BytesIO(line.encode()), "x"))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (
            '[Error] Credentials flag is true, but Access-Control-Allow-Credentials is not "true".',
            "InvalidAllowCredentials",
        ),
        (
            "[Error] Cannot use wildcard in Access-Control-Allow-Origin when credentials flag is true.",
            "WildcardOriginNotAllowed",
        ),
        ("[Error] Access-Control-Allow-Origin cannot contain more than one origin.", "MultipleAllowOriginValues"),
        ("[Error] Method PUT is not allowed by Access-Control-Allow-Methods.", "MethodDisallowedByPreflightResponse"),
        (
            "[Error] Request header field X-Api-Key is not allowed by Access-Control-Allow-Headers.",
            "HeaderDisallowedByPreflightResponse",
        ),
        (
            (
                "XMLHttpRequest cannot load http://api.example/x. No 'Access-Control-Allow-Origin' header is present "
                "on the requested resource. Origin 'http://page.example' is therefore not allowed access."
            ),
            "MissingAllowOriginHeader",
        ),
        (
            "Failed to load http://api.example/x: Response for preflight has invalid HTTP status code 403.",
            "PreflightInvalidStatus",
        ),
    ],
)
def test_sentences_of_safari_and_of_older_browsers(line: str, name: str) -> None:
    """They say the same as Chromium does now, and are recognised by themselves."""
    (seen,) = _read(f"{line}\n")
    assert seen.fields["cors"] == name
