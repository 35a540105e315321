"""Signed requests to an application behind the gate, over protocols that announce no body in the head."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from mattegate.config.settings import Settings
from mattegate.ledger.desk_keys import Terms
from mattegate.serving.embed import Gate
from mattegate.signing import sigv4
from mattegate.signing.message import Message as Head
from mattegate.signing.request_signatures import sigv4_rules
from mattegate.vocabulary.rulebook import SignatureRules, Tier
from tests.serving.gates import KEKS, MemoryGate, memory_gate

SETTINGS = Settings(tiers=(Tier("vip"),))


def signed_without_a_body(gate: MemoryGate) -> tuple[tuple[bytes, bytes], ...]:
    """The head of a POST whose signer sent nothing with it, and did not state the hash of that."""
    owner = gate.desk.create_identity("signer", tier="vip", actor="cli:test", scopes=("*",)).view
    key = gate.desk.create_signing_key(owner.id, actor="cli:test", terms=Terms())
    head = Head("POST", b"/act", b"", ((b"host", b"api.test"),), "https", "api.test")
    rules = sigv4_rules(SignatureRules())
    added = sigv4.sign(
        head, key_id=key.id, secret=key.text.encode(), at=time.time(), rules=rules, state_payload=False
    )  # fmt: skip
    return (*head.headers, *added)


async def statuses(gate: MemoryGate, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> tuple[int, list[bytes]]:
    """The status over HTTP/2, and what the application read."""
    seen: list[bytes] = []
    answers: list[Message] = []

    async def app(_: Scope, receive: Receive, send: Send) -> None:
        seen.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        answers.append(message)

    scope: dict[str, Any] = {
        "type": "http", "http_version": "2", "method": "POST", "scheme": "https", "path": "/act", "raw_path": b"/act",
        "query_string": b"", "headers": list(headers), "client": ("127.0.0.1", 4000), "server": ("127.0.0.1", 443),
    }  # fmt: skip
    outside = Gate()
    with outside.open(gate.gatehouse):
        await outside.protect(app)(scope, receive, send)
    return answers[0]["status"], seen


@pytest.mark.parametrize(("body", "status"), [(b"", 204), (b"smuggled", 403)])
def test_a_body_that_no_header_announces_is_no_part_that_nobody_signed(body: bytes, status: int) -> None:
    """The application sees the body that was signed, or none."""
    with memory_gate(SETTINGS, keks=KEKS) as gate:
        answered, seen = asyncio.run(statuses(gate, signed_without_a_body(gate), body))
        assert (answered, seen) == (status, [b""] if status == 204 else [])
