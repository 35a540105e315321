"""An authorizer that is asked over HTTP: what it may say, and every way in which it may fail to."""

from __future__ import annotations

import asyncio
import json

import pytest

from mattegate.outbound.blocked import Blocked, Cause
from mattegate.outbound.callout import MAX_ANSWER, Authorizer, AuthorizerAnswer
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_rules import OutboundRules
from tests.outbound.upstreams import Names, Script, Upstream, inside, redirect, reply, says, upstream

QUESTION = {"key": "key_1", "address": "203.0.113.7", "scopes": ["cutout"], "at": 1.5, "anonymous": False, "none": None}


async def asked(script: Script, *, timeout_s: float = 2.0) -> AuthorizerAnswer:
    """What an authorizer with this script says; it stands on an inner address that the operator wrote down."""
    async with upstream(script, host="127.0.0.9") as server:
        authorizer = Authorizer(GuardedHttp(), server.url("/check"), OutboundRules(), timeout_s=timeout_s)
        return await authorizer.ask(QUESTION)


async def test_the_question_arrives_as_json_and_the_answer_as_an_object() -> None:
    """Fields as they were given, with the headers that the operator set."""
    async with upstream(says(reply(b'{"allow": true, "tier": "vip"}')), host="127.0.0.9") as server:
        authorizer = Authorizer(GuardedHttp(), server.url("/check"), OutboundRules())
        answer = await authorizer.ask(QUESTION, headers=(("authorization", "Bearer t"),))
    assert answer == AuthorizerAnswer(200, {"allow": True, "tier": "vip"})
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /check HTTP/1.1\r\n")
    assert b"\r\ncontent-type: application/json\r\n" in head
    assert b"\r\nauthorization: Bearer t" in head
    assert json.loads(body) == QUESTION


@pytest.mark.parametrize(
    ("answer", "said"),
    [(reply(b"", status="401 No"), AuthorizerAnswer(401, {})), (reply(b"", status="403 No"), AuthorizerAnswer(403, {})),
     (reply(b'{"why": "x"}', status="403 No"), AuthorizerAnswer(403, {"why": "x"})),
     (reply(b"{}"), AuthorizerAnswer(200, {}))],
)  # fmt: skip
async def test_a_refusal_is_an_answer_too(answer: bytes, said: AuthorizerAnswer) -> None:
    """With or without a body."""
    assert await asked(says(answer)) == said


@pytest.mark.parametrize(
    ("answer", "cause"),
    [(reply(b""), Cause.TYPE), (reply(b"true"), Cause.TYPE), (reply(b"[]"), Cause.TYPE), (reply(b"<html>"), Cause.TYPE),
     (reply(b'{"a":' * 9_000), Cause.TYPE), (reply(b'{"a": "\xff"}'), Cause.TYPE), (reply(b"{} {}"), Cause.TYPE),
     (reply(b"no", status="403 No"), Cause.TYPE), (reply(b"{}", status="500 Oops"), Cause.STATUS),
     (reply(b"{}", status="201 Made"), Cause.STATUS), (reply(b"{}", status="404 No"), Cause.STATUS),
     (redirect("http://127.0.0.9/other"), Cause.REDIRECT), (reply(b" " * (MAX_ANSWER + 1)), Cause.TOO_LARGE),
     (reply(b"{}", headers=["Content-Encoding: gzip"]), Cause.ENCODING), (b"", Cause.PROTOCOL),
     (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}", Cause.PROTOCOL)],
)  # fmt: skip
async def test_what_is_no_answer_is_never_taken_for_one(answer: bytes, cause: Cause) -> None:
    """Each has its cause, so that whoever asked can refuse as unavailable."""
    with pytest.raises(Blocked) as failed:
        await asked(says(answer))
    assert failed.value.cause is cause


async def test_a_slow_authorizer_costs_its_time_and_no_more() -> None:
    """The time is for everything together."""

    async def slow(_server: Upstream, _request: bytes, writer: asyncio.StreamWriter) -> None:
        for byte in reply(b"{}"):
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    began = asyncio.get_running_loop().time()
    with pytest.raises(Blocked, match="timeout"):
        await asked(slow, timeout_s=0.3)
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_name_that_leads_inside_needs_the_rules() -> None:
    """The operator wrote a name; what it means today is a name server's word."""
    with inside() as inner:
        http = GuardedHttp(resolve=Names({"authz.example": ["127.0.0.1"]}))
        with pytest.raises(Blocked, match="address"):
            await Authorizer(http, f"http://authz.example:{inner.port}/", OutboundRules()).ask({})
        assert inner.hits() == 0


@pytest.mark.parametrize("url", ["", "authz.example", "ftp://authz.example/", "http://a@b/", "http://0x7f.1/"])
def test_an_address_that_cannot_be_read_is_refused_when_it_is_set(url: str) -> None:
    """Not on the first request."""
    with pytest.raises(Blocked):
        Authorizer(GuardedHttp(), url, OutboundRules())
