"""Limits are exact: over the wire, under concurrency, across a store that dies, and whatever the clock does."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.service import Answer
from mattegate.config.load import load_settings
from mattegate.config.settings import Settings
from mattegate.ledger.limits_redis import RedisLimitStore
from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.opening import open_accounts, open_books
from mattegate.ledger.protocols import Claim, Record, Usage
from mattegate.ledger.records_reading import RecordReader
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.limits_servers import RedisServer
from tests.prove.gate_process import GateProcess, ask, bearer, fast, free_port
from tests.prove.test_gate_kill import picture

NOON = 1_700_049_600.0
FLOOD = "[flood]\nfailures_per_minute = 1000000\nverifications_per_minute = 1000000\n"
LONG_WINDOW = "300 days"
"""No test run lies across the end of it, but once in a lifetime."""


@dataclass
class Served:
    """A gate process with keys of one identity for every tier of its configuration."""

    process: GateProcess
    settings: Settings
    keys: dict[str, list[str]]

    def ask(self, tier: str, number: int = 0) -> Answer:
        """One image under one of the keys of a tier's identity."""
        keys = self.keys[tier]
        answer = ask(self.process.port, body=picture(), headers=bearer(keys[number % len(keys)]))
        assert answer is not None, self.process.tail()
        return answer

    def at_once(self, tier: str, count: int, *, callers: int = 12) -> list[Answer]:
        """So many images from so many callers, each over a connection of its own."""
        with ThreadPoolExecutor(callers) as pool:
            return list(pool.map(lambda number: self.ask(tier, number), range(count)))


@contextmanager
def gate(folder: Path, config: str, *tiers: str) -> Iterator[Served]:
    """A server over a home of its own; ended with the block."""
    file = folder / "gate.toml"
    file.write_text(FLOOD + config)
    found = load_settings(file=file, flags={"home": folder / "home"})
    found.ledger_dir.mkdir(parents=True)
    keys: dict[str, list[str]] = {}
    with open_accounts(found) as accounts:
        for tier in tiers:
            identity = accounts.desk.create_identity(tier, tier=tier, actor="cli:proof").view.id
            keys[tier] = [accounts.desk.create_key(identity, actor="cli:proof").text for _ in range(3)]
    port = free_port()
    process = GateProcess(fast(file, found.home, port), port, folder / "server.log")
    process.start()
    try:
        yield Served(process, found, keys)
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("amount", "asked"),
    [(25, 100), pytest.param(500, 3_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_a_quota_admits_exactly_its_amount(amount: int, asked: int, tmp_path: Path) -> None:
    """Many callers with several keys of one identity: never one too many, and nobody refused below."""
    config = f'[tiers.exact]\nquota = "{amount}/{LONG_WINDOW}"\n'
    with gate(tmp_path, config, "exact") as served:
        answers = served.at_once("exact", asked)
        told = Counter((answer.status, answer.reason) for answer in answers)
        assert told == {(200, ""): amount, (429, "quota.exceeded"): asked - amount}
        left = sorted(remaining(answer) for answer in answers if answer.status == 200)
        assert left == list(range(amount))
    with open_books(served.settings) as books:
        assert books.usage.totals().settled == amount
        assert books.usage.reconcile(0.0, time.time()) == []
    print(f"\nquota of {amount}: {asked} asked over as many connections with 3 keys, {amount} admitted")


@pytest.mark.parametrize(
    ("burst", "asked"),
    [(8, 150), pytest.param(40, 3_000, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_a_rate_admits_what_a_leaky_bucket_would(burst: int, asked: int, tmp_path: Path) -> None:
    """Every verdict is that of a bucket of fractions, which is asked at the times that stand in the records."""
    config = f'[tiers.even]\nrate = "1200/min"\nburst = {burst}\n'
    with gate(tmp_path, config, "even") as served:
        answers = served.at_once("even", asked)
        told = {answer.request_id: answer.status for answer in answers}
    with open_books(served.settings) as books:
        found = [books.records.find(request_id) for request_id in told]
        records = [record for record in found if isinstance(record, Record)]
        settled = books.usage.totals().settled
    assert len(records) == asked
    verdicts = bucket((record.at for record in sorted(records, key=order)), burst=burst, per_second=20)
    assert [record.status == 200 for record in sorted(records, key=order)] == verdicts
    assert settled == sum(verdicts) >= burst
    assert set(told.values()) <= {200, 429}
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in answers if answer.status == 429)
    print(f"\nrate of 20/s, burst {burst}: {asked} asked, {settled} admitted, each as the oracle says")


def order(record: Record) -> tuple[float, int]:
    """Claims are made in the order in which requests were read; in one microsecond the admitted stand first."""
    return round(record.at * 1_000_000), record.status


def bucket(times: Iterable[float], *, burst: int, per_second: int) -> list[bool]:
    """What a bucket that leaks evenly lets through; exact, and written another way than ours."""
    level, before, verdicts = Fraction(0), Fraction(0), []
    for at in times:
        now = Fraction(round(at * 1_000_000), 1_000_000)
        level, before = max(Fraction(0), level - (now - before) * per_second), now
        verdicts.append(level + 1 <= burst)
        level += verdicts[-1]
    return verdicts


def remaining(answer: Answer) -> int:
    """What ``RateLimit`` says is left."""
    return int(answer.headers["ratelimit"].split("r=")[1].split(";")[0])


# --- a store that dies --------------------------------------------------------------------------------------


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A server that this test may kill."""
    server = RedisServer()
    yield server
    server.stop()


def redis_config(redis: RedisServer, on_loss: str) -> str:
    """Limits in Redis, with a tier that has a quota and one that has a rate only."""
    return f"""
[limits]
store = "redis"
redis_url = "{redis.url}"
on_loss = "{on_loss}"
timeout_ms = 250

[tiers.daily]
quota = "100000/{LONG_WINDOW}"

[tiers.even]
rate = "60/hour"
burst = 10
"""


class Crowd:
    """Callers who never stop asking; every answer is noted with the moment at which it was asked for."""

    def __init__(self, served: Served, tier: str, callers: int = 4) -> None:
        self._served, self._tier, self._callers = served, tier, callers
        self._over = threading.Event()
        self.answers: list[tuple[float, Answer]] = []

    def __enter__(self) -> Crowd:
        self._pool = ThreadPoolExecutor(self._callers)
        self._work = [self._pool.submit(self._ask, number) for number in range(self._callers)]
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._pool.shutdown()
        if exc_info[0] is None:
            for work in self._work:
                work.result()

    def _ask(self, number: int) -> None:
        while not self._over.is_set():
            began = time.monotonic()
            self.answers.append((began, self._served.ask(self._tier, number)))

    def until(self, status: int, since: float, count: int = 5) -> float:
        """Wait until so many who asked after ``since`` were answered like this; when it was so."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if sum(began > since and answer.status == status for began, answer in list(self.answers)) >= count:
                return time.monotonic()
            time.sleep(0.02)
        raise AssertionError(f"no {status} came in time: {Counter(a.status for _, a in self.answers)}")

    def between(self, since: float, until: float) -> list[Answer]:
        """The answers to what was asked in that time and answered in it."""
        return [answer for began, answer in list(self.answers) if since < began and began + answer.seconds < until]


@pytest.mark.parametrize(
    "rounds", [pytest.param(1), pytest.param(6, marks=[pytest.mark.long, pytest.mark.timeout(600)])]
)
def test_losing_redis_refuses_by_its_name_and_ends_when_it_is_back(
    rounds: int, redis: RedisServer, tmp_path: Path
) -> None:
    """Stopped, then killed and restarted in the middle: 503 of a dependency, no other refusal, nobody locked out."""
    with gate(tmp_path, redis_config(redis, "refuse"), "daily") as served:
        with Crowd(served, "daily") as crowd:
            before = crowd.until(200, time.monotonic())
            for _ in range(rounds):
                for lose, mend in ((redis.pause, redis.resume), (redis.kill, redis.start)):
                    lose()
                    lost = time.monotonic()
                    away = crowd.until(503, lost)
                    assert {answer.status for answer in crowd.between(lost, away)} == {503}
                    mend()
                    before = crowd.until(200, time.monotonic())
            crowd.until(200, before, count=20)
            assert {answer.status for answer in crowd.between(before, time.monotonic())} == {200}
        answers = [answer for _, answer in crowd.answers]
        told = Counter((answer.status, answer.reason) for answer in answers)
        assert set(told) == {(200, ""), (503, "dependency.unavailable")}
        assert all(answer.headers["retry-after"] for answer in answers if answer.status == 503)
        record = reason_on_record(served, next(answer for answer in answers if answer.status == 503))
    assert record == "dependency.limits"
    delivered = sum(answer.status == 200 for answer in answers)
    with open_books(served.settings) as books:
        totals = books.usage.totals()
    assert (totals.settled, totals.units, totals.reserved) == (delivered, delivered, 0)
    print(f"\nRedis stopped and killed {rounds} times each under load: {dict(told)}; {totals.units} charged")


def test_a_black_hole_charges_nobody_for_what_was_refused(redis: RedisServer, tmp_path: Path) -> None:
    """A stopped Redis reads later what it was sent; its count is then that of the answers that were delivered."""
    with gate(tmp_path, redis_config(redis, "refuse"), "daily") as served:
        with Crowd(served, "daily") as crowd:
            crowd.until(200, time.monotonic())
            redis.pause()
            crowd.until(503, time.monotonic())
            redis.resume()
            crowd.until(200, time.monotonic(), count=20)
        delivered = sum(answer.status == 200 for _, answer in crowd.answers)
        assert remaining(served.ask("daily")) == 100_000 - delivered - 1
    with open_books(served.settings) as books:
        assert books.usage.reconcile(0.0, time.time()) == []
        assert books.usage.totals().settled == delivered + 1


def test_in_local_mode_rates_go_on_and_quotas_wait(redis: RedisServer, tmp_path: Path) -> None:
    """A tier of rates has its whole burst in this process and then 429; a tier with a quota is told of the loss."""
    with gate(tmp_path, redis_config(redis, "local"), "daily", "even") as served:
        assert served.ask("even").status == 200
        redis.kill()
        told = Counter((answer.status, answer.reason) for answer in served.at_once("even", 30))
        assert told == {(200, ""): 10, (429, "rate.exceeded"): 20}
        refused = served.ask("daily")
        assert (refused.status, refused.reason) == (503, "dependency.unavailable")
        redis.start()
        assert first_but(503, served) == 200
        assert served.ask("even").status == 200  # Redis, which forgot everything, counts again
    with open_books(served.settings) as books:
        assert books.usage.totals().settled == 13


def first_but(status: int, served: Served) -> int:
    """The first other status that an impatient caller gets."""
    for _ in range(200):
        if (found := served.ask("daily").status) != status:
            return found
        time.sleep(0.05)
    return status


def reason_on_record(served: Served, answer: Answer) -> str:
    """The operator's reason, for which the caller was told a coarser one."""
    own = ask(
        served.process.port,
        f"/v1/decisions/{answer.request_id}",
        method="GET",
        headers={"Authorization": f"Bearer {served.keys['daily'][0]}"},
    )
    assert own is not None
    assert own.status == 200
    reader = RecordReader(served.settings.ledger_dir, seal_key=None)
    record = reader.find(answer.request_id)
    reader.close()
    assert isinstance(record, Record)
    return record.reason


# --- a clock that is turned ---------------------------------------------------------------------------------

DAY = Limit("day", "quota", 5, 86_400)
BURST = Limit("burst", "rate", 3, 60, burst=3)
TURNS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 1.0, 25.0, 301.0, 7_200.0, 90_000.0, -1.0, -400.0, -7_200.0, -90_000.0]),
        st.sampled_from(["settle", "release", "leave", "sweep", "late"]),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(TURNS)
def test_whatever_the_clock_does_the_book_adds_up_and_nobody_is_locked_out(turns: list[tuple[float, str]]) -> None:
    """Forward, back, over leases and windows: counters stay the sum of their rows, no window passes its amount."""
    database = UsageDatabase(None)
    meter, book, at, waiting = SqliteMeter(database), UsageBook(database), NOON, []
    for number, (turn, end) in enumerate(turns):
        at += turn
        request = f"r{number}"
        if meter.claim(Claim(request, "acme", "key", at, (DAY, BURST), idempotency_key=request)).reserved:
            finish(meter, request, end, at)
            waiting += [request] if end == "late" else []
        if end == "sweep":
            meter.sweep(at)
        assert book.reconcile(0.0, at) == []
    charged = Counter(int(row.at // DAY.window_s) for row in book.rows() if row.state != "released")
    assert all(units <= DAY.amount for units in charged.values())
    for request in waiting:  # the answer is delivered after all, past its lease perhaps
        meter.settle(request, Usage(), at)
    assert book.reconcile(0.0, at) == []
    # Within a minute of any moment the rate is itself again; the next day has its whole quota.
    tomorrow = at + 86_400
    assert meter.claim(Claim("later", "acme", "key", tomorrow, (BURST,))).reserved


def finish(meter: SqliteMeter, request: str, end: str, at: float) -> None:
    """Let a request end as it does; whatever is left alone lives until its lease is over."""
    if end == "settle":
        meter.settle(request, Usage(), at)
        meter.settle(request, Usage(), at)
    elif end == "release":
        meter.release(request, "capacity.deadline", at)


@pytest.mark.parametrize("hours", [1, 24, 24 * 365])
def test_a_clock_turned_back_frees_a_spent_rate_within_its_window(hours: int) -> None:
    """However far back: what was spent in a future that did not happen costs one burst at most."""
    meter = MemoryMeter()
    spent = [meter.claim(Claim(f"a{n}", "acme", "key", NOON, (BURST,))).reserved for n in range(4)]
    back = NOON - hours * 3600
    soon = [meter.claim(Claim(f"b{n}", "acme", "key", back + n, (BURST,))).reserved for n in range(61)]
    assert spent == [True, True, True, False]
    assert soon[0] is False
    assert sum(soon) == 3  # one every twenty seconds, as ever


def test_redis_goes_by_its_own_clock(redis: RedisServer) -> None:
    """Gates on machines whose clocks differ by days share one window."""
    stores = [RedisLimitStore(redis.url, timeout_s=5) for _ in range(3)]
    clocks = (0.0, -86_400.0, 86_400.0)
    limit = Limit("long", "quota", 5, 300 * 86_400)
    got = [
        store.take("acme", [limit], [1], time.time() + clock, f"t{n}-{clock}").reserved
        for n in range(3)
        for store, clock in zip(stores, clocks, strict=True)
    ]
    assert got == [True] * 5 + [False] * 4
