"""Refusals given again: nothing about them differs from those that were worked out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from mattegate.config.settings import KeySettings, Settings
from mattegate.ledger.protocols import Record, Sealed
from mattegate.serving.app import DataPlane
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse
from mattegate.serving.precedent import MEMORY
from mattegate.serving.rulekeeper import RuleKeeper
from mattegate.signing.keys import mint
from mattegate.vocabulary.rulebook import FloodRules
from tests.serving.engines import EchoEngine
from tests.serving.gates import SEAL_KEY, MemoryGate, memory_gate
from tests.serving.served import read_all
from tests.serving.test_endings import FullRecords

if TYPE_CHECKING:
    from tests.serving.served import Served

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body."""

STRANGER = mint("sk_prod_").text
AUTHORIZED = {"authorization": f"Bearer {STRANGER}"}
HEADS: dict[str, dict[str, Any]] = {
    "an unknown key": {"headers": AUTHORIZED},
    "an unknown key, and an id of the caller's": {"headers": {**AUTHORIZED, "x-request-id": '100%, \x00 and "more"'}},
    "an unknown key from a page": {"headers": {**AUTHORIZED, "origin": "http://localhost"}},
    "an unknown key for nothing": {"headers": AUTHORIZED, "path": "/no/such/%5Cpath"},
    "an unknown key, only asking": {"headers": AUTHORIZED, "method": "HEAD"},
    "no key": {"headers": {}},
    "no key that could be one": {"headers": {"x-api-key": "not a key"}},
    "a key in the address": {"headers": {}, "query": f"api_key={STRANGER}"},
}


@dataclass
class Connection:
    """One caller's connection to a plane; with a ``memory``, unless it is ``None``."""

    plane: DataPlane
    memory: dict[object, Any] | None = field(default_factory=dict)

    async def ask(
        self, headers: dict[str, str], *, method: str = "GET", path: str = "/v1/whoami", query: str = ""
    ) -> Answer:
        """One request without a body; returns status, headers and body."""
        messages: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        scope: dict[str, Any] = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query.encode(),
            "scheme": "http", "client": ("203.0.113.7", 9), "server": ("127.0.0.1", 8000), "http_version": "1.1",
            "headers": [(name.encode(), text.encode()) for name, text in {"host": "localhost", **headers}.items()],
        }  # fmt: skip
        if self.memory is not None:
            scope[MEMORY] = self.memory
        await self.plane(scope, receive, send)
        start, *rest = messages
        return start["status"], start["headers"], b"".join(message["body"] for message in rest)

    async def code(self, headers: dict[str, str] | None = None) -> str:
        """The public reason of one refusal."""
        _, answer, _ = await self.ask(AUTHORIZED if headers is None else headers)
        return dict(answer)[b"x-mattegate-reason"].decode()


@dataclass
class House:
    """A plane over a gate whose disk may be full, and what it tells of its exchanges."""

    plane: DataPlane
    gate: MemoryGate
    rules: RuleKeeper
    records: FullRecords
    told: list[Exchange]

    def connect(self, *, remembering: bool = True) -> Connection:
        """A new connection."""
        return Connection(self.plane, {} if remembering else None)

    def record(self, request_id: bytes) -> Record:
        """The record of an answer, without what differs between any two."""
        found = self.records.find(request_id.decode())
        assert isinstance(found, Record)
        assert found.attempt.request_id == found.request_id
        assert found.attempt.at == found.at
        return found.again("", at=0, ms=0)


@contextmanager
def house(*, room: int = 10_000_000, **settings: Any) -> Iterator[House]:
    """A plane by these settings."""
    made, told = Settings(**settings), list[Exchange]()
    with memory_gate(made) as gate:
        records = FullRecords(seal_key=SEAL_KEY, unproven_bytes=room)
        rules = RuleKeeper(made, records.keep_rulebook)
        gatehouse = Gatehouse(replace(gate.gatehouse._parts, records=records, rules=rules))
        standing = gate.usage.standing
        plane = DataPlane(made, EchoEngine(), gatehouse, records=records, standing=standing, observe=told.append)
        yield House(plane, gate, rules, records, told)


def without(request_id: bytes, answer: Answer) -> Answer:
    """An answer without its id."""
    status, headers, body = answer
    return status, [(name, value.replace(request_id, b"")) for name, value in headers], body.replace(request_id, b"")


@pytest.mark.parametrize("name", HEADS)
async def test_it_is_the_same_answer_and_the_same_record(name: str) -> None:
    """Five times on a connection that remembers, and once on one that does not: only the ids differ."""
    with house() as here:
        answers = [await connection.ask(**HEADS[name]) for connection in [here.connect()] * 5]
        answers.append(await here.connect(remembering=False).ask(**HEADS[name]))
        ids = [dict(headers)[b"x-request-id"] for _, headers, _ in answers]
        assert len(set(ids)) == len(ids)
        shown = [without(one, answer) for one, answer in zip(ids, answers, strict=True)]
        assert shown == [shown[0]] * len(shown)
        assert all(here.record(one) == here.record(ids[0]) for one in ids)


async def test_everything_is_told_of_each() -> None:
    """Whoever counts exchanges is told of the sixth as of the first."""
    with house() as here:
        connection = here.connect()
        for _ in range(6):
            status, headers, body = await connection.ask(AUTHORIZED)
            told = here.told[-1]
            assert (told.status, told.bytes_out) == (status, len(body))
            assert told.request_id.encode() == dict(headers)[b"x-request-id"]
            assert (told.reason, told.address) == ("credential.unknown", "203.0.113.7")
            assert told.problem == here.told[0].problem
        assert len(here.told) == 6


@pytest.mark.parametrize("remembering", [True, False])
async def test_failures_are_counted_one_by_one(remembering: bool) -> None:
    """Four are told that nobody knows the key, two more are looked at while the prefix is penalised, then none."""
    flood = FloodRules(failures_per_minute=4, verifications_per_minute=2)
    with house(flood=flood) as here:
        connection = here.connect(remembering=remembering)
        codes = [await connection.code() for _ in range(9)]
        assert codes == ["credential.unknown"] * 6 + ["flood.failed_credentials"] * 3


async def test_a_prefix_without_a_credential_is_counted_too() -> None:
    """The sixth request of a minute without a key is told to wait, whatever was remembered of the first five."""
    with house(flood=FloodRules(unproven_per_minute=5)) as here:
        connection = here.connect()
        assert [await connection.code({}) for _ in range(6)] == ["credential.missing"] * 5 + ["flood.unauthenticated"]


async def test_a_key_that_becomes_known_is_let_in_at_once() -> None:
    """The fourth request is answered by the keys of that moment; so is the fifth, once it is revoked."""
    text = "elsewhere-0123456789abcdef"
    with house() as here:
        connection = here.connect()
        for _ in range(3):
            assert (await connection.ask({"x-api-key": text}))[0] >= 400
        here.gate.desk.create_identity("acme", tier="vip", actor="cli:test", scopes=("*",))
        key = here.gate.desk.import_key(text, identity="acme", name="brought", actor="cli:test")
        assert (await connection.ask({"x-api-key": text}))[0] == 200
        here.gate.desk.revoke_key(key.id, actor="cli:test")
        for _ in range(3):
            assert await connection.code({"x-api-key": text}) == "credential.revoked"


async def test_new_rules_count_from_the_next_request_on() -> None:
    """An unknown key is answered with 403, and after a reload with 401 and a challenge."""
    with house() as here:
        connection = here.connect()
        assert [(await connection.ask(AUTHORIZED))[0] for _ in range(3)] == [403] * 3
        here.rules.change(Settings(keys=KeySettings(unknown_status=401)))
        for _ in range(3):
            status, headers, _ = await connection.ask(AUTHORIZED)
            assert (status, b"www-authenticate" in dict(headers)) == (401, True)


async def test_what_cannot_be_recorded_is_not_given_again_either() -> None:
    """While the disk is full the answer is 503, and nothing is counted twice for it."""
    with house(flood=FloodRules(failures_per_minute=6, verifications_per_minute=1)) as here:
        connection = here.connect()
        assert [await connection.code() for _ in range(3)] == ["credential.unknown"] * 3
        here.records.full = True
        assert [(await connection.ask(AUTHORIZED))[0] for _ in range(2)] == [503] * 2
        here.records.full = False
        expected = ["credential.unknown"] * 2 + ["flood.failed_credentials"]
        assert [await connection.code() for _ in range(3)] == expected


async def test_our_own_bug_in_giving_it_again_costs_nobody_the_answer() -> None:
    """The repeat is worked out anew, meets the same bug, and has an id that tells so; the third kept its record."""
    with house() as here:
        connection = here.connect()
        for _ in range(3):
            _, headers, _ = await connection.ask(AUTHORIZED)
        here.records.broken = True
        status, headers, _ = await connection.ask(AUTHORIZED)
        told = here.records.find(dict(headers)[b"x-request-id"].decode())
        assert isinstance(told, Sealed)
        assert (status, told.reason) == (500, "internal.error")


async def test_without_room_the_ids_tell_by_themselves() -> None:
    """Once unproven callers' records have used up their room, an answer given again has a sealed id as any other."""
    with house(room=6_000) as here:
        connection = here.connect()
        found = []
        for _ in range(12):
            _, headers, body = await connection.ask(AUTHORIZED)
            request_id = dict(headers)[b"x-request-id"]
            assert request_id in body
            found.append(here.records.find(request_id.decode()))
        assert isinstance(found[0], Record)
        assert isinstance(found[-1], Sealed)
        assert found[-1].reason == "credential.unknown"


async def test_one_head_is_remembered_and_nothing_of_good_ones() -> None:
    """A connection whose heads vary holds the last of them; a proven caller's answers are made anew."""
    with house() as here:
        connection, key = here.connect(), here.gate.key()
        assert connection.memory is not None
        for number in range(20):
            await connection.ask({**AUTHORIZED, "x-request-id": str(number)})
        (docket,) = connection.memory.values()
        assert docket.precedent is None
        assert docket.head[-1] == (b"x-request-id", b"19")
        for _ in range(4):
            assert (await connection.ask({"x-api-key": key}))[0] == 200
        assert docket is not next(iter(connection.memory.values()))
        assert next(iter(connection.memory.values())).precedent is None


@pytest.mark.parametrize(
    ("version", "extra", "closes"), [("1.1", "", False), ("1.1", "Connection: close\r\n", True), ("1.0", "", True)]
)
def test_on_the_wire_it_is_the_same_to_the_byte(plain: Served, version: str, extra: str, closes: bool) -> None:
    """Whether the connection stays open or ends: headers in the same order, and a length that is right."""
    ask = f"GET /v1/whoami HTTP/{version}\r\nHost: x\r\nX-API-Key: {STRANGER}\r\n{extra}\r\n".encode()
    with closing(plain.connect()) as peer:
        seen = []
        for _ in range(1 if closes else 6):
            peer.sendall(ask)
            head, _, body = peer.recv(65_536).partition(b"\r\n\r\n")
            fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
            assert int(fields[b"content-length"]) == len(body)
            same = [line for line in head.split(b"\r\n") if not line.startswith(b"date: ")]
            request_id = fields[b"x-request-id"]
            seen.append((b"\n".join(same).replace(request_id, b""), body.replace(request_id, b"")))
        assert seen == [seen[0]] * len(seen)
        assert (b"connection: close" in seen[0][0]) == closes


def test_a_head_with_a_body_ends_its_connection_every_time(plain: Served) -> None:
    """A refusal before the body was read is never one to give again: what follows it could be taken for a head."""
    ask = f"POST /remove HTTP/1.1\r\nHost: x\r\nX-API-Key: {STRANGER}\r\nContent-Length: 9\r\n\r\n".encode()
    with closing(plain.connect()) as peer:
        peer.sendall(ask + b"123456789" + ask + b"GET / HTT")
        answer = read_all(peer)
    assert answer.count(b"HTTP/1.1 403 ") == 1
    assert b"connection: close" in answer


def test_requests_that_wait_behind_each_other_are_answered_in_order(plain: Served) -> None:
    """Pipelined, mixed with others and with one that ends the connection."""
    refused = f"GET /v1/whoami HTTP/1.1\r\nHost: x\r\nX-API-Key: {STRANGER}\r\n".encode()
    health = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    one = refused + b"\r\n"
    answers = plain.talk(one * 4 + health + one * 3 + refused + b"Connection: close\r\n\r\n")
    assert re.findall(rb"HTTP/1.1 ([0-9]{3}) ", answers) == [b"403"] * 4 + [b"200"] + [b"403"] * 4
