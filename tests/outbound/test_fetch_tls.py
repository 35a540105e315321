"""TLS: the connection goes to a number, the certificate has to be the name's."""

from __future__ import annotations

import asyncio

import pytest
import uvloop

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import GuardedHttp
from tests.outbound.upstreams import OUTSIDE, Authority, Names, open_files, redirect, reply, rules, says, upstream

NAMES = {"secure.example": [OUTSIDE], "other.example": [OUTSIDE]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One authority for all of them."""
    return Authority(tmp_path_factory.mktemp("authority"))


async def test_the_name_is_checked_and_the_address_is_connected_to(authority: Authority) -> None:
    """Host, server name and certificate are the name's; so it is for an address that has a certificate."""
    for name in ("secure.example", OUTSIDE):
        async with upstream(says(reply()), tls=authority.serving(name)) as server:
            http = GuardedHttp(resolve=Names(NAMES), tls=authority.trusting())
            fetched = await http.fetch(server.url(host=name), rules(server.port, https_only=True))
        assert fetched.body == b"fine"
        assert b"\r\nhost: %s:%d\r\n" % (name.encode(), server.port) in server.requests[0]


@pytest.mark.parametrize(
    ("named", "asked", "days", "trusted"),
    [("other.example", "secure.example", 1, True), ("secure.example", OUTSIDE, 1, True),
     ("*.example.example", "secure.example", 1, True), ("secure.example", "secure.example", -1, True),
     ("secure.example", "secure.example", 1, False)],
)  # fmt: skip
async def test_a_wrong_certificate_is_refused_before_anything_is_sent(
    authority: Authority, *, named: str, asked: str, days: int, trusted: bool
) -> None:
    """Another's name, an address for a name, expired, signed by nobody known."""
    async with upstream(says(reply()), tls=authority.serving(named, days=days)) as server:
        before = open_files()
        http = GuardedHttp(resolve=Names(NAMES), tls=authority.trusting() if trusted else None)
        with pytest.raises(Blocked) as ended:
            await http.fetch(server.url(host=asked), rules(server.port))
        assert (ended.value.cause, ended.value.facts["host"]) == (Cause.TLS, asked)
        assert server.requests == []
        await asyncio.sleep(0.05)
        assert open_files() <= before


async def test_a_redirect_to_another_name_is_held_to_that_name(authority: Authority) -> None:
    """The certificate of the first does not vouch for the second, though both are the same machine."""
    async with upstream(says(reply()), tls=authority.serving("secure.example")) as second:
        leads = redirect(second.url(host="other.example"))
        async with upstream(says(leads), tls=authority.serving("secure.example")) as first:
            http = GuardedHttp(resolve=Names(NAMES), tls=authority.trusting())
            with pytest.raises(Blocked) as ended:
                await http.fetch(first.url(host="secure.example"), rules(first.port, second.port))
    assert (ended.value.cause, ended.value.facts["hop"]) == (Cause.TLS, 1)


async def test_what_does_not_speak_tls_is_not_spoken_to_without(authority: Authority) -> None:
    """No falling back, and one that says nothing at all is cut off in time."""
    async with upstream(says(reply())) as plain:
        http = GuardedHttp(tls=authority.trusting())
        with pytest.raises(Blocked) as ended:
            await http.fetch(plain.url().replace("http:", "https:"), rules(plain.port, connect_s=0.3))
        assert ended.value.cause in {Cause.TLS, Cause.TIMEOUT, Cause.CONNECT}
        assert plain.requests == []


async def test_a_handshake_that_never_ends_is_cut_and_its_socket_closed(authority: Authority) -> None:
    """A server that takes the connection and says nothing."""

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.transport.abort()

    over = asyncio.Event()
    listening = await asyncio.start_server(silent, OUTSIDE, 0)
    port = listening.sockets[0].getsockname()[1]
    http, before = GuardedHttp(tls=authority.trusting()), open_files()
    with pytest.raises(Blocked) as ended:
        await http.fetch(f"https://{OUTSIDE}:{port}/", rules(port, connect_s=0.2))
    assert (ended.value.cause, ended.value.facts["stage"]) == (Cause.TIMEOUT, "connect")
    await asyncio.sleep(0.05)
    assert open_files() == before + 1  # the server's end
    over.set()
    listening.close()
    await asyncio.sleep(0.05)


def test_it_is_the_same_in_the_event_loop_of_the_server(authority: Authority) -> None:
    """Served, it runs in uvloop: TLS, plain, a refusal, a cancelled request."""

    async def story() -> None:
        http = GuardedHttp(resolve=Names(NAMES), tls=authority.trusting())
        async with upstream(says(reply()), tls=authority.serving("secure.example")) as server:
            assert (await http.fetch(server.url(host="secure.example"), rules(server.port))).body == b"fine"
            with pytest.raises(Blocked, match="tls"):
                await http.fetch(server.url(host="other.example"), rules(server.port))
        async with upstream(says(b"HTTP/1.1 200 OK\r\n\r\n")) as server:
            before = open_files()
            for _ in range(5):
                assert (await http.fetch(server.url(), rules(server.port))).body == b""
            task = asyncio.create_task(http.fetch(server.url(), rules(server.port)))
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            with pytest.raises(Blocked, match="connect"):
                await http.fetch(f"http://127.0.0.76:{server.port}/", rules(server.port, networks=("127.0.0.76/32",)))
            await asyncio.sleep(0.1)
            assert open_files() <= before

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(story())
