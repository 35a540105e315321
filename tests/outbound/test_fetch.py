"""What a server that we ask can do to us: slow, endless, huge, compressed, lying, broken; and what it may say."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.exchange import MAX_HEAD
from mattegate.outbound.fetch import GuardedHttp
from tests.outbound.upstreams import (
    OUTSIDE,
    Names,
    Script,
    Upstream,
    inside,
    open_files,
    redirect,
    reply,
    rules,
    says,
    upstream,
)

QUICK: dict[str, Any] = {"stall_s": 0.2, "total_s": 0.6, "connect_s": 0.5}


async def refused(script: Script, *, max_bytes: int = 1_000, **bounds: Any) -> Blocked:
    """How a fetch from a server with this script ends."""
    async with upstream(script) as server:
        with pytest.raises(Blocked) as ended:
            await GuardedHttp().fetch(server.url("/secret?token=x"), rules(server.port, **bounds), max_bytes=max_bytes)
    assert "secret" not in ended.value.problem + str(ended.value) + repr(ended.value.facts)
    return ended.value


async def test_what_is_fetched_is_told_whole() -> None:
    """Bytes, type without parameters, the final address, headers; and what the server was asked."""
    answer = reply(b"\x89PNG", headers=["Content-Type: Image/PNG; charset=x", "Cache-Control: a", "cache-control: b"])
    async with upstream(says(answer)) as server:
        fetched = await GuardedHttp().fetch(server.url("/a?b=%20#c"), rules(server.port), accept="image/*")
    assert (fetched.body, fetched.content_type, fetched.final_url) == (b"\x89PNG", "image/png", server.url("/a?b=%20"))
    assert (fetched.header("cache-control"), fetched.header("etag")) == ("a, b", "")
    assert server.requests[0].split(b"\r\n") == [
        b"GET /a?b=%20 HTTP/1.1", b"host: 127.0.0.77:%d" % server.port, b"accept-encoding: identity",
        b"connection: close", b"user-agent: mattegate/1", b"accept: image/*", b"", b"",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nfine\r\n0\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\nf\r\n3\r\nine\r\n0\r\nTrailer: x\r\n\r\n",
     b"HTTP/1.1 200 OK\r\n\r\nfine", b"HTTP/1.0 200 OK\r\n\r\nfine",
     b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine",
     b"HTTP/1.1 200 OK\r\nContent-Encoding: identity\r\nContent-Length: 4\r\n\r\nfine"],
)  # fmt: skip
async def test_every_framing_of_http_is_understood(answer: bytes) -> None:
    """Chunks, lengths, the end of the connection, interim answers."""
    async with upstream(says(answer)) as server:
        assert (await GuardedHttp().fetch(server.url(), rules(server.port))).body == b"fine"


@pytest.mark.parametrize("status", ["204 No Content", "206 Partial", "304 Not Modified", "404 Not Found", "500 Oops"])
async def test_only_200_is_an_answer(status: str) -> None:
    """The status is a fact of the refusal."""
    blocked = await refused(says(reply(b"", status=status)))
    assert (blocked.cause, blocked.facts["status"]) == (Cause.STATUS, int(status[:3]))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [(reply(b"x" * 1_001), Cause.TOO_LARGE),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", Cause.TOO_LARGE),
     (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_001, Cause.TOO_LARGE),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1_001, Cause.TOO_LARGE),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + (b"1;" + b"e" * 900 + b"\r\nx\r\n") * 200,
      Cause.TOO_LARGE),
     (b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * MAX_HEAD + b"\r\n\r\n", Cause.TOO_LARGE),
     (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000 + b"\r\n", Cause.TOO_LARGE),
     (b"HTTP/1.1 100 Continue\r\n\r\n" * 2_000, Cause.TOO_LARGE),
     (reply(gzip.compress(bytes(1_000_000)), headers=["Content-Encoding: gzip"]), Cause.ENCODING),
     (reply(b"x", headers=["Content-Encoding: identity", "Content-Encoding: br"]), Cause.ENCODING),
     (reply(b"x", headers=["Content-Encoding: \xe9\x9b"]), Cause.ENCODING),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nshort", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nshort", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nshort", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nlonger\r\n0\r\n\r\n", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\n", Cause.PROTOCOL),
     (b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n", Cause.PROTOCOL), (b"HTTP/1.1 200 OK\r\nX y\r\n\r\n", Cause.PROTOCOL),
     (b"HTTP/2 200\r\n\r\n", Cause.PROTOCOL), (b"HTTP/1.1 999999 no\r\n\r\n", Cause.PROTOCOL),
     (b"SSH-2.0-OpenSSH_9.2\r\n", Cause.PROTOCOL), (b"<html>0.9</html>", Cause.PROTOCOL), (b"", Cause.PROTOCOL),
     (b"\x00" * 200_000, Cause.PROTOCOL), (b"\x15\x03\x01\x00\x02\x02\x28", Cause.PROTOCOL)],
)  # fmt: skip
async def test_an_answer_that_will_not_do_has_its_cause(answer: bytes, cause: Cause) -> None:
    """Too much, compressed unasked, framed by lies, or no HTTP at all."""
    blocked = await refused(says(answer))
    assert blocked.cause is cause, blocked.problem
    assert len(blocked.problem) < 300
    assert blocked.problem.isprintable()


PARTS = st.sampled_from(
    [b"HTTP/1.1 200 OK", b"HTTP/1.0 302 x", b"HTTP/1.1 100 C", b"\r\n", b"\n", b"\r", b": ", b"Content-Length", b"4",
     b"Transfer-Encoding: chunked", b"Location: /", b"Content-Encoding: gzip", b"Connection: close", b"0\r\n\r\n",
     b"4\r\nfine\r\n", b"fine", b"\x00", b" ", b"\t", b";x", b"-1", b"\xff"]
)  # fmt: skip


@given(st.lists(st.one_of(PARTS, st.binary(max_size=3)), max_size=20).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_no_answer_ends_untyped(answer: bytes) -> None:
    """Any bytes at all: they are an answer, or a typed refusal."""

    async def attempt() -> None:
        async with upstream(says(answer)) as server:
            with suppress(Blocked):
                fetched = await GuardedHttp().fetch(server.url(), rules(server.port, **QUICK), max_bytes=1_000)
                assert fetched.body in answer.replace(b"4\r\n", b"") or b"chunked" in answer

    asyncio.run(attempt())


async def test_a_second_answer_in_the_same_bytes_is_nobodys() -> None:
    """Response splitting: what follows the answer is never read as the answer to anything."""
    split = reply(b"mine", headers=["X: y"]) + reply(b"injected", headers=["Location: http://127.0.0.1/"])
    async with upstream(says(split)) as server:
        http = GuardedHttp()
        bodies = [(await http.fetch(server.url(), rules(server.port))).body for _ in range(3)]
    assert bodies == [b"mine"] * 3
    assert len(server.requests) == 3


async def test_no_connection_serves_two_hosts() -> None:
    """Two names of one address: each is asked by a connection of its own, however much the server would keep it open.

    A connection that is taken up again for another name would be one whose address nobody checked for that name.
    """
    kept = reply(headers=["Connection: keep-alive", "Keep-Alive: timeout=60"])
    async with upstream(says(redirect("/again"), kept)) as server:
        http = GuardedHttp(resolve=Names({"a.example": [OUTSIDE], "b.example": [OUTSIDE]}))
        bounds = rules(server.port)
        for host in ("a.example", "b.example", "a.example"):
            assert (await http.fetch(server.url(host=host), bounds)).body == b"fine"
        assert await settled(lambda: server.open, 0) == 0
    asked = [line for request in server.requests for line in request.lower().split(b"\r\n") if b"host:" in line]
    expected = ["a", "a", "b", "a"]  # the first leads to itself once
    assert asked == [f"host: {name}.example:{server.port}".encode() for name in expected]
    assert server.met == len(expected)
    assert all(b"\r\nconnection: close\r\n" in request.lower() for request in server.requests)


def dripping(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """Sends the pieces, and the last one again and again until the connection breaks."""

    async def script(_server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
        for piece in pieces[:-1]:
            writer.write(piece)
        while True:
            writer.write(pieces[-1])
            await writer.drain()
            await asyncio.sleep(pause_s)

    return script


@pytest.mark.parametrize(
    ("script", "cause"),
    [(dripping(b"", pause_s=9), Cause.TIMEOUT), (dripping(b"HTTP/1.1 200 OK\r\n", b"x", pause_s=0.02), Cause.TIMEOUT),
     (dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause_s=0.02), Cause.TIMEOUT),
     (dripping(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"", pause_s=9), Cause.TIMEOUT),
     (dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", pause_s=0.02), Cause.TIMEOUT),
     (dripping(b"HTTP/1.1 200 OK\r\n\r\n", bytes(100_000)), Cause.TOO_LARGE),
     (dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n" * 1_000), Cause.TOO_LARGE),
     (dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100), Cause.TOO_LARGE)],
)  # fmt: skip
async def test_slow_and_endless_answers_end(script: Script, cause: Cause) -> None:
    """One byte at a time resets no clock of the whole, and no stream is read beyond its bound."""
    began = asyncio.get_running_loop().time()
    blocked = await refused(script, **QUICK)
    assert blocked.cause is cause
    assert asyncio.get_running_loop().time() - began < 3


async def test_a_connection_that_is_reset_is_typed() -> None:
    """Before the head, and amid the body."""

    def resetting(*pieces: bytes) -> Script:
        async def script(_server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
            for piece in pieces:
                writer.write(piece)
                await asyncio.sleep(0.02)
            writer.get_extra_info("socket").setsockopt(1, 13, b"\1\0\0\0\0\0\0\0")  # SO_LINGER 0: a reset
            writer.transport.abort()

        return script

    for script in (resetting(), resetting(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx")):
        assert (await refused(script)).cause is Cause.CONNECT


async def test_nobody_listening_is_typed_and_the_next_address_is_tried() -> None:
    """Of several checked addresses the first that takes a connection serves."""
    async with upstream(says(reply())) as server:
        names = Names({"two.example": ["127.0.0.76", OUTSIDE], "one.example": ["127.0.0.76"]})
        bounds = rules(server.port, networks=("127.0.0.76/31",))
        fetched = await GuardedHttp(resolve=names).fetch(server.url(host="two.example"), bounds)
        assert fetched.body == b"fine"
        with pytest.raises(Blocked) as ended:
            await GuardedHttp(resolve=names).fetch(server.url(host="one.example"), bounds)
    assert (ended.value.cause, ended.value.facts["host"]) == (Cause.CONNECT, "one.example")


async def test_proxies_and_passwords_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would resolve and connect behind the guard's back."""
    with inside() as inner:
        for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{inner.port}")
        async with upstream(says(reply())) as server:
            assert (await GuardedHttp().fetch(server.url(), rules(server.port))).body == b"fine"
        assert inner.hits() == 0


async def test_a_header_with_a_line_break_is_our_own_mistake() -> None:
    """It is not sent, and it is no refusal of the other side's."""
    async with upstream(says(reply())) as server:
        with pytest.raises(ValueError, match="cannot be sent"):
            await GuardedHttp().fetch(server.url(), rules(server.port), headers=(("x", "a\r\nHost: b"),))
        assert server.requests == []


async def test_post_gives_every_answer_and_follows_none() -> None:
    """Status and body as they came."""
    answer = reply(b"{}", status="302 Found", headers=["Location: http://127.0.0.1/", "Content-Type: a/b"])
    async with upstream(says(answer)) as server:
        posted = await GuardedHttp().post(server.url(), rules(server.port), body=b"\x00body", headers=(("x", "y"),))
    assert (posted.status, posted.body, posted.content_type) == (302, b"{}", "a/b")
    assert server.requests[0].endswith(b"\r\n\r\n\x00body")
    assert len(server.requests) == 1


async def test_who_does_not_read_is_not_written_to_for_ever() -> None:
    """A body that nobody takes stalls like an answer that nobody gives."""
    over = asyncio.Event()

    async def deaf(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.transport.abort()

    listening = await asyncio.start_server(deaf, OUTSIDE, 0, limit=1_000)
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(Blocked) as ended:
        await GuardedHttp().post(f"http://{OUTSIDE}:{port}/", rules(port, stall_s=0.2), body=bytes(30_000_000))
    assert (ended.value.cause, "stage" in ended.value.facts) == (Cause.TIMEOUT, False)
    over.set()
    listening.close()
    await asyncio.sleep(0.05)


# --- many at once ----------------------------------------------------------------------------------------------------


async def settled(count: Callable[[], int], wanted: int) -> int:
    """The count once it is what is wanted, or after two seconds."""
    for _ in range(200):
        if count() == wanted:
            break
        await asyncio.sleep(0.01)
    return count()


async def test_fifty_fetches_at_once_take_no_longer_than_one_and_leave_nothing() -> None:
    """Each waits 0.2 s; together they take far less than ten seconds, and every socket is closed."""

    async def slow(_server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(reply())

    async with upstream(slow) as server:
        http, before = GuardedHttp(), open_files()
        began = asyncio.get_running_loop().time()
        fetches = (http.fetch(server.url(), rules(server.port)) for _ in range(50))
        assert {fetched.body for fetched in await asyncio.gather(*fetches)} == {b"fine"}
        assert asyncio.get_running_loop().time() - began < 2.5
        assert await settled(open_files, before) == before


@pytest.mark.parametrize("after_s", [0.0, 0.01, 0.05])
@pytest.mark.parametrize(
    "script",
    [
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", pause_s=0.02),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause_s=0.02),
    ],
)
async def test_a_cancelled_fetch_closes_its_socket(script: Script, after_s: float) -> None:
    """Whenever it comes: both ends are free soon after."""
    async with upstream(script) as server:
        before = open_files()
        fetches = [asyncio.create_task(GuardedHttp().fetch(server.url(), rules(server.port))) for _ in range(20)]
        await asyncio.sleep(after_s)
        for fetch in fetches:
            fetch.cancel()
        ends = await asyncio.gather(*fetches, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ends)
        assert await settled(lambda: server.open, 0) == 0
        assert await settled(open_files, before) == before


async def test_refused_answers_leave_no_socket() -> None:
    """Every kind of end, many times over."""
    answers = [b"", reply(bytes(2_000)), b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", reply(b"", status="500 x")]
    async with upstream(says(*answers * 10)) as server:
        before = open_files()
        for _ in range(40):
            with pytest.raises(Blocked):
                await GuardedHttp().fetch(server.url(), rules(server.port), max_bytes=1_000)
        assert await settled(open_files, before) == before
