"""Every store of limits does the same, unit for unit."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mattegate.ledger.limits_memory import MemoryLimitStore
from mattegate.ledger.limits_redis import RedisLimitStore
from mattegate.ledger.limits_sqlite import SqliteLimitStore
from mattegate.ledger.protocols import LimitStore, Unavailable
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.limits_servers import RedisServer

NOON = 1_700_049_600.0  # 2023-11-15T12:00:00Z
RATE = Limit("burst", "rate", 20, 60, burst=5)
HOURLY = Limit("hourly", "quota", 3, 3600)
DAILY = Limit("daily", "quota", 100, 86_400)
TRAFFIC = Limit("traffic", "bytes", 1000, 3600, unit="bytes")

_fresh = itertools.count()


def subject() -> str:
    """Somebody whom no test has met."""
    return f"identity-{next(_fresh)}"


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    """A server that all tests here share."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture(scope="module", params=["memory", "sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LimitStore]:
    """Every kind of store, by the clock that it is given."""
    if request.param == "memory":
        yield MemoryLimitStore()
    elif request.param == "sqlite":
        database = UsageDatabase(tmp_path_factory.mktemp("limits") / "usage.db")
        yield SqliteLimitStore(database)
        database.close()
    else:
        server: RedisServer = request.getfixturevalue("redis_server")
        redis = RedisLimitStore(server.url, timeout_s=5.0, server_clock=False)
        yield redis
        redis.close()


def test_a_rate_admits_its_burst_and_then_one_an_interval(store: LimitStore) -> None:
    """Five at once, the sixth is told to wait three seconds, and after three seconds exactly one more passes."""
    who = subject()
    facts = [store.take(who, [RATE], [1], NOON, f"{who}{n}") for n in range(6)]
    assert [fact.reserved for fact in facts] == [True] * 5 + [False]
    assert [fact.limits[0].remaining for fact in facts] == [4, 3, 2, 1, 0, 0]
    assert facts[5].limits[0].retry_after_s == 3.0
    assert facts[5].limits[0].reset_s == 15.0
    assert not store.take(who, [RATE], [1], NOON + 2.999999, f"{who}early").reserved
    assert store.take(who, [RATE], [1], NOON + 3, f"{who}due").reserved
    assert not store.take(who, [RATE], [1], NOON + 3, f"{who}again").reserved


def test_what_is_more_than_the_burst_never_passes(store: LimitStore) -> None:
    """Waiting does not help a claim that is larger than everything there can ever be."""
    for limit, cost in ((RATE, 6), (HOURLY, 4), (Limit("none", "quota", 0, 60), 1), (Limit("no", "rate", 0, 60), 1)):
        fact = store.take(subject(), [limit], [cost], NOON, subject())
        assert not fact.reserved
        assert fact.limits[0].retry_after_s == -1.0


def test_a_quota_counts_windows_of_utc(store: LimitStore) -> None:
    """A day's quota is used up until midnight in Greenwich, and whole again in the first microsecond after it."""
    who, day = subject(), Limit("day", "quota", 1, 86_400)
    assert store.take(who, [day], [1], NOON, f"{who}1").limits[0].reset_s == 43_200.0
    refused = store.take(who, [day], [1], NOON + 43_199.999999, f"{who}2")
    assert not refused.reserved
    assert refused.limits[0].retry_after_s == pytest.approx(0.000001)
    assert store.take(who, [day], [1], NOON + 43_200, f"{who}3").reserved


def test_a_refusal_by_one_limit_takes_nothing_of_any(store: LimitStore) -> None:
    """Three hourly units are there; ten refused attempts later the daily quota and the rate have lost only three."""
    who, limits = subject(), [RATE, HOURLY, DAILY]
    for n in range(13):
        store.take(who, limits, [1, 1, 1], NOON, f"{who}{n}")
    rate, hourly, daily = store.glance(who, limits, NOON).limits
    assert (rate.remaining, hourly.remaining, daily.remaining) == (2, 0, 97)
    refused = store.take(who, limits, [1, 1, 1], NOON, f"{who}x").limits
    assert [one.allowed for one in refused] == [True, False, True]
    assert refused[1].retry_after_s == 3600.0


def test_a_limit_in_shadow_foretells_what_it_would_do(store: LimitStore) -> None:
    """In shadow the fourth unit is answered with a no that stops nobody, and the count stays where it would."""
    who, limits = subject(), [replace(HOURLY, shadow=True), DAILY]
    facts = [store.take(who, limits, [1, 1], NOON, f"{who}{n}") for n in range(5)]
    assert all(fact.reserved for fact in facts)
    assert [fact.limits[0].allowed for fact in facts] == [True, True, True, False, False]
    assert facts[4].limits[0].shadow
    assert facts[4].limits[0].remaining == 0
    assert facts[4].limits[1].remaining == 95
    store.give_back(who, limits, [1, 1], NOON, f"{who}4")
    assert [one.remaining for one in store.glance(who, limits, NOON).limits] == [0, 96]


def test_a_token_takes_only_once(store: LimitStore) -> None:
    """A call whose answer was lost is made again and is not charged again."""
    who = subject()
    for _ in range(3):
        assert store.take(who, [RATE, DAILY], [1, 1], NOON, f"{who}same").reserved
    assert [one.remaining for one in store.glance(who, [RATE, DAILY], NOON).limits] == [4, 99]


def test_giving_back_returns_quota_once_and_keeps_the_rate_spent(store: LimitStore) -> None:
    """The unit returns to the window it came from, even when the next one has begun; the rate does not."""
    who, limits = subject(), [RATE, HOURLY]
    for n in range(3):
        store.take(who, limits, [1, 1], NOON, f"{who}{n}")
    for _ in range(3):
        store.give_back(who, limits, [1, 1], NOON + 3600, f"{who}0")
    store.give_back(who, limits, [1, 1], NOON, f"{who}unknown")
    rate, hourly = store.glance(who, limits, NOON).limits
    assert (rate.remaining, hourly.remaining) == (2, 1)
    assert store.glance(who, [HOURLY], NOON + 3600).limits[0].remaining == 3
    assert store.take(who, limits, [1, 1], NOON, f"{who}0").reserved
    assert store.glance(who, [HOURLY], NOON).limits[0].remaining == 1


def test_amending_sets_what_a_token_holds(store: LimitStore) -> None:
    """Declared bytes become the bytes that were moved, past the amount if need be; saying it twice changes nothing."""
    who = subject()
    assert store.take(who, [TRAFFIC], [200], NOON, f"{who}a").limits[0].remaining == 800
    for total, left in ((500, 500), (500, 500), (1200, 0), (100, 900)):
        store.amend(who, [TRAFFIC], [total], NOON + 9, f"{who}a")
        assert store.glance(who, [TRAFFIC], NOON).limits[0].remaining == left
    store.amend(who, [TRAFFIC], [50], NOON, f"{who}stranger")
    assert store.glance(who, [TRAFFIC], NOON).limits[0].remaining == 900
    assert store.take(who, [TRAFFIC], [0], NOON, f"{who}b").reserved
    store.amend(who, [TRAFFIC], [900], NOON, f"{who}b")
    assert not store.take(who, [TRAFFIC], [0], NOON, f"{who}c").reserved


def test_voiding_undoes_the_rate_too_and_for_good(store: LimitStore) -> None:
    """After a void everything is as before, and the same token takes nothing, even if it arrives only now."""
    who, limits = subject(), [RATE, HOURLY]
    store.take(who, limits, [1, 1], NOON, f"{who}late")
    for token in ("late", "late", "never"):
        store.void(who, limits, NOON, f"{who}{token}")
    assert [one.remaining for one in store.glance(who, limits, NOON).limits] == [5, 3]
    for token in ("late", "never"):
        with pytest.raises(Unavailable):
            store.take(who, limits, [1, 1], NOON, f"{who}{token}")
        store.amend(who, limits, [3, 3], NOON, f"{who}{token}")
    assert [one.remaining for one in store.glance(who, limits, NOON).limits] == [5, 3]


def test_a_clock_that_is_turned_back_locks_nobody_out(store: LimitStore) -> None:
    """The clock stood a year ahead and is put right: the bucket refills at its usual pace from then on."""
    who, year = subject(), 365 * 86_400.0
    for n in range(5):
        store.take(who, [RATE], [1], NOON + year, f"{who}{n}")
    refused = store.take(who, [RATE], [1], NOON, f"{who}now")
    assert not refused.reserved
    assert refused.limits[0].retry_after_s == 3.0
    assert store.take(who, [RATE], [1], NOON + 3, f"{who}then").reserved


def test_a_clock_that_is_turned_back_gives_nothing_twice(store: LimitStore) -> None:
    """A quota used up an hour ago is still used up when the clock shows that hour again; so is a burst."""
    who = subject()
    for n in range(3):
        assert store.take(who, [HOURLY], [1], NOON - 1, f"{who}{n}").reserved
    assert store.take(who, [HOURLY], [1], NOON, f"{who}next").reserved
    assert not store.take(who, [HOURLY], [1], NOON - 1, f"{who}back").reserved
    for n in range(5):
        assert store.take(who, [RATE], [1], NOON, f"{who}r{n}").reserved
    assert not store.take(who, [RATE], [1], NOON - 4, f"{who}disorder").reserved


def test_credits_are_not_counted_here(store: LimitStore) -> None:
    """A balance has no window to return it, so no store of counters may hold one."""
    with pytest.raises(ValueError, match="usage book"):
        store.take(subject(), [Limit("credits", "credits", 0, 0)], [1], NOON, "t")


class Oracle:
    """The same limits told another way: a bucket of microseconds that fills, and a list of everything admitted."""

    def __init__(self, limits: list[Limit]) -> None:
        self._limits = limits
        self._fill = {limit.name: self._full(limit) for limit in limits if limit.kind == "rate"}
        self._admitted: list[tuple[int, list[int]]] = []
        self._now = 0

    def take(self, costs: list[int], now: int) -> bool:
        """Whether it passes; if so, it is taken."""
        for limit in self._limits:
            if limit.kind == "rate":
                self._fill[limit.name] = min(self._full(limit), self._fill[limit.name] + now - self._now)
        self._now = now
        if not all(self._fits(index, max(1, cost)) for index, cost in enumerate(costs)):
            return False
        for limit, cost in zip(self._limits, costs, strict=True):
            if limit.kind == "rate":
                self._fill[limit.name] -= cost * self._interval(limit)
        self._admitted.append((now, costs))
        return True

    def _fits(self, index: int, cost: int) -> bool:
        limit = self._limits[index]
        if limit.kind == "rate":
            return self._fill[limit.name] >= cost * self._interval(limit)
        window = limit.window_s * 1_000_000
        used = sum(costs[index] for at, costs in self._admitted if at // window == self._now // window)
        return used + cost <= limit.amount

    def _full(self, limit: Limit) -> int:
        return (limit.burst or limit.amount) * self._interval(limit)

    @staticmethod
    def _interval(limit: Limit) -> int:
        quotient, rest = divmod(limit.window_s * 1_000_000, limit.amount)
        return quotient + (rest > 0)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.builds(Limit, st.just("r"), st.just("rate"), st.integers(1, 40), st.integers(1, 60), st.integers(0, 6)),
    quota=st.builds(Limit, st.just("q"), st.just("quota"), st.integers(1, 9), st.sampled_from([1, 7, 60])),
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 100_000, 999_999, 1_500_000, 7_000_001]), st.integers(0, 3), st.integers(0, 3)
        ),
        max_size=25,
    ),
)
def test_any_sequence_is_what_the_oracle_says(
    store: LimitStore, rate: Limit, quota: Limit, steps: list[tuple[int, int, int]]
) -> None:
    """Whatever comes when, each store admits exactly what a bucket and a list of everything admitted would."""
    who, oracle, now = subject(), Oracle([rate, quota]), round(NOON * 1_000_000)
    for number, (later, *costs) in enumerate(steps):
        now += later
        fact = store.take(who, [rate, quota], costs, now / 1_000_000, f"{who}{number}")
        assert fact.reserved == oracle.take(costs, now)


def race(attempts: int, act: Callable[[int], bool]) -> int:
    """How many of ``attempts`` threads that start at once succeed."""
    start = threading.Barrier(attempts)

    def run(number: int) -> bool:
        start.wait()
        return act(number)

    with ThreadPoolExecutor(attempts) as pool:
        return sum(pool.map(run, range(attempts)))


def test_sixty_at_once_get_exactly_what_there_is(store: LimitStore) -> None:
    """Of sixty threads, seven pass the quota of seven: never one over, and none below it is refused."""
    who = subject()
    seven = Limit("seven", "quota", 7, 86_400)
    assert race(60, lambda n: store.take(who, [DAILY, seven], [1, 1], NOON, f"{who}{n}").reserved) == 7
    assert store.glance(who, [DAILY], NOON).limits[0].remaining == 93
    rate = Limit("rate", "rate", 11, 3600)
    assert race(60, lambda n: store.take(who, [rate], [1], NOON, f"{who}r{n}").reserved) == 11


def test_a_full_memory_store_refuses_to_forget(tmp_path: Path) -> None:
    """Counters that have run out make room; live ones are never evicted to give somebody a fresh start."""
    small = MemoryLimitStore(counters=10)
    for n in range(10):
        small.take(f"early-{n}", [HOURLY], [1], NOON, f"early-{n}")
    with pytest.raises(Unavailable):
        small.take("late", [HOURLY], [1], NOON, "late")
    assert small.take("early-0", [HOURLY], [0], NOON + 7200, "later").reserved
    assert len(small) < 10
