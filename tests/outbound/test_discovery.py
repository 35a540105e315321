"""How the key set of an issuer is found, and what documents must not be able to say."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.discovery import Issuer, discovered_keys
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_rules import OutboundRules
from tests.outbound.upstreams import (
    OUTSIDE,
    Authority,
    Names,
    Upstream,
    inside,
    redirect,
    reply,
    routes,
    rules,
    says,
    upstream,
)

OIDC = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


def metadata(**members: object) -> bytes:
    """A metadata document."""
    return reply(json.dumps(members).encode(), headers=["Content-Type: application/json"])


@pytest.mark.parametrize(
    ("path", "place"),
    [("", OIDC), ("/", OIDC), ("/tenant", "/tenant" + OIDC), ("/tenant/", "/tenant" + OIDC), ("", OAUTH),
     ("/tenant/a", OAUTH + "/tenant/a"), ("/tenant/", OAUTH + "/tenant")],
)  # fmt: skip
async def test_keys_are_found_by_either_standard(path: str, place: str) -> None:
    """OpenID Connect appends to the issuer; RFC 8414 puts its part before the issuer's path."""
    table: dict[str, bytes] = {"/keys": reply(b"the keys")}
    async with upstream(routes(table)) as server:
        issuer = server.url(path) if path else server.url().removesuffix("/")
        table[place] = metadata(issuer=issuer, jwks_uri=server.url("/keys"), token_endpoint="ignored")
        fetched = await discovered_keys(GuardedHttp(), Issuer(issuer), rules(server.port))
    assert fetched.body == b"the keys"


@pytest.mark.parametrize(
    "named",
    ["{}/", "{}/other", "https://elsewhere.example", "", "{} ", "HTTP{}", "{}?x", None, 7],
)  # fmt: skip
async def test_a_document_that_names_another_issuer_does_not_count(named: object) -> None:
    """Exactly the same characters: one slash more is another issuer."""
    table: dict[str, bytes] = {"/keys": reply(b"the keys")}
    async with upstream(routes(table)) as server:
        issuer = server.url().removesuffix("/")
        said = named.replace("{}", issuer) if isinstance(named, str) else named
        table[OIDC] = metadata(issuer=said, jwks_uri=server.url("/keys"))
        with pytest.raises(Blocked) as refused:
            await discovered_keys(GuardedHttp(), Issuer(issuer), rules(server.port))
        assert len(server.requests) == 1
    assert refused.value.cause is Cause.TYPE


@pytest.mark.parametrize(
    "document",
    [b"", b"<html>", b"[]", b"{}", b"\xff", b'{"issuer": "x"}', b"[" * 100_000, b'{"issuer":' * 20_000, b'"x"'],
)  # fmt: skip
async def test_what_is_no_metadata_is_typed(document: bytes) -> None:
    """Pages, fragments, bytes, and depth without end."""
    async with upstream(routes({OIDC: reply(document)})) as server:
        with pytest.raises(Blocked) as refused:
            await discovered_keys(GuardedHttp(), Issuer(server.url()), rules(server.port))
    assert refused.value.cause is Cause.TYPE


@pytest.mark.parametrize(
    ("keys_at", "cause"),
    [("http://127.0.0.1:{p}/", Cause.ADDRESS), ("http://169.254.169.254/", Cause.ADDRESS), ("file:///x", Cause.SCHEME),
     ("http://inner.example:{p}/", Cause.ADDRESS), ("//127.0.0.1:{p}/", Cause.URL), ("", Cause.URL)],
)  # fmt: skip
async def test_metadata_cannot_lead_inside(keys_at: str, cause: Cause) -> None:
    """An issuer is trusted for its tokens, not for our network."""
    with inside() as inner:
        table: dict[str, bytes] = {}
        async with upstream(routes(table)) as server:
            table[OIDC] = metadata(issuer=server.url(), jwks_uri=keys_at.replace("{p}", str(inner.port)))
            http = GuardedHttp(resolve=Names({"inner.example": ["127.0.0.1"]}))
            with pytest.raises(Blocked) as refused:
                await discovered_keys(http, Issuer(server.url()), rules(server.port, inner.port))
        assert refused.value.cause is cause
        assert inner.hits() == 0


async def test_an_inner_issuer_is_asked_where_the_operator_wrote_its_number() -> None:
    """The settings name it, so it may be asked, with its port, and its keys; a redirect elsewhere inside may not."""
    table: dict[str, bytes] = {"/keys": reply(b"the keys")}
    with inside() as inner:
        async with upstream(routes(table), host="127.0.0.9") as server:
            issuer = Issuer(server.url())
            table[OIDC] = metadata(issuer=issuer.url, jwks_uri=server.url("/keys"))
            assert (await discovered_keys(GuardedHttp(), issuer, OutboundRules())).body == b"the keys"
            table["/keys"] = redirect(f"http://127.0.0.1:{inner.port}/")
            with pytest.raises(Blocked) as refused:
                await discovered_keys(GuardedHttp(), issuer, OutboundRules(ports=frozenset({inner.port})))
        assert refused.value.cause is Cause.ADDRESS
        assert inner.hits() == 0


async def test_an_inner_issuer_by_name_needs_its_name_in_the_rules() -> None:
    """A name may come to mean anything, so writing it down is not enough."""
    table: dict[str, bytes] = {"/keys": reply(b"the keys")}
    http = GuardedHttp(resolve=Names({"idp.corp.example": ["127.0.0.9"]}))
    async with upstream(routes(table), host="127.0.0.9") as server:
        issuer = Issuer(server.url(host="idp.corp.example"))
        table[OIDC] = metadata(issuer=issuer.url, jwks_uri=server.url("/keys", host="idp.corp.example"))
        with pytest.raises(Blocked) as refused:
            await discovered_keys(http, issuer, OutboundRules())
        assert refused.value.cause is Cause.ADDRESS
        allowed = OutboundRules(allow_hosts=("*.Corp.example",))
        assert (await discovered_keys(http, issuer, allowed)).body == b"the keys"


async def test_only_an_absent_document_sends_us_to_the_other_place() -> None:
    """A server error is an outage, not an invitation."""
    table = {OIDC: reply(b"", status="500 Oops")}
    async with upstream(routes(table)) as server:
        with pytest.raises(Blocked) as refused:
            await discovered_keys(GuardedHttp(), Issuer(server.url()), rules(server.port))
        assert len(server.requests) == 1
    assert refused.value.facts["status"] == 500


async def test_an_endless_document_is_cut() -> None:
    """256 KiB of metadata are more than enough."""

    async def endless(_server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 400_000)

    async with upstream(endless) as server:
        with pytest.raises(Blocked, match="too_large"):
            await discovered_keys(GuardedHttp(), Issuer(server.url()), rules(server.port))


@pytest.mark.parametrize("url", ["", "idp.example", "https://idp.example/?x", "https://idp.example/#x", "ftp://a/"])
def test_an_issuer_is_an_address_without_query(url: str) -> None:
    """Refused when it is set."""
    with pytest.raises(Blocked):
        Issuer(url)


async def test_keys_of_an_https_issuer_do_not_come_without(tmp_path: Path) -> None:
    """Whoever sits between would choose them."""
    authority = Authority(tmp_path)
    table: dict[str, bytes] = {}
    plain_keys, secure = upstream(says(reply(b"forged"))), upstream(routes(table), tls=authority.serving(OUTSIDE))
    async with plain_keys as plain, secure as server:
        table[OIDC] = metadata(issuer=server.url(), jwks_uri=plain.url())
        http = GuardedHttp(tls=authority.trusting())
        with pytest.raises(Blocked, match="scheme"):
            await discovered_keys(http, Issuer(server.url()), rules(server.port, plain.port))
        assert plain.requests == []
        table[OIDC], table["/keys"] = metadata(issuer=server.url(), jwks_uri=server.url("/keys")), reply(b"the keys")
        assert (await discovered_keys(http, Issuer(server.url()), rules(server.port))).body == b"the keys"
