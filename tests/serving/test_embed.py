"""Stories of the gate around somebody else's application: requests, WebSockets, and what happens when it is closed."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import pytest
import uvicorn
from fastapi import Depends, FastAPI, Request, WebSocket
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from mattegate.config.settings import CorsSettings, KeySettings, Settings
from mattegate.ledger.protocols import Record
from mattegate.serving.app import DataPlane
from mattegate.serving.embed import Gate
from mattegate.vocabulary.rulebook import Limit, Tier
from tests.serving.engines import EchoEngine
from tests.serving.gates import MemoryGate, memory_gate

HOME = "https://home.example"
SETTINGS = Settings(
    cors=CorsSettings(allowed_origins=(HOME,)),
    tiers=(Tier("vip", (), priority="vip"), Tier("two", (Limit("hourly", "quota", 2, 3600),))),
)


@dataclass
class Running:
    """A served application and the gate's parts."""

    port: int
    parts: MemoryGate
    seen: list[str] = field(default_factory=list)

    def get(self, path: str, **headers: str) -> httpx2.Response:
        """One GET."""
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", headers=headers)

    def dial(self, path: str, *, origin: str | None = None, **headers: str) -> Any:
        """One WebSocket; raises ``InvalidStatus`` where it is refused."""
        url = f"ws://127.0.0.1:{self.port}{path}"
        return connect(url, origin=Origin(origin) if origin else None, additional_headers=headers, proxy=None)

    def record(self, request_id: str) -> Record:
        """What is on record of an answer."""
        found = self.parts.records.find(request_id)
        assert isinstance(found, Record)
        return found


@contextmanager
def served(build: Callable[[Gate, list[str]], ASGIApp], **gate_options: Any) -> Iterator[Running]:
    """An application under uvicorn in a thread, on a free port; ``build`` gets its open gate and a list to write to."""
    seen: list[str] = []
    gate = Gate(**gate_options)
    with memory_gate(SETTINGS) as parts, gate.open(parts.gatehouse):
        server = uvicorn.Server(uvicorn.Config(build(gate, seen), port=0, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Running(port, parts, seen)
        finally:
            server.should_exit = True
            thread.join()


def _echoing(seen: list[str]) -> FastAPI:
    app = FastAPI()

    @app.websocket("/echo")
    async def echo(socket: WebSocket) -> None:
        seen.append("echo")
        await socket.accept()
        await socket.send_text(await socket.receive_text())
        await socket.close()

    @app.websocket("/closed")
    async def closed(socket: WebSocket) -> None:
        seen.append("closed")
        await socket.close()

    @app.get("/")
    async def root() -> dict[str, bool]:
        seen.append("root")
        return {"ok": True}

    return app


def _protected(gate: Gate, seen: list[str]) -> ASGIApp:
    app = _echoing(seen)
    app.add_middleware(gate.protect, public=("/",))
    return app


def _asking(gate: Gate, seen: list[str]) -> ASGIApp:
    app = _echoing(seen)
    app.add_middleware(gate.explaining)

    @app.websocket("/mine", dependencies=[Depends(gate)])
    async def mine(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text(gate.caller(socket).identity.name)
        await socket.close()

    return app


def _refusal(running: Running, path: str, **headers: Any) -> tuple[int, dict[str, Any]]:
    with pytest.raises(InvalidStatus) as refused:
        running.dial(path, **headers)
    response = refused.value.response
    assert response.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = json.loads(response.body)
    assert document["request_id"] == response.headers["X-Request-Id"]
    return response.status_code, document


@pytest.fixture(scope="module")
def protected() -> Iterator[Running]:
    """Everything behind the middleware but the public page."""
    with served(_protected) as running:
        yield running


@pytest.mark.parametrize("path", ["/echo", "/nothing"])
def test_a_websocket_without_a_key_never_reaches_the_application(protected: Running, path: str) -> None:
    """The handshake is refused like any request, with its explanation and a record."""
    before = len(protected.seen)
    status, problem = _refusal(protected, path)
    assert (status, problem["reason"]) == (401, "credential.missing")
    assert len(protected.seen) == before
    record = protected.record(problem["request_id"])
    assert (record.status, record.attempt.method, record.attempt.path) == (401, "GET", path)


def test_a_public_path_is_public_for_websockets_too(protected: Running) -> None:
    """What is listed goes through to the application, which has no WebSocket there."""
    with pytest.raises(InvalidStatus) as refused:
        protected.dial("/")
    assert refused.value.response.status_code == 403
    assert "Content-Type" not in refused.value.response.headers or b"problem" not in refused.value.response.body


def test_a_websocket_with_a_key_is_let_in_and_recorded(protected: Running) -> None:
    """The answer to the handshake carries an id, under which stands who it was."""
    key = protected.parts.key("dialler")
    with protected.dial("/echo", Authorization=f"Bearer {key}") as socket:
        socket.send("hello")
        assert socket.recv() == "hello"
        record = protected.record(socket.response.headers["X-Request-Id"])
    assert (record.status, record.reason) == (101, "")
    assert record.facts.credential is not None
    assert record.facts.credential.key is not None
    assert record.facts.credential.key.identity.name == "dialler"


def test_a_page_from_elsewhere_cannot_open_a_websocket(protected: Running) -> None:
    """Browsers send no preflight for WebSockets, so the origin of the handshake is what protects a login."""
    key = protected.parts.key("visited")
    status, problem = _refusal(protected, "/echo", origin="https://evil.example", Authorization=f"Bearer {key}")
    assert (status, problem["reason"]) == (403, "origin.not_allowed")
    with protected.dial("/echo", origin=HOME, Authorization=f"Bearer {key}") as socket:
        socket.send("at home")
        assert socket.recv() == "at home"


def test_websockets_take_from_the_quota_once_they_are_accepted(protected: Running) -> None:
    """A handshake that the application turns down costs nothing; two that it accepts use up a quota of two."""
    key = protected.parts.key("pair", tier="two")
    with pytest.raises(InvalidStatus):
        protected.dial("/closed", **{"X-API-Key": key})
    for _ in range(2):
        with protected.dial("/echo", **{"X-API-Key": key}) as socket:
            socket.send("x")
            assert socket.recv() == "x"
    status, problem = _refusal(protected, "/echo", **{"X-API-Key": key})
    assert (status, problem["reason"]) == (429, "quota.exceeded")


def test_a_dependency_decides_on_websockets_too() -> None:
    """A route that depends on the gate is closed to strangers; one that does not is open, which is what it says."""
    with served(_asking) as running:
        key = running.parts.key("asked")
        with running.dial("/mine", **{"X-API-Key": key}) as socket:
            assert socket.recv() == "asked"
        assert _refusal(running, "/mine")[1]["reason"] == "credential.missing"
        with running.dial("/echo") as socket:
            socket.send("open")
            assert socket.recv() == "open"


def test_only_counted_methods_take_from_limits() -> None:
    """With ``metered`` as methods, looking is free and a WebSocket is not."""
    with served(_protected, metered=("POST",)) as running:
        key = {"X-API-Key": running.parts.key("looker", tier="two")}
        assert {running.get("/docs", **key).status_code for _ in range(5)} == {200}
        for _ in range(2):
            with running.dial("/echo", **key) as socket:
                socket.send("work")
                assert socket.recv() == "work"
        assert _refusal(running, "/echo", **key)[1]["reason"] == "quota.exceeded"


def test_a_server_that_cannot_answer_a_handshake_closes_it() -> None:
    """Without the ASGI extension for it there is no explanation to send, but no way in either."""
    with memory_gate(SETTINGS) as parts:
        gate = Gate()
        with gate.open(parts.gatehouse):
            sent = _asked(gate.protect(_unreachable), _handshake(extensions={}), [{"type": "websocket.connect"}])
    assert sent == [{"type": "websocket.close", "code": 1008, "reason": ""}]


def test_the_data_plane_has_no_websockets() -> None:
    """Whoever mounts it elsewhere opens no side door: with a key a WebSocket is an unknown route, without one a 401."""
    settings = Settings(keys=KeySettings())
    with memory_gate(settings) as parts:
        plane = DataPlane(settings, EchoEngine(), parts.gatehouse, records=parts.records, standing=parts.usage.standing)
        key = parts.key()
        for headers, status in (([], 401), ([(b"x-api-key", key.encode())], 404)):
            scope = _handshake(path="/v1/whoami", headers=[(b"host", b"x"), *headers])
            assert _asked(plane, scope, [{"type": "websocket.connect"}])[0]["status"] == status


@pytest.mark.parametrize("scope_type", ["http", "websocket"])
def test_a_closed_gate_lets_nothing_through(scope_type: str) -> None:
    """Forgotten wiring is told to whoever forgot it, and is never an open door."""
    gate = Gate()
    scope = _handshake() if scope_type == "websocket" else _request()
    for app in (gate.protect(_unreachable), gate.explaining(_unreachable)):
        with pytest.raises(RuntimeError, match="the gate is closed"):
            _asked(app, dict(scope), [])
    with memory_gate(SETTINGS) as parts:
        with gate.open(parts.gatehouse), pytest.raises(RuntimeError, match="open already"), gate.open(parts.gatehouse):
            pass
        with pytest.raises(RuntimeError, match="the gate is closed"):
            _asked(gate.protect(_unreachable), dict(scope), [])


def test_two_gates_cannot_both_decide() -> None:
    """One request has one decision and one record; asking for a second is a fault of the wiring, so nobody gets in."""
    other = Gate(scope="reports")

    def build(gate: Gate, seen: list[str]) -> ASGIApp:
        app = FastAPI()

        @app.get("/reports", dependencies=[Depends(other)])
        async def reports() -> None:
            seen.append("reports")

        app.add_middleware(gate.protect)
        return app

    with served(build) as running, other.open(running.parts.gatehouse):
        answer = running.get("/reports", **{"X-API-Key": running.parts.key("double")})
        assert (answer.status_code, answer.json()["reason"], running.seen) == (500, "internal.error", [])


def test_gates_within_each_other_decide_once() -> None:
    """A protected part of an explained application: one id, one record, one unit, however often the gate is asked."""

    def build(gate: Gate, seen: list[str]) -> ASGIApp:
        app, part = FastAPI(), _echoing(seen)
        part.add_middleware(gate.protect)
        part.add_middleware(gate.protect)

        @part.get("/whoami", dependencies=[Depends(gate)])
        async def whoami(request: Request) -> str:
            return gate.caller(request).identity.name

        app.mount("/part", part)
        app.add_middleware(gate.explaining)
        return app

    with served(build) as running:
        refused = running.get("/part/whoami")
        assert refused.json()["request_id"] == refused.headers["x-request-id"]
        assert running.record(refused.headers["x-request-id"]).reason == "credential.missing"
        key = running.parts.key("nested", tier="two")
        answers = [running.get("/part/whoami", **{"X-API-Key": key}) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200, 200, 429]
        assert answers[0].json() == "nested"
        assert len(answers[0].headers.get_list("x-request-id")) == 1


def test_the_gate_answers_preflights(protected: Running) -> None:
    """An allowed page may ask with a key, another is refused with its reason, and the application sees neither."""
    before = len(protected.seen)
    for origin, status in ((HOME, 204), ("https://evil.example", 403)):
        asked = {
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = httpx2.options(f"http://127.0.0.1:{protected.port}/echo", headers=asked)
        assert (answer.status_code, answer.headers.get("access-control-allow-origin")) == (
            (status, origin if status == 204 else None)
        )
    assert answer.headers["x-mattegate-reason"] == "origin.not_allowed"
    assert answer.headers["link"].startswith("<https://mattegate.invalid/reasons#")
    assert len(protected.seen) == before


def test_a_dependency_without_its_middleware_is_no_dependency() -> None:
    """The refusal would have nobody to explain it."""
    gate = Gate()
    with memory_gate(SETTINGS) as parts, gate.open(parts.gatehouse):
        app = FastAPI()

        @app.get("/", dependencies=[Depends(gate)])
        async def root() -> None: ...

        with pytest.raises(RuntimeError, match="needs app"):
            _asked(app, _request(), [{"type": "http.request", "body": b"", "more_body": False}])


@pytest.mark.parametrize(
    ("gone", "status", "reason"), [(False, 500, "internal.error"), (True, 499, "request.client_gone")]
)
def test_an_application_that_answers_nothing_costs_nothing(gone: bool, status: int, reason: str) -> None:
    """Silence is the application's fault, or nobody listens any more; on record either way, and the unit given back."""

    async def silent(_: Scope, receive: Receive, __: Send) -> None:
        await receive()

    gate = Gate()
    with memory_gate(SETTINGS) as parts, gate.open(parts.gatehouse):
        key = parts.key("unlucky", tier="two")
        message = {"type": "http.disconnect"} if gone else {"type": "http.request", "body": b"", "more_body": False}
        for _ in range(5):
            scope = _request(headers=[(b"host", b"x"), (b"x-api-key", key.encode())])
            sent = _asked(gate.protect(silent), scope, [message])
            assert [one["status"] for one in sent if "status" in one] == ([] if gone else [status])
        records = list(parts.records.recent(10))
        assert {(record.status, record.reason) for record in records} == {(status, reason)}


async def _unreachable(_: Scope, __: Receive, ___: Send) -> None:
    raise AssertionError("the application was reached")


def _request(**more: Any) -> Scope:
    return {
        "type": "http", "method": "GET", "scheme": "http", "path": "/", "raw_path": b"/", "query_string": b"",
        "headers": [(b"host", b"x")], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "http_version": "1.1",
        "root_path": "",
    } | more  # fmt: skip


def _handshake(**more: Any) -> Scope:
    scope = _request(scheme="ws", type="websocket", extensions={"websocket.http.response": {}})
    del scope["method"]
    return {**scope, **more}


def _asked(app: ASGIApp, scope: Scope, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What ``app`` sends."""
    sent: list[dict[str, Any]] = []
    waiting = iter(messages)

    async def receive() -> Message:
        return next(waiting)

    async def send(message: Message) -> None:
        sent.append(dict(message))

    asyncio.run(app(scope, receive, send))  # type: ignore[arg-type]
    return sent
