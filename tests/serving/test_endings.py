"""How requests end, and who pays then: told over a whole gate in memory, one ASGI call at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from mattegate.config.settings import Settings
from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.protocols import Record, Sealed, Unavailable
from mattegate.ledger.records_memory import MemoryRecords
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.serving.app import DataPlane
from mattegate.serving.exchange import Exchange
from mattegate.serving.gatehouse import Gatehouse
from tests.serving.engines import EchoEngine
from tests.serving.gates import SEAL_KEY, MemoryGate, memory_gate


class FullRecords(MemoryRecords):
    """Records on a disk that may be full, kept by a program that may have a bug."""

    full = False
    broken = False

    def append(self, record: Record, *, proven: bool) -> str:
        """Keep it, while there is room."""
        if self.full:
            raise Unavailable("records", "No space left on device")
        if self.broken:
            raise ZeroDivisionError("our own bug")
        return super().append(record, proven=proven)


class StubbornMeter(MemoryMeter):
    """A meter that gives nothing back."""

    def refund(self, request_id: str, why: str, at: float) -> bool:
        """Fails."""
        raise Unavailable("ledger", "the disk is gone")


@dataclass
class Desk:
    """A data plane that is called without a server, and the books behind it."""

    plane: DataPlane
    gate: MemoryGate
    engine: EchoEngine
    records: FullRecords
    key: str
    picture: bytes
    answers: list[dict[str, Any]] = field(default_factory=list)

    async def send(self, *, leave: str = "", idempotency: str = "", key: str = "") -> dict[str, Any]:
        """One image; ``leave`` in the middle of the ``body``, or once the ``engine`` has begun."""
        answer: dict[str, Any] = {"status": 0, "headers": {}}

        async def receive() -> dict[str, Any]:
            if not answer.get("asked"):
                answer["asked"] = True
                return {"type": "http.request", "body": self.picture, "more_body": leave == "body"}
            while leave == "engine" and not self.engine.busy:
                await asyncio.sleep(0.001)
            if not leave:
                await asyncio.sleep(3600)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                found = {name.decode(): value.decode() for name, value in message["headers"]}
                answer.update(status=message["status"], headers=found)

        await self.plane(self._scope(idempotency, key or self.key), receive, send)
        return answer

    @staticmethod
    def _scope(idempotency: str, key: str) -> dict[str, Any]:
        headers = {"host": "localhost", "authorization": f"Bearer {key}", "content-type": "image/png"}
        if idempotency:
            headers["idempotency-key"] = idempotency
        return {
            "type": "http", "method": "POST", "path": "/v1/remove-bg", "raw_path": b"/v1/remove-bg",
            "query_string": b"", "scheme": "http", "client": ("127.0.0.1", 9), "server": ("127.0.0.1", 8000),
            "http_version": "1.1", "headers": [(name.encode(), text.encode()) for name, text in headers.items()],
        }  # fmt: skip

    def notes(self) -> list[tuple[str, str]]:
        """State and note of every row of the usage book."""
        return [(row.state, row.note) for row in self.gate.usage.rows()]


@pytest.fixture
async def desk(png: bytes) -> AsyncIterator[Desk]:
    """A caller of the enterprise tier and an engine that takes its time."""
    settings = Settings()
    with memory_gate(settings) as gate:
        records = FullRecords(seal_key=SEAL_KEY, unproven_bytes=1_000_000)
        gatehouse = Gatehouse(replace(gate.gatehouse._parts, records=records))
        engine = EchoEngine(pause_s=0.02)
        plane = DataPlane(settings, engine, gatehouse, records=records, standing=gate.usage.standing)
        await engine.start()
        yield Desk(plane, gate, engine, records, gate.key(tier="enterprise"), png)


async def test_what_others_have_open_is_closed_after_all_that_ran_beside(desk: Desk) -> None:
    """Companions may still use it, so they end first; the end is told when both are over."""
    told: list[str] = []

    async def beside() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            told.append("companion")

    async def close() -> None:
        told.append("closed")

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        return {"type": "lifespan"}

    async def send(message: Any) -> None:
        told.append(message["type"])

    plane = DataPlane(
        Settings(), EchoEngine(), desk.gate.gatehouse, records=desk.records, standing=desk.gate.usage.standing,
        companions=[beside], closing=[close],
    )  # fmt: skip
    await plane({"type": "lifespan"}, receive, send)
    assert told == ["lifespan.startup.complete", "companion", "closed", "lifespan.shutdown.complete"]


async def test_what_cannot_be_recorded_is_neither_given_nor_charged(desk: Desk) -> None:
    """A full disk turns the finished answer into a 503, and the charge for it is taken back."""
    desk.records.full = True
    refused = await desk.send()
    assert (refused["status"], refused["headers"]["x-mattegate-reason"]) == (503, "dependency.unavailable")
    assert desk.notes() == [("released", "dependency.records")]
    told = desk.records.find(refused["headers"]["x-request-id"])
    assert isinstance(told, Sealed)
    assert told.reason == "dependency.records"
    desk.records.full = False
    assert (await desk.send())["status"] == 200
    assert desk.gate.usage.totals().units == 1


async def test_our_own_bug_in_the_record_is_told_by_the_id(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    """An answer becomes a 500 that nobody pays for, a refusal one too; `why` knows both, and the log the traceback."""
    desk.records.broken = True
    delivered, refused = await desk.send(), await desk.send(key="sk_prod_nobody")
    assert desk.notes() == [("released", "internal.error")]
    for answer in (delivered, refused):
        assert (answer["status"], answer["headers"]["x-mattegate-reason"]) == (500, "internal.error")
        told = desk.records.find(answer["headers"]["x-request-id"])
        assert isinstance(told, Sealed)
        assert told.reason == "internal.error"
        assert answer["headers"]["x-request-id"] in caplog.text
    assert "ZeroDivisionError: our own bug" in caplog.text
    desk.records.broken = False
    assert (await desk.send())["status"] == 200


async def test_an_id_names_the_first_trouble(desk: Desk) -> None:
    """The disk is full and the charge cannot be taken back: answer and id agree on what it began with."""
    parts = desk.gate.gatehouse._parts
    gatehouse = Gatehouse(replace(parts, records=desk.records, meter=StubbornMeter()))
    standing, seen = desk.gate.usage.standing, list[Exchange]()
    desk.plane = DataPlane(
        Settings(), desk.engine, gatehouse, records=desk.records, standing=standing, observe=seen.append
    )
    desk.records.full = True
    refused = await desk.send()
    told = desk.records.find(refused["headers"]["x-request-id"])
    assert isinstance(told, Sealed)
    assert (refused["status"], told.reason, seen[0].reason) == (503, "dependency.records", "dependency.records")


async def test_an_upload_that_breaks_off_is_no_abandoned_work(desk: Desk) -> None:
    """A bad connection, thirty times over, wastes nobody's work and is not held against its owner."""
    for _ in range(30):
        await desk.send(leave="body")
    assert set(desk.notes()) == {("released", "request.client_gone")}
    assert (await desk.send())["status"] == 200


async def test_leaving_while_the_engine_works_is_bounded(desk: Desk) -> None:
    """The work was done for nothing: quota comes back, and after twenty times there is a pause."""
    for _ in range(20):
        await desk.send(leave="engine")
    assert set(desk.notes()) == {("released", "aborted")}
    refused = await desk.send()
    assert (refused["status"], refused["headers"]["x-mattegate-reason"]) == (429, "rate.aborts")
    assert int(refused["headers"]["retry-after"]) > 0
    assert desk.gate.usage.totals().units == 0


async def test_each_replay_is_brought_to_its_end(desk: Desk) -> None:
    """One that delivered counts for good, one whose caller left does not, and nothing of either stays open."""
    first = await desk.send(idempotency="order")
    assert "idempotency-replayed" not in first["headers"]
    await desk.send(idempotency="order", leave="engine")
    again = [await desk.send(idempotency="order") for _ in range(4)]
    assert [answer["status"] for answer in again] == [200, 200, 200, 409]
    assert _states(desk.gate.meter.database) == ["released", "settled", "settled", "settled"]
    assert desk.gate.usage.totals().units == 1


def _states(database: UsageDatabase) -> list[str]:
    with database.read() as db:
        return sorted(state for (state,) in db.execute("SELECT state FROM replays"))
