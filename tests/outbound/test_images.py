"""Images from addresses that strangers name."""

from __future__ import annotations

import pytest

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_rules import OutboundRules
from mattegate.outbound.images import fetch_image
from tests.outbound.upstreams import OUTSIDE, Names, inside, redirect, reply, routes, rules, says, upstream

NAMES = {
    name: [OUTSIDE] for name in ("cdn.example", "a.cdn.example", "b.a.cdn.example", "evilcdn.example", "x.example")
}


@pytest.mark.parametrize("kind", ["image/png", "image/x-anything; a=b", "application/octet-stream", ""])
async def test_an_image_or_plain_bytes_are_taken(kind: str) -> None:
    """What it is, whoever decodes it finds out."""
    answer = reply(b"\x89PNG", headers=[f"Content-Type: {kind}"] if kind else [])
    async with upstream(says(answer)) as server:
        assert (await fetch_image(GuardedHttp(), server.url(), rules(server.port))).body == b"\x89PNG"
    assert b"\r\naccept: image/*" in server.requests[0]


@pytest.mark.parametrize("kind", ["text/html; charset=utf-8", "application/json", "video/mp4", "imagery", "\xe9"])
async def test_a_page_is_no_image(kind: str) -> None:
    """A link to a page about an image is the usual mistake, and has its own cause."""
    async with upstream(says(reply(b"<html>", headers=[f"Content-Type: {kind}"]))) as server:
        with pytest.raises(Blocked) as refused:
            await fetch_image(GuardedHttp(), server.url(), rules(server.port))
    assert refused.value.cause is Cause.TYPE


@pytest.mark.parametrize(
    ("hosts", "host", "allowed"),
    [(None, "x.example", True), (["cdn.example"], "cdn.example", True), (["CDN.example"], "cdn.example", True),
     (["cdn.example"], "CDN.EXAMPLE", True), (["*.cdn.example"], "a.cdn.example", True),
     (["*.cdn.example"], "b.a.cdn.example", True), (["*.cdn.example"], "cdn.example", False),
     (["cdn.example"], "a.cdn.example", False), (["cdn.example"], "evilcdn.example", False),
     (["*.cdn.example"], "evilcdn.example", False), (["y.example", "x.example"], "x.example", True),
     ([], "x.example", False), (["*"], "x.example", False), (["x.example"], OUTSIDE, False)],
)  # fmt: skip
async def test_a_key_may_name_the_hosts_it_may_ask(*, hosts: list[str] | None, host: str, allowed: bool) -> None:
    """Names exactly, or everything below one; none at all means none, and no list means any."""
    async with upstream(says(reply())) as server:
        http, url = GuardedHttp(resolve=Names(NAMES)), server.url(host=host)
        if allowed:
            assert (await fetch_image(http, url, rules(server.port), hosts=hosts)).body == b"fine"
            return
        with pytest.raises(Blocked) as refused:
            await fetch_image(http, url, rules(server.port), hosts=hosts)
        assert (refused.value.cause, server.requests) == (Cause.HOST, [])


async def test_the_hosts_of_a_key_hold_on_every_hop() -> None:
    """A host that is allowed cannot send us to one that is not, and a key cannot widen what the operator narrowed."""
    table: dict[str, bytes] = {}
    async with upstream(routes(table)) as server:
        table["/"] = redirect(server.url("/there", host="x.example"))
        http, bounds = GuardedHttp(resolve=Names(NAMES)), rules(server.port)
        with pytest.raises(Blocked) as refused:
            await fetch_image(http, server.url(host="cdn.example"), bounds, hosts=["cdn.example"])
        assert (refused.value.cause, refused.value.facts["hop"]) == (Cause.HOST, 1)
        with pytest.raises(Blocked, match="host"):
            await fetch_image(http, server.url(host="x.example"), bounds.only(["cdn.example"]), hosts=["x.example"])


async def test_a_stranger_gets_nothing_from_inside_and_no_more_than_the_bound() -> None:
    """Not even where the key lists an inner name."""
    with inside() as inner:
        http = GuardedHttp(resolve=Names({"inner.example": ["127.0.0.1"]}))
        bounds = OutboundRules(ports=frozenset({inner.port}))
        with pytest.raises(Blocked) as refused:
            await fetch_image(http, f"http://inner.example:{inner.port}/", bounds, hosts=["inner.example"])
        assert (refused.value.cause.public, inner.hits()) == (Cause.RESOLVE, 0)
    async with upstream(says(reply(bytes(1_001)))) as server:
        with pytest.raises(Blocked, match="too_large"):
            await fetch_image(GuardedHttp(), server.url(), rules(server.port), max_bytes=1_000)
