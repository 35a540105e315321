"""The standing tasks over the real parts: what a server does all day."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.config.settings import ServerSettings, Settings
from mattegate.ledger.control_sqlite import SqliteControl
from mattegate.ledger.last_used import LastUsed
from mattegate.ledger.limits_fallback import FallbackLimitStore
from mattegate.ledger.limits_memory import MemoryLimitStore
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import Claim
from mattegate.ledger.records import Records
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.outbound.dispatch import Dispatcher
from mattegate.outbound.outbox import MemoryOutbox
from mattegate.outbound.posting import HttpPost
from mattegate.outbound.webhook import Webhook, WebhookSecret
from mattegate.tasks.build import standing_tasks
from mattegate.tasks.leaks import LeakWatch
from mattegate.tasks.schedule import Scheduler
from mattegate.vocabulary.facts import IdentityView
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.record_samples import refusal
from tests.outbound.receivers import certificate, receiver
from tests.tasks.accounts import START, Accounts

LIMITS = (Limit("hourly", "quota", 10, 3_600),)


class House:
    """All that the tasks look after, in one folder."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(home=home)
        home.joinpath("ledger").mkdir()
        self.accounts = Accounts(SqliteControl(home / "ledger"))
        self.uses = LastUsed(self.accounts.control)
        self.database = UsageDatabase(home / "ledger" / "usage.db")
        self.meter, self.book = SqliteMeter(self.database), UsageBook(self.database)
        self.records = Records(home / "ledger", seal_key=b"s" * 32, unproven_bytes=1_000_000)
        self.leaks = LeakWatch(self.accounts.control, self.accounts.control)
        self.store: FallbackLimitStore | None = None
        self.executor = ThreadPoolExecutor(1, thread_name_prefix="ledger")

    def scheduler(self, dispatcher: Dispatcher) -> Scheduler:
        """The standing tasks, without jitter."""

        def limits_of(_identity: IdentityView) -> tuple[Limit, ...]:
            return LIMITS

        tasks = standing_tasks(
            self.settings, accounts=self.accounts.control, uses=self.uses, leases=self.meter, quotas=self.book,
            limits_of=limits_of, records=self.records, leaks=self.leaks, dispatcher=dispatcher,
            store=self.store, executor=self.executor,
        )  # fmt: skip
        return Scheduler(tasks, clock=lambda: self.accounts.now, spread=lambda: 0.0)

    def close(self) -> None:
        """Let all files go."""
        self.executor.shutdown()
        self.records.close()
        self.database.close()
        self.accounts.control.close()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A house that is closed afterwards."""
    made = House(tmp_path)
    yield made
    made.close()


async def test_a_day_of_a_server(house: House) -> None:
    """Leases end, uses are written, old records go, and an old key and a full quota reach the operator's webhook."""
    key = house.accounts.key()
    owner = house.accounts.owner.id
    now = house.accounts.after(100)
    old, new = refusal(1, at=START), refusal(2, at=now)
    for record in (old, new):
        house.records.append(record, proven=True)
    for number in range(10):
        house.meter.claim(Claim(f"req_{number}", owner, key, now, LIMITS, lease_s=60))
    house.uses.note(key, now)
    with receiver() as hook:
        dispatcher = Dispatcher([Webhook(hook.url, [WebhookSecret(b"s" * 32)], HttpPost())], MemoryOutbox())
        schedule = house.scheduler(dispatcher)
        await schedule.run_due(now)
        await schedule.run_due(now + 5)
        assert [one.error for one in schedule.status()] == [""] * 8
        kinds = {json.loads(request.body)["type"] for request in hook.received}
        assert kinds == {"mattegate.key.reminder", "mattegate.quota.exhausted"}
    assert house.accounts.row(key).used_at == now // 60 * 60
    assert [house.records.find(record.request_id) for record in (old, new)] == [None, new]
    await schedule.run_due(now + 61)
    assert {one.name: one.result for one in schedule.status()}["leases"] == "10"


async def test_the_list_reads_as_the_manual_does(house: House, tmp_path: Path) -> None:
    """Names and intervals are a contract with whoever reads the metrics."""
    dispatcher = Dispatcher([], MemoryOutbox())
    names = {one.name: one.every_s for one in house.scheduler(dispatcher).status()}
    assert names == {
        "leases": 30, "last-used": 60, "quotas": 300, "reminders": 86_400, "unused-keys": 86_400, "records": 3_600,
        "leaked-keys": 60, "notices": 5,
    }  # fmt: skip
    pem, _ = certificate(tmp_path, days=90)
    house.settings = replace(house.settings, server=ServerSettings(tls_certificate=pem))
    house.store = FallbackLimitStore(MemoryLimitStore(), on_loss="refuse")
    schedule = house.scheduler(dispatcher)
    await schedule.run_due(START)
    results = {one.name: one.result for one in schedule.status()}
    assert results["certificate"].startswith("expires 20")
    assert results["limits-store"] == "closed"


async def test_stores_are_touched_in_the_ledgers_thread_alone(house: House) -> None:
    """The event loop never waits for a disk."""
    threads = set[str]()

    class Watched:
        """A meter that notes who calls."""

        def sweep(self, _at: float) -> int:
            threads.add(threading.current_thread().name)
            return 0

    house.meter = Watched()  # type: ignore[assignment]
    await house.scheduler(Dispatcher([], MemoryOutbox())).run_due(START)
    assert all(name.startswith("ledger") for name in threads)
    assert threads


async def test_a_store_that_is_down_fails_its_own_tasks_and_comes_back(house: House) -> None:
    """With the usage database closed under them, sweeping and quotas fail by name; reminders go on."""
    house.accounts.key()
    dispatcher = Dispatcher([], MemoryOutbox())
    schedule = house.scheduler(dispatcher)
    house.database.close()
    await schedule.run_due(house.accounts.after(100))
    failed = {one.name for one in schedule.status() if one.error}
    assert failed == {"leases", "quotas"}
    assert {one.name: one.result for one in schedule.status()}["reminders"] == "1"


async def test_the_tasks_stop_in_good_order_while_they_run(house: House) -> None:
    """Cancelled at once after the start, nothing is left running."""
    schedule = house.scheduler(Dispatcher([], MemoryOutbox()))
    run = asyncio.create_task(schedule.run())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert not any(one.running for one in schedule.status())
