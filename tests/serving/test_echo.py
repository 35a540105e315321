"""Stories of the echo: what it tells of a request, what it never tells, and who gets it at all."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.tickets import TicketBox
from mattegate.serving.echo import Echo
from tests.serving.bare import BareServer, bare_server, make_pair

TICKET = "t" * 32
SECRET = "sk_prod_0123456789abcdefghijklmnop"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[BareServer]:
    """A server over a home of its own."""
    with bare_server(tmp_path, home=tmp_path) as running:
        yield running


class _NoTickets:
    """A box that cannot be read."""

    def consume(self, ticket: str, at: float) -> bool:
        """Fail."""
        raise Unavailable("ledger", "tickets: Permission denied")


async def _told(headers: list[tuple[bytes, bytes]], **scope: Any) -> dict[str, Any]:
    echo = Echo(_NoTickets(), prefix="", key_prefixes=("acme-",))
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("the body is not read")

    full = {
        "type": "http", "method": "GET", "path": f"/v1/echo/{TICKET}", "query_string": b"", "http_version": "1.1",
        "scheme": "http", "client": ("192.0.2.7", 5), "server": ("127.0.0.1", 8000), "headers": headers, **scope,
    }  # fmt: skip
    await echo(full, receive, send)
    told: dict[str, Any] = httpx2.Response(200, content=sent[1]["body"]).json()
    told["raw"] = sent[1]["body"]
    return told


def test_a_ticket_shows_the_request_once(server: BareServer, tmp_path: Path) -> None:
    """The first call with it is the echo; the second one meets an ordinary path."""
    path = f"/v1/echo/{TicketBox(tmp_path).mint(time.time()).ticket}"
    headers = {"X-Forwarded-For": "198.51.100.9, 10.0.0.1", "X-API-Key": SECRET, "User-Agent": "curl/8"}
    first = httpx2.post(server.url + path, headers=headers, content=b"body")
    again = httpx2.post(server.url + path, headers=headers, content=b"body")
    told = first.json()
    assert first.headers["cache-control"] == "no-store"
    assert told["request"] == {
        "method": "POST",
        "path": "/v1/echo/{ticket}",
        "query": None,
        "http_version": "1.1",
    }
    assert told["connection"]["peer"] == "127.0.0.1"
    assert (told["connection"]["scheme"], told["connection"]["tls"]) == ("http", None)
    assert told["forwarded"] == {"x-forwarded-for": ["198.51.100.9, 10.0.0.1"]}
    assert {"name": "user-agent", "value": "curl/8"} in told["headers"]
    assert SECRET not in first.text
    assert again.json()["path"] == path


def test_without_a_ticket_the_path_is_like_any_other(server: BareServer) -> None:
    """A wrong ticket, none, and one of the wrong shape are routed as if there were no echo."""
    for path in (f"/v1/echo/{TICKET}", "/v1/echo/", "/v1/echo", "/v1/echo/a/b", "/v1/echo/x"):
        assert httpx2.get(server.url + path).json()["path"] == path


def test_the_echo_tells_of_encryption(tmp_path: Path) -> None:
    """Version, cipher, protocol and name, as they were on this connection."""
    pair = make_pair(tmp_path, "localhost")
    settings = {"home": tmp_path, "server": {"tls_certificate": pair.certificate, "tls_key": pair.key}}
    with bare_server(tmp_path, **settings) as server:
        ticket = TicketBox(tmp_path).mint(time.time()).ticket
        told = httpx2.get(f"{server.url}/v1/echo/{ticket}", verify=False).json()
    assert told["connection"]["scheme"] == "https"
    assert told["connection"]["tls"]["version"].startswith("TLSv1.")


async def test_equal_values_can_be_compared_and_nothing_else() -> None:
    """A value that is not shown has a length and a MAC that whoever holds the ticket can compute."""
    told = await _told([(b"authorization", b"Bearer " + SECRET.encode()), (b"x-api-key", SECRET.encode())])
    by_name = {header["name"]: header for header in told["headers"]}
    key = hashlib.sha256(b"mattegate echo mac\0" + TICKET.encode()).digest()
    digits = hmac.new(key, SECRET.encode(), hashlib.sha256).hexdigest()
    assert by_name["x-api-key"] == {"name": "x-api-key", "length": len(SECRET), "mac": digits[:12]}
    assert by_name["authorization"]["mac"] != digits[:12]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"authorization", b"Basic dXNlcjpwYXNz"),
        (b"cookie", b"session=abc"),
        (b"proxy-authorization", b"Basic dXNlcjpwYXNz"),
        (b"x-api-key", b"short"),
        (b"x-custom", b"anything"),
        (b"referer", b"https://x/?key=short"),
        (b"user-agent", SECRET.encode()),
        (b"x-forwarded-for", b"10.0.0.1, " + SECRET.encode()),
        (b"via", b"1.1 Bearer abc"),
        (b"accept", b"ACME-short"),
        (b"host", b"x" * 2_000),
        (b"origin", b"https://" + b"a" * 40 + b".example"),
    ],
)
async def test_what_could_be_a_secret_is_never_shown(name: bytes, value: bytes) -> None:
    """Wherever somebody puts a key, also in a header that is usually told, only its length and MAC come back."""
    told = await _told([(name, value)])
    assert value not in told["raw"]
    assert told["headers"] == [{"name": name.decode(), "length": len(value), "mac": told["headers"][0]["mac"]}]


async def test_the_query_and_the_ticket_are_not_told() -> None:
    """A key in the query string has a length; the path is told without its ticket."""
    told = await _told([], query_string=b"api_key=short")
    assert told["request"]["query"]["length"] == 13
    assert b"short" not in told["raw"]
    assert TICKET.encode() not in told["raw"]


async def test_doubled_headers_are_named_and_both_are_told() -> None:
    """Order and repetition are what proxies change, so they stay as they came."""
    told = await _told([(b"x-forwarded-proto", b"http"), (b"accept", b"*/*"), (b"x-forwarded-proto", b"https")])
    assert told["doubled"] == ["x-forwarded-proto"]
    assert told["forwarded"] == {"x-forwarded-proto": ["http", "https"]}


async def test_a_form_is_told_by_its_type() -> None:
    """Its boundary looks like a secret and would hide the type."""
    told = await _told([(b"content-type", b"multipart/form-data; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW")])
    assert told["headers"] == [{"name": "content-type", "value": "multipart/form-data"}]


@given(st.lists(st.tuples(st.binary(max_size=40), st.binary(max_size=80)), max_size=6))
@example([(b"host", b"\xff\xfe"), (b"\xff", b"")])
def test_any_headers_are_told(headers: list[tuple[bytes, bytes]]) -> None:
    """Whatever bytes arrive, the answer is JSON with one entry for each header."""
    import asyncio  # noqa: PLC0415 - hypothesis calls this without a loop

    told = asyncio.run(_told(headers))
    assert [header["name"] for header in told["headers"]] == [name.decode("latin-1") for name, _ in headers]


def test_only_its_own_paths_are_wanted() -> None:
    """Under the prefix of the server, with one word behind it."""
    echo = Echo(_NoTickets(), prefix="/api")
    assert echo.wants(f"/api/v1/echo/{TICKET}") == TICKET
    for path in (
        f"/v1/echo/{TICKET}",
        "/api/v1/echo/",
        "/api/v1/echo/a/b",
        "/api/v1/echo/a b",
        "/api/v1/echo/" + "a" * 200,
    ):
        assert echo.wants(path) is None


def test_a_box_that_cannot_be_read_is_no_ticket_for_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    """A caller learns nothing of it; the operator reads why."""
    with caplog.at_level(logging.ERROR, logger="mattegate.echo"):
        assert not Echo(_NoTickets(), prefix="").consume(TICKET, 1.0)
    assert "Permission denied" in caplog.text
