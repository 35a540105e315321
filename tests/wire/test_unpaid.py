"""When the meter fails between the decision and the answer: the answer is refused, and that is on record."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx2
import pytest

from mattegate.config.rulebook import build_rulebook
from mattegate.config.settings import KeySettings, Settings
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.flood import MemoryFloodMeter
from mattegate.ledger.last_used import LastUsed
from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.protocols import Record, Unavailable, Usage
from mattegate.ledger.records_memory import MemoryRecords
from mattegate.serving.envelope import Envelope
from mattegate.serving.gatehouse import Gatehouse, GateParts
from mattegate.serving.routes import every_path
from mattegate.serving.rulekeeper import RuleKeeper
from mattegate.serving.threshold import Threshold
from mattegate.vocabulary.refusal import Refusal
from tests.serving.gates import PEPPERS, SEAL_KEY

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from mattegate.vocabulary.facts import LimitAnswer


DOWN = Unavailable("ledger", "the disk is gone")
BUG = KeyError("our own bug")


class Failing(MemoryMeter):
    """A meter that takes claims and nothing after them: it is down, or it has a bug."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def settle(self, request_id: str, usage: Usage, at: float) -> tuple[LimitAnswer, ...]:
        """Fails."""
        raise self._error

    def release(self, request_id: str, why: str, at: float) -> tuple[LimitAnswer, ...]:
        """Fails."""
        raise self._error


async def _delivers(_: Scope, __: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"the goods"})


async def _refuses(_: Scope, __: Receive, ___: Send) -> None:
    raise Refusal("upload.url_disabled")


async def _asked(app: object, error: Exception) -> tuple[httpx2.Response, Record]:
    settings = Settings(keys=KeySettings(unsafe_anonymous="free"))
    records = MemoryRecords(seal_key=SEAL_KEY, unproven_bytes=1_000_000)
    control = MemoryControl()
    with ThreadPoolExecutor(1) as thread:
        gatehouse = Gatehouse(
            GateParts(
                rules=RuleKeeper(settings, records.keep_rulebook),
                keyring=control,
                peppers=PEPPERS,
                meter=Failing(error),
                flood=MemoryFloodMeter(),
                records=records,
                used_keys=LastUsed(control),
                thread=thread,
            )
        )
        threshold = Threshold(app, gatehouse=gatehouse, table=every_path(scope="", metered=True))  # type: ignore[arg-type]
        transport = httpx2.ASGITransport(Envelope(threshold, gatehouse=gatehouse, docs="/docs"))
        async with httpx2.AsyncClient(transport=transport, base_url="http://gate") as client:
            answer = await client.get("/x")
    record = records.find(answer.headers["x-request-id"])
    assert isinstance(record, Record)
    rules = Rules.of(build_rulebook(settings))
    assert replay(record.attempt, record.facts, record.findings, rules) == "same"
    return answer, record


@pytest.mark.parametrize(
    ("error", "status", "told", "reason"),
    [(DOWN, 503, "dependency.unavailable", "dependency.ledger"), (BUG, 500, "internal.error", "internal.error")],
)
async def test_an_answer_that_cannot_be_charged_is_not_given(
    error: Exception, status: int, told: str, reason: str
) -> None:
    """The caller gets 5xx instead of the goods, and its id leads to a record of just that."""
    answer, record = await _asked(_delivers, error)
    assert (answer.status_code, answer.json()["reason"]) == (status, told)
    assert b"goods" not in answer.content
    assert (record.status, record.reason) == (status, reason)


@pytest.mark.parametrize("error", [DOWN, BUG])
async def test_a_refusal_is_given_though_nothing_can_be_given_back(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """The reservation returns when its lease is over; the caller reads what was wrong with the request."""
    answer, record = await _asked(_refuses, error)
    assert answer.json()["reason"] == record.reason == "upload.url_disabled"
    assert answer.status_code == record.status
    assert "not given back yet" in caplog.text
