"""Requests that were copied out of a browser, or stand in somebody's code."""

from __future__ import annotations

import contextlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.copied import CopiedReader
from mattegate.doctor.readers.protocol import Unreadable

_BASH = """curl 'https://api.example.com/v1/remove-bg?size=full' \\
  -H 'accept: */*' \\
  -H 'authorization: Bearer sk_prod_abcdefghijkl' \\
  -H 'origin: https://app.example.com' \\
  -b 'sid=zzz; a=b' \\
  --data-raw $'{"it\\'s":"x"}' \\
  --compressed ;
curl 'https://api.example.com/other'
"""
_CMD = (
    'curl ^"https://api.example.com/v1/remove-bg?a=1^&b=2^" ^\r\n'
    '  -H ^"x-api-key: abc^%^def^" ^\r\n'
    '  -X ^"PUT^" ^\r\n'
    '  --data-raw ^"^{^\\^"a^\\^":1^}^"\r\n'
)
_FETCH = """fetch("https://api.example.com/v1/remove-bg", {
  "headers": {
    "accept": "*/*",
    "authorization": "Bearer sk_prod_abcdefghijkl"
  },
  "body": "{\\"a\\":1}",
  "method": "POST",
  "mode": "cors",
  "credentials": "include"
});
"""
_CODE = """
const answer = await fetch(`/v1/remove-bg`, {
  method: 'POST',            // (always)
  credentials: 'same-origin',
  headers: { 'X-API-Key': key, Accept: "image/png", Authorization: `Bearer ${token}` },
  body: form,
});
await fetch('/health');
"""


def _read(text: str) -> list[Observation]:
    assert CopiedReader().recognises(text.replace("\r", ""), "x.txt")
    return list(CopiedReader().read(io.BytesIO(text.encode()), "copied.txt"))


def test_copied_for_bash() -> None:
    """Two commands; data makes a POST; cookies and keys are hidden."""
    first, second = _read(_BASH)
    assert (first.request, first.host, first.scheme, first.status) == (
        "POST /v1/remove-bg",
        "api.example.com",
        "https",
        None,
    )
    assert first.request_header("authorization") == "Bearer sk_prod_********(len 20)"
    assert first.request_header("cookie") == "sid=********(len 3); a=********(len 1)"
    assert (first.request_header("origin"), first.fields["body"]) == ("https://app.example.com", "data")
    assert (second.request, second.place.line) == ("GET /other", 8)


def test_copied_for_cmd() -> None:
    """Carets are the shell's, not the request's."""
    (seen,) = _read(_CMD)
    assert (seen.method, seen.path) == ("PUT", "/v1/remove-bg?a=1&b=2")
    assert seen.request_header("x-api-key") == "********(len 7)"


def test_copied_as_fetch() -> None:
    """Mode and credentials decide what CORS asks for."""
    (seen,) = _read(_FETCH)
    assert (seen.request, seen.host) == ("POST /v1/remove-bg", "api.example.com")
    assert (seen.fields["mode"], seen.fields["credentials"], seen.fields["body"]) == ("cors", "include", "yes")
    assert seen.request_header("authorization") == "Bearer sk_prod_********(len 20)"


def test_fetch_in_somebodys_code() -> None:
    """A value that is a variable stands as its name in double braces."""
    first, second = _read(_CODE)
    assert (first.request, first.fields["credentials"]) == ("POST /v1/remove-bg", "same-origin")
    assert first.request_header("x-api-key") == "{{key}}"
    assert first.request_header("accept") == "image/png"
    assert first.request_header("authorization") == "Bearer ${token}"
    assert second.request == "GET /health"


@pytest.mark.parametrize(
    ("options", "method", "header"),
    [
        ("-XPOST -u bob:hunter2", "POST", ("authorization", "Basic")),
        ("-I", "HEAD", None),
        ("-F image=@cat.png -H 'X-API-Key;'", "POST", ("x-api-key", "")),
        ("-T cat.png --user-agent x", "PUT", ("user-agent", "x")),
        ("--json '{}'", "POST", ("content-type", "application/json")),
        ("-sSkL -o /dev/null", "GET", None),
    ],
)
def test_what_options_mean(options: str, method: str, header: tuple[str, str] | None) -> None:
    """As curl's manual has it."""
    (seen,) = _read(f"curl {options} https://api.example.com/v1 | jq .")
    assert (seen.method, seen.path) == (method, "/v1")
    assert header is None or header in seen.request_headers
    assert "hunter2" not in repr(seen)


def test_a_text_without_a_request_is_refused() -> None:
    """Said, not guessed."""
    with pytest.raises(Unreadable, match="no curl command"):
        list(CopiedReader().read(io.BytesIO(b"curl --version"), "x"))


@given(
    st.lists(
        st.sampled_from(
            [
                "curl ",
                "fetch(",
                '"',
                "'",
                "`",
                "\\",
                "^",
                "\n",
                "{",
                "}",
                "(",
                ")",
                "headers: {",
                "https://h/x",
                "-H ",
                "$'",
            ]
        ),
        max_size=25,
    ).map("".join)
)
@settings(max_examples=200, deadline=None)
def test_no_command_is_too_broken(text: str) -> None:
    """It is read as far as it goes, or refused."""
    with contextlib.suppress(Unreadable):
        list(CopiedReader().read(io.BytesIO(text.encode()), "x"))
