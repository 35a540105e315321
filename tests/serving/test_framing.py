"""Stories of HTTP that is almost right: shapes that smuggle, flood or mislead, told over raw sockets."""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.serving.served import problem_in, read_all

if TYPE_CHECKING:
    from tests.serving.served import Serve, Served

HEAD = b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nConnection: close\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    ("sent", "problem"),
    [
        (CHUNKED + b"zz\r\n", "grammar"),
        (CHUNKED + b"ffffffffffffffffff\r\n", "grammar"),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
        (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", "Transfer-Encoding"),
        (CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", "Transfer-Encoding"),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", "grammar"),
        (b"GET /health\r\n\r\n", "version 0.9"),
        (b"GET /health HTTP/2.0\r\nHost: x\r\n\r\n", "version 2.0"),
        (HEAD.replace(b"close", b"upgrade") + b"Upgrade: h2c\r\nContent-Length: 1\r\n\r\na", "Upgrade"),
    ],
)  # fmt: skip
def test_framing_that_two_servers_would_read_differently_is_refused(plain: Served, sent: bytes, problem: str) -> None:
    """Each gets its explanation, also where only the body turned out to be bad, and the connection ends."""
    answer = plain.talk(sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert problem_in(answer)["reason"] == "request.http"
    assert problem in problem_in(answer)["detail"]


def test_an_offer_of_another_protocol_is_answered_in_http_1(plain: Served) -> None:
    """Clients that offer h2c with every request get their page, and the connection ends with it."""
    answer = plain.talk(b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"connection: close" in answer


def test_trailer_fields_are_never_taken_for_headers(plain: Served, png: bytes) -> None:
    """A file name that comes behind the body names nothing (RFC 9110, section 6.5.1)."""
    answer = plain.talk(CHUNKED + _chunk(png) + b'0\r\nContent-Disposition: attachment; filename="evil.exe"\r\n\r\n')
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"evil" not in answer


@pytest.mark.parametrize("flood", [b"0\r\n" + 1000 * (b"x: " + bytes(97) + b"\r\n"), b"0\r\nx: ", b"1;"])
def test_endless_trailers_and_chunk_extensions_are_cut(plain: Served, flood: bytes) -> None:
    """What is neither head nor body has the limit of a head, so that it cannot fill the memory."""
    before = len(plain.access_lines())
    with closing(plain.connect()) as peer:
        peer.sendall(CHUNKED)
        try:
            peer.sendall(_chunk(b"a") + flood.replace(b"\0", b"a"))
            for _ in range(100):
                peer.sendall(b"a" * 65_536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        read_all(peer)
    assert "request.head_too_large" in {line["reason"] for line in plain.access_lines()[before:]}


def test_a_bad_request_behind_another_does_not_answer_in_its_place(serve: Serve, png: bytes) -> None:
    """While a cut-out is being made, garbage behind it ends the connection without an answer that is not its own."""
    server = serve(pause_s=0.5)
    sent = HEAD.replace(b"Connection: close\r\n", b"") + b"Content-Length: %d\r\n\r\n" % len(png) + png
    assert not server.talk(sent + b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 ")


def test_a_caller_who_goes_away_is_noticed_behind_a_second_request(serve: Serve, png: bytes) -> None:
    """The request in hand is called off, although another one had come in behind it."""
    server = serve(pause_s=5)
    sent = HEAD.replace(b"Connection: close\r\n", b"") + b"Content-Length: %d\r\n\r\n" % len(png) + png
    with closing(server.connect()) as peer:
        peer.sendall(sent + GET)
        time.sleep(0.3)
    time.sleep(0.5)
    assert [line["reason"] for line in server.access_lines()] == ["request.client_gone"]


@pytest.mark.parametrize("bomb", [b"[]," * 400_000, b"{}," * 400_000, b"[" * 100_000, b'{"a":' * 100_000])
def test_json_that_would_grow_in_memory_is_refused_unparsed(plain: Served, bomb: bytes) -> None:
    """A flat object of options is all that is read; a parser would make twenty bytes of each one."""
    answer = plain.post("/remove", content=b'{"a":[' + bomb + b"1]}", headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "request.malformed")
    assert "flat object" in answer.json()["detail"]


def test_more_connections_than_files_suffice_for_are_told_so(serve: Serve, png: bytes) -> None:
    """The next connection is refused with a reason, and those that are there are served."""
    server = serve({"files": 60})
    with closing(server.connect()) as first, closing(server.connect()):
        assert problem_in(server.talk(b""))["reason"] == "capacity.connections"
        first.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(png) + png)
        assert read_all(first).startswith(b"HTTP/1.1 200 ")
