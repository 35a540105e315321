"""The operator's own authorizer in the whole gate: asked last, remembered by sources and route, failing closed."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from mattegate.assembly import open_gate
from mattegate.config.faults import ConfigurationError
from mattegate.config.settings import AuthorizerSettings, HostSettings, OutboundSettings, Settings
from mattegate.gate.explain import checks
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import Record, Unavailable
from mattegate.ledger.records import Records
from mattegate.outbound.configured import rules_of
from mattegate.outbound.fetch import GuardedHttp
from mattegate.outbound.guard_url import read_url
from mattegate.serving.proving.authorizer_targets import open_target
from mattegate.vocabulary.authorizing import Answer, AuthorizerRequest
from tests.outbound.receivers import Receiver, receiver, status
from tests.outbound.upstreams import Names
from tests.serving import authorizing
from tests.serving.authorizing import saying
from tests.serving.planes import Planes, planes_of

SYNC, ASYNC = "tests.serving.authorizing:decide", "tests.serving.authorizing:decide_later"
PATIENT: dict[str, Any] = {"timeout_s": 20.0}


@contextmanager
def gate_with(home: Path, name: str = SYNC, **options: Any) -> Iterator[Planes]:
    """A gate over a home that asks the authorizer ``name``."""
    settings = AuthorizerSettings(**{"callable": name} | PATIENT | options)
    with planes_of("home", home, authorizer=settings, hosts=HostSettings()) as planes:
        yield planes


@contextmanager
def gate_asking(home: Path, hook: Receiver, **options: Any) -> Iterator[Planes]:
    """A gate over a home that posts its questions to ``hook``."""
    with gate_with(home, callable="", url=hook.url, **options) as planes:
        yield planes


def record_of(planes: Planes, answer: Any) -> Record:
    """What is kept of a refusal."""
    assert isinstance(planes.records, Records)
    record = planes.records.find(answer.headers["x-request-id"])
    assert isinstance(record, Record)
    return record


def replayed(planes: Planes, record: Record) -> object:
    """The record decided again by its own rulebook."""
    assert isinstance(planes.records, Records)
    rulebook = planes.records.rulebook(record.revision)
    assert rulebook is not None
    return replay(record.attempt, record.facts, record.findings, Rules.of(rulebook))


# --- what it is asked, and what it may say --------------------------------------------------------------------


@pytest.mark.parametrize("name", [SYNC, ASYNC, "tests.serving.authorizing:deciding"])
@pytest.mark.parametrize(
    "say", [True, {"allow": True}, {"allow": True, "context": {"a": "b"}, "ttl": 1, "why": ""}, Answer(True)]
)
def test_what_it_allows_is_served(tmp_path: Path, name: str, say: object) -> None:
    """By a function in a thread, one in the loop or an object; in every shape an answer may have."""
    with saying(lambda _: say) as asked, gate_with(tmp_path, name) as planes:
        assert planes.call(planes.key(), "GET", "/v1/whoami").status_code == 200
        assert len(asked) == 1


def test_it_sees_the_request_and_no_secret(tmp_path: Path) -> None:
    """Everything it may go by, the declared headers alone, and nothing of the key, wherever that stands."""
    sources = ("identity", "key", "address", "origin", "header:x-tenant")
    with saying(lambda _: True) as asked, gate_with(tmp_path, sources=sources) as planes:
        key = planes.key(scopes=("self", "cutout"))
        headers = {"Authorization": f"Bearer {key}", "X-Tenant": f"t1 {key}", "Cookie": "a=b", "X-Other": "c"}
        assert planes.api.get("/v1/whoami?x=1", headers=headers).status_code == 200
    (question,) = asked
    assert (question.method, question.path, question.route) == ("GET", "/v1/whoami", "whoami")
    assert (question.identity_name, question.tier, question.scopes) == ("alice", "vip", ("self", "cutout"))
    assert question.host == "testserver"
    assert question.origin is None
    assert question.request_id.startswith("req_")
    assert abs(question.at - time.time()) < 60
    assert list(question.headers) == ["x-tenant"]
    assert question.headers["x-tenant"].startswith("t1 ")
    assert key[12:] not in repr(question)
    assert {"a=b", "'c'"}.isdisjoint(repr(question).split())


def test_what_it_denies_is_named(tmp_path: Path) -> None:
    """The caller reads its words; the operator reads its context too; the record says the same when replayed."""
    answer = {"allow": False, "why": "the project is\nclosed", "context": {"project": "p7"}}
    with saying(lambda _: answer), gate_with(tmp_path) as planes:
        refused = planes.call(planes.key(), "GET", "/v1/whoami")
        assert (refused.status_code, refused.json()["reason"]) == (403, "authorizer.denied")
        assert "the project is closed" in refused.json()["detail"]
        assert "p7" not in refused.text
        record = record_of(planes, refused)
        told = next(check for check in checks(record.findings) if check["layer"] == "authorizer")
        assert told["effect"] == "EXPLICIT_DENY"
        for part in (SYNC, "project=p7", "the project is closed"):
            assert part in told["detail"]
        assert replayed(planes, record) == "same"


def test_its_context_is_for_the_operator_alone(tmp_path: Path) -> None:
    """Who looks up the own decision finds the denial, and nothing that the authorizer said beside it."""
    says: list[object] = [{"allow": False, "context": {"project": "p7"}, "ttl": 0}]
    with saying(lambda question: says[0] if question.route == "usage" else True), gate_with(tmp_path) as planes:
        key = planes.key()
        refused = planes.call(key, "GET", "/v1/usage")
        assert refused.status_code == 403
        shown = planes.call(key, "GET", f"/v1/decisions/{refused.headers['x-request-id']}")
        assert shown.json()["reason"] == "authorizer.denied"
        assert "p7" not in shown.text
        assert SYNC not in shown.text


def test_its_denials_and_failures_are_counted(tmp_path: Path) -> None:
    """By their reasons, as those of every layer."""
    says: list[object] = [False, None]
    with saying(lambda _: says.pop(0)), gate_with(tmp_path, ttl_s=0.0) as planes:
        key = planes.key()
        assert [planes.call(key, "GET", "/v1/whoami").status_code for _ in range(2)] == [403, 503]
        counted = planes.admin.get("/metrics", headers=planes.bearer).text
        for reason in ("authorizer.denied", "dependency.authorizer"):
            assert any(f'"{reason}"' in line and line.endswith(" 1.0") for line in counted.splitlines()), counted


# --- what is remembered -----------------------------------------------------------------------------------------


def test_an_answer_is_remembered_by_its_sources_and_the_route(tmp_path: Path) -> None:
    """The same again is not asked; another value of a declared header is, another route, another method, another key's
    identity too; a header that nobody declared makes no difference."""
    with saying(lambda _: True) as asked, gate_with(tmp_path, sources=("identity", "header:x-tenant")) as planes:
        key, other = planes.key(), planes.key("bob")

        def called(key: str, path: str = "/v1/whoami", **headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            planes.api.get(path, headers={"Authorization": f"Bearer {key}", **named})
            return len(asked)

        assert [called(key, x_tenant="a"), called(key, x_tenant="a", x_other="z")] == [1, 1]
        assert [called(key, x_tenant="b"), called(key, x_tenant="a, b"), called(key)] == [2, 3, 4]
        assert [called(key, x_tenant=""), called(key, x_tenant="")] == [5, 5]
        assert [called(key, "/v1/usage", x_tenant="a"), called(key, "/v1/usage", x_tenant="a")] == [6, 6]
        assert [called(other, x_tenant="a"), called(other, x_tenant="a")] == [7, 7]
        assert [called(planes.key(), x_tenant="a")] == [7]  # another key of the same identity
        assert planes.call(key, "POST", "/v1/keys", json={"name": "x"}).status_code == 201
        assert len(asked) == 8
        assert planes.call(key, "GET", "/v1/keys").status_code == 200
        assert len(asked) == 9


def test_a_remembered_denial_says_so(tmp_path: Path) -> None:
    """A denial is remembered as an allowance is."""
    with saying(lambda _: {"allow": False, "why": "no"}) as asked, gate_with(tmp_path) as planes:
        key = planes.key()
        refusals = [planes.call(key, "GET", "/v1/whoami") for _ in range(3)]
        assert [one.json()["reason"] for one in refusals] == ["authorizer.denied"] * 3
        assert len(asked) == 1
        facts = [record_of(planes, one).facts.authorizer for one in refusals]
        assert [fact and fact.cached for fact in facts] == [False, True, True]
        assert replayed(planes, record_of(planes, refusals[2])) == "same"


@pytest.mark.parametrize(("options", "ttl"), [({}, 0), ({"ttl_s": 0.0}, 100), ({"ttl_s": 0.0}, None)])
def test_an_answer_that_does_not_hold_is_asked_for_again(tmp_path: Path, options: Any, ttl: object) -> None:
    """Because it says so, or because the operator wants none remembered."""
    with saying(lambda _: {"allow": True, "ttl": ttl}) as asked, gate_with(tmp_path, **options) as planes:
        key = planes.key()
        for _ in range(3):
            planes.call(key, "GET", "/v1/whoami")
        assert len(asked) == 3


def test_requests_at_once_ask_once(tmp_path: Path) -> None:
    """Of several with the same key one asks, and all get its answer."""
    go = Event()
    with saying(lambda _: go.wait(15)) as asked, gate_with(tmp_path) as planes, ThreadPoolExecutor(5) as threads:
        key = planes.key()
        calls = [threads.submit(planes.call, key, "GET", "/v1/whoami") for _ in range(5)]
        while not asked:
            time.sleep(0.01)
        time.sleep(0.1)
        go.set()
        assert [call.result().status_code for call in calls] == [200] * 5
        assert len(asked) == 1


# --- how it fails -----------------------------------------------------------------------------------------------


def _raises(_: object) -> object:
    raise ZeroDivisionError("of a stranger")


FAILURES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "raises": (_raises, "ZeroDivisionError: of a stranger"),
    "exits": (lambda _: sys.exit(3), "SystemExit"),
    "nothing": (lambda _: None, "NoneType"),
    "a number": (lambda _: 1, "int"),
    "a text": (lambda _: "allow", "str"),
    "no word": (lambda _: {}, "'allow'"),
    "not true": (lambda _: {"allow": "true"}, "'allow'"),
    "one": (lambda _: {"allow": 1}, "'allow'"),
    "another member": (lambda _: {"allow": True, "tll": 3}, "members"),
    "context": (lambda _: {"allow": True, "context": {"a": 1}}, "'context'"),
    "much context": (lambda _: {"allow": True, "context": {str(i): "" for i in range(17)}}, "'context'"),
    "ttl": (lambda _: {"allow": True, "ttl": -1}, "'ttl'"),
    "no number": (lambda _: {"allow": True, "ttl": float("nan")}, "'ttl'"),
    "endless": (lambda _: {"allow": True, "ttl": float("inf")}, "'ttl'"),
    "why": (lambda _: {"allow": False, "why": 3}, "'why'"),
}


@pytest.mark.parametrize("how", FAILURES)
def test_what_is_no_answer_allows_nothing(tmp_path: Path, how: str) -> None:
    """Every wrong shape is 503 with the dependency's name for the operator, is not remembered, and replays the same."""
    say, told = FAILURES[how]
    with saying(say) as asked, gate_with(tmp_path) as planes:
        key = planes.key()
        refused = [planes.call(key, "GET", "/v1/whoami") for _ in range(2)]
        assert [one.status_code for one in refused] == [503, 503]
        assert refused[0].json()["reason"] == "dependency.unavailable"
        assert refused[0].headers["retry-after"]
        assert len(asked) == 2
        record = record_of(planes, refused[0])
        assert record.reason == "dependency.authorizer"
        assert told in record.findings[12].facts["problem"]  # type: ignore[operator]
        assert replayed(planes, record) == "same"


@pytest.mark.parametrize("name", [SYNC, ASYNC])
def test_one_that_takes_too_long_holds_up_nobody_else(tmp_path: Path, name: str) -> None:
    """Its own request is 503 after the timeout; meanwhile other routes are served."""
    over = Event()
    slow = (lambda _: over.wait(15)) if name == SYNC else (lambda _: asyncio.sleep(15))
    try:
        with (
            saying(slow) as asked,
            gate_with(tmp_path, name, timeout_s=1.0, except_routes=("usage",)) as planes,
            ThreadPoolExecutor(1) as threads,
        ):
            key = planes.key()
            call = threads.submit(planes.call, key, "GET", "/v1/whoami")
            while not asked:
                time.sleep(0.01)
            assert planes.call(key, "GET", "/v1/usage").status_code == 200
            assert not call.done()
            refused = call.result()
            assert refused.status_code == 503
            assert "within 1 s" in record_of(planes, refused).findings[12].facts["problem"]  # type: ignore[operator]
    finally:
        over.set()


@pytest.mark.parametrize(
    ("name", "told"),
    [("tests.serving.nowhere:decide", "ModuleNotFoundError"), ("tests.serving.authorizing:nothing", "AttributeError"),
     ("tests.serving.authorizing:not_a_function", "not a function")],
)  # fmt: skip
def test_a_callable_that_is_not_there_stops_the_start(tmp_path: Path, name: str, told: str) -> None:
    """With the setting's name, before anything is served."""
    settings = Settings(home=tmp_path, authorizer=AuthorizerSettings(callable=name))
    with pytest.raises(ConfigurationError) as error, open_gate(settings):
        pass
    assert error.value.faults[0].setting == "authorizer.callable"
    assert told in str(error.value)


# --- over HTTP --------------------------------------------------------------------------------------------------


def _json(code: int, body: object) -> Callable[[BaseHTTPRequestHandler, int], None]:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        handler.send_response(code)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        handler.wfile.write(sent)

    return answer


def test_an_address_is_asked_by_json(tmp_path: Path) -> None:
    """It gets the same question, and its answer is remembered."""
    with receiver(_json(200, {"allow": True, "ttl": 60})) as hook, gate_asking(tmp_path, hook) as planes:
        key = planes.key()
        for _ in range(2):
            assert planes.call(key, "GET", "/v1/whoami").status_code == 200
    (received,) = hook.received
    question = json.loads(received.body)
    assert (question["route"], question["identity_name"], question["headers"]) == ("whoami", "alice", {})
    assert key not in received.body.decode() + repr(received.headers)


@pytest.mark.parametrize(
    ("answer", "why"),
    [(_json(200, {"allow": False, "why": "closed"}), "closed"), (_json(403, {"why": "closed"}), "closed"),
     (_json(401, {"message": "no", "why": "closed"}), "closed"), (status(403), "no reason"),
     (status(401), "no reason")],
)  # fmt: skip
def test_an_address_denies_by_word_or_by_status(tmp_path: Path, answer: Any, why: str) -> None:
    """With its own words where it has any. The path of its address, which may be a secret, stands in no record."""
    with receiver(answer) as hook, gate_asking(tmp_path, hook) as planes:
        refused = planes.call(planes.key(), "GET", "/v1/whoami")
        assert (refused.status_code, refused.json()["reason"]) == (403, "authorizer.denied")
        assert why in refused.json()["detail"]
        record = record_of(planes, refused)
        assert record.facts.authorizer is not None
        assert record.facts.authorizer.name == hook.url.removesuffix("/hooks/very-secret-path")
        assert replayed(planes, record) == "same"


@pytest.mark.parametrize(
    "answer",
    [_json(200, {}), _json(200, b""), _json(200, b"<html>"), _json(200, [True]), _json(200, {"allow": "yes"}),
     _json(403, {"allow": True}), _json(403, b"<html>"), _json(204, b""), _json(500, {"allow": True}),
     _json(302, {"allow": True}), _json(200, {"allow": True, "pad": "x" * 70_000}),
     _json(200, b'{"allow": false, "allow": true}'), _json(200, b'{"allow": true, "ttl": NaN}'),
     _json(200, b'{"allow": true, "ttl": -1e999}'), _json(200, b"[" * 60_000), _json(200, b'{"allow": true}{}'),
     _json(200, b'{"allow": \xff}')],
)  # fmt: skip
def test_an_address_that_does_not_answer_rightly_allows_nothing(tmp_path: Path, answer: Any) -> None:
    """Any other status, any other shape, too much of it: 503."""
    with receiver(answer) as hook, gate_asking(tmp_path, hook) as planes:
        refused = planes.call(planes.key(), "GET", "/v1/whoami")
        assert refused.status_code == 503
        assert record_of(planes, refused).reason == "dependency.authorizer"


def _never(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.connection.settimeout(10)
    handler.rfile.read(1)  # until the other side has had enough


def test_an_address_where_nobody_listens_or_nobody_answers(tmp_path: Path) -> None:
    """Gone, and slow: 503 within the time that it has."""
    with receiver(_never) as hook, gate_asking(tmp_path / "slow", hook, timeout_s=0.3) as planes:
        begun = time.monotonic()
        assert planes.call(planes.key(), "GET", "/v1/whoami").status_code == 503
        assert time.monotonic() - begun < 5
    with gate_asking(tmp_path / "gone", hook) as planes:
        refused = planes.call(planes.key(), "GET", "/v1/whoami")
        assert record_of(planes, refused).findings[12].facts["problem"].startswith("connect: ")  # type: ignore[union-attr]


async def test_a_name_that_leads_inside_is_asked_only_where_it_is_allowed() -> None:
    """An address by number is the operator's own word; what a name means, a name server could change."""
    question = AuthorizerRequest(
        "req_1", 0.0, "GET", "/", "whoami", "h", "192.0.2.1", None, "id_1", "alice", "free", "k_1", ("self",)
    )
    with receiver(_json(200, {"allow": True})) as hook:
        port = read_url(hook.url).port
        settings = AuthorizerSettings(url=f"http://auth.corp.example:{port}/", **PATIENT)
        http = GuardedHttp(resolve=Names({"auth.corp.example": ["127.0.0.1"]}))
        closed = open_target(settings, http, rules_of(OutboundSettings()))
        assert closed is not None
        with pytest.raises(Unavailable, match=r"address: auth\.corp\.example leads to"):
            await closed.ask(question)
        assert hook.received == []
        opened = open_target(settings, http, rules_of(OutboundSettings(allow_hosts=("auth.corp.example",))))
        assert opened is not None
        assert await opened.ask(question) == {"allow": True}


# --- when it is asked -------------------------------------------------------------------------------------------


def test_nobody_is_asked_about_what_an_earlier_layer_refuses(tmp_path: Path) -> None:
    """Not without a key, with a wrong one, without a scope, on no route, for a bad option, from another host."""
    with (
        saying(lambda _: True) as asked,
        planes_of(
            "home", tmp_path, authorizer=AuthorizerSettings(callable=SYNC, **PATIENT),
            hosts=HostSettings(names=("api.example.com",), default_endpoint=False),
        ) as planes,
    ):  # fmt: skip
        key, narrow = planes.key(), planes.key("bob", scopes=("self",))
        here = {"Host": "api.example.com"}

        def status_of(method: str, path: str, key: str = "", **headers: str) -> int:
            proof = {"Authorization": f"Bearer {key}"} if key else {}
            return int(planes.api.request(method, path, headers=here | proof | headers).status_code)

        assert status_of("GET", "/v1/whoami") == 401
        assert status_of("GET", "/v1/whoami", key[:-1]) == 401
        assert status_of("GET", "/v1/usage", narrow) == 403
        assert status_of("GET", "/v1/nothing", key) == 404
        assert status_of("PUT", "/v1/whoami", key) == 405
        assert status_of("POST", "/v1/remove-bg?format=gif", key) == 400
        assert status_of("GET", "/v1/whoami", key, Host="elsewhere.example") == 403
        assert status_of("GET", "/v1/whoami", key, Origin="https://evil.example") == 403
        assert status_of("GET", "/health") == 200
        assert asked == []
        assert status_of("GET", "/v1/whoami", key) == 200
        assert len(asked) == 1


def test_another_authorizer_takes_over_between_two_requests(tmp_path: Path) -> None:
    """Settings that are read again name another one, or none; what the old one said is forgotten."""
    from mattegate.assembly import _apply  # noqa: PLC0415

    def settings(name: str) -> Settings:
        return Settings(home=tmp_path, authorizer=AuthorizerSettings(callable=name, **PATIENT))

    with saying(lambda _: True), open_gate(settings(SYNC)) as gate:
        for name in (ASYNC, "", SYNC):
            _apply(gate, settings(name))
            assert gate.gatehouse.rules().rulebook.authorizer.name == name
        with pytest.raises(ConfigurationError):
            _apply(gate, settings("tests.serving.nowhere:decide"))
        assert gate.gatehouse.rules().rulebook.authorizer.name == SYNC
    assert authorizing.asked == []
