"""Redirects as a way inside: each hop is read, resolved and checked like the first address."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.fetch import GuardedHttp
from tests.outbound.upstreams import (
    OUTSIDE,
    Authority,
    Names,
    inside,
    redirect,
    reply,
    routes,
    rules,
    says,
    upstream,
)

NAMES = {"inner.example": ["127.0.0.1"], "outer.example": [OUTSIDE], "mixed.example": [OUTSIDE, "::1"]}


@pytest.mark.parametrize(
    ("location", "cause"),
    [("http://127.0.0.1:{p}/", Cause.ADDRESS), ("//127.0.0.1:{p}/", Cause.ADDRESS),
     ("http://[::1]:{p}/", Cause.ADDRESS), ("///127.0.0.1:{p}/", Cause.STATUS),
     ("http://169.254.169.254/latest/meta-data/", Cause.ADDRESS), ("http://[::ffff:127.0.0.1]:{p}/", Cause.ADDRESS),
     ("http://inner.example:{p}/", Cause.ADDRESS), ("http://mixed.example:{p}/", Cause.ADDRESS),
     ("http://localhost:{p}/", Cause.RESOLVE), ("HTTP://127.0.0.1:{p}/", Cause.ADDRESS),
     ("http:127.0.0.1:{p}/", Cause.STATUS), ("http://2130706433:{p}/", Cause.HOST),
     ("http://outer.example@127.0.0.1:{p}/", Cause.URL), ("//a@127.0.0.1:{p}/", Cause.URL),
     ("http:\\\\127.0.0.1:{p}\\", Cause.URL), ("/\\127.0.0.1:{p}/", Cause.URL), ("/\t/127.0.0.1:{p}/", Cause.URL),
     ("http://outer.example:22/", Cause.PORT), ("file:///etc/passwd", Cause.SCHEME),
     ("gopher://127.0.0.1:{p}/_GET%20/", Cause.SCHEME), ("data:image/png;base64,AAAA", Cause.SCHEME),
     ("javascript:alert(1)", Cause.SCHEME), ("http://[::1", Cause.URL), ("http://\xff/", Cause.REDIRECT),
     ("", Cause.REDIRECT), ("#x", Cause.REDIRECT), ("?x", Cause.REDIRECT), ("http://nobody.example/", Cause.RESOLVE)],
)  # fmt: skip
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_leads_nowhere_inside(location: str, cause: Cause, status: str) -> None:
    """Any status, any spelling; where it leads back to the asking server, it ends by its own count."""
    with inside() as inner:
        first = redirect(location.replace("{p}", str(inner.port)), status)
        table = {"/": first, "/?x": first}
        async with upstream(routes(table)) as server:
            http, bounds = GuardedHttp(resolve=Names(NAMES)), rules(server.port, inner.port)
            with pytest.raises(Blocked) as refused:
                await http.fetch(server.url(), bounds)
        assert refused.value.cause is cause, refused.value.problem
        assert inner.hits() == 0


async def test_ten_hops_are_too_many_and_three_are_not() -> None:
    """The last of three is answered; a fourth is not asked for."""
    table = {f"/{hop}": redirect(f"/{hop + 1}") for hop in range(10)} | {"/10": reply(b"the end")}
    async with upstream(routes(table)) as server:
        with pytest.raises(Blocked) as refused:
            await GuardedHttp().fetch(server.url("/0"), rules(server.port))
        assert refused.value.cause is Cause.REDIRECT
        assert len(server.requests) == 4
        assert (await GuardedHttp().fetch(server.url("/7"), rules(server.port))).body == b"the end"


async def test_a_chain_of_servers_that_ends_inside_is_refused_at_its_end() -> None:
    """Outer to outer to inner: the refusal says at which request."""
    with inside() as inner:
        last = says(redirect(f"http://127.0.0.1:{inner.port}/"))
        async with upstream(last) as second, upstream(says(redirect(second.url()))) as first:
            with pytest.raises(Blocked) as refused:
                await GuardedHttp().fetch(first.url(), rules(first.port, second.port, inner.port))
        assert (refused.value.cause, refused.value.facts["hop"]) == (Cause.ADDRESS, 2)
        assert inner.hits() == 0


@pytest.mark.parametrize("locations", [[], ["/a", "/b"]])
async def test_a_redirect_to_no_place_or_to_two_is_none(locations: list[str]) -> None:
    """Two readers would take two different ones."""
    answer = reply(b"", status="302 Found", headers=[f"Location: {location}" for location in locations])
    async with upstream(says(answer)) as server:
        with pytest.raises(Blocked) as refused:
            await GuardedHttp().fetch(server.url(), rules(server.port))
    assert (refused.value.cause, refused.value.facts["hop"]) == (Cause.REDIRECT, 0)


async def test_where_no_redirect_is_allowed_none_is_followed() -> None:
    """Not even to the same server."""
    async with upstream(says(redirect("/b"))) as server:
        with pytest.raises(Blocked) as refused:
            await GuardedHttp().fetch(server.url(), rules(server.port, redirects=0))
        assert len(server.requests) == 1
    assert refused.value.cause is Cause.REDIRECT


async def test_credentials_stay_at_the_origin_they_were_meant_for() -> None:
    """The same server sees them again after a redirect; another port, another name, and the way back do not."""
    names = Names({"outer.example": [OUTSIDE]})
    headers = (("authorization", "Bearer secret"), ("cookie", "a=b"))
    async with upstream(routes({"/there": redirect("/here"), "/here": reply()})) as second:
        table = {"/": redirect("/same"), "/same": redirect(second.url("/there", host="outer.example"))}
        async with upstream(routes(table)) as first:
            http, bounds = GuardedHttp(resolve=names), rules(first.port, second.port)
            fetched = await http.fetch(first.url(), bounds, headers=headers)
    assert fetched.final_url == second.url("/here", host="outer.example")
    assert [b"secret" in request for request in first.requests] == [True, True]
    assert not any(b"secret" in request or b"cookie" in request for request in second.requests)
    assert len(second.requests) == 2


async def test_https_does_not_lead_to_http(tmp_path: Path) -> None:
    """Nor, where the rules say https alone, does anything begin without."""
    authority = Authority(tmp_path)
    names = Names({"outer.example": [OUTSIDE]})
    async with upstream(says(reply(b"plain"))) as plain:
        secure = upstream(says(redirect(plain.url())), tls=authority.serving("outer.example"))
        async with secure as server:
            http, bounds = GuardedHttp(resolve=names, tls=authority.trusting()), rules(server.port, plain.port)
            with pytest.raises(Blocked) as refused:
                await http.fetch(server.url(host="outer.example"), bounds)
            assert refused.value.cause is Cause.REDIRECT
            with pytest.raises(Blocked) as refused:
                await http.fetch(plain.url(), rules(plain.port, https_only=True))
            assert refused.value.cause is Cause.SCHEME
        assert plain.requests == []


async def test_a_redirect_may_have_letters_of_any_script_in_its_path() -> None:
    """They are sent percent-encoded, and what is encoded already stays as it is."""
    location = "/ü/%C3%BC/a|b?q=é".encode().decode("latin-1")
    table = {"/": redirect(location), "/%C3%BC/%C3%BC/a%7Cb?q=%C3%A9": reply(b"found")}
    async with upstream(routes(table)) as server:
        fetched = await GuardedHttp().fetch(server.url(), rules(server.port))
    assert fetched.body == b"found"
