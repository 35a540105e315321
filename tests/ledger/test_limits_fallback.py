"""What happens to limits while a real Redis is killed, restarted, or swallows everything it is sent."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mattegate.ledger.limits_fallback import MOST_PENDING, FallbackLimitStore, OnLoss
from mattegate.ledger.limits_redis import RedisLimitStore
from mattegate.ledger.protocols import LimitStore, Unavailable
from mattegate.vocabulary.facts import ClaimFact
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.limits_servers import RedisServer

RATE = Limit("burst", "rate", 5, 86_400)
DAY = Limit("day", "quota", 20, 86_400)


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that this test may kill."""
    server = RedisServer()
    yield server
    server.stop()


class Clock:
    """A monotonic clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.now


class Behind:
    """A store with its wrapper, as the gate has it."""

    def __init__(self, server: RedisServer, on_loss: OnLoss) -> None:
        self.clock = Clock()
        self.redis = RedisLimitStore(server.url, timeout_s=0.2)
        self.store = FallbackLimitStore(self.redis, on_loss=on_loss, clock=self.clock)

    def take(self, limit: Limit, token: str) -> ClaimFact:
        """One unit."""
        return self.store.take("acme", [limit], [1], time.time(), token)

    def left(self, limit: Limit) -> int:
        """What remains in Redis."""
        return self.store.glance("acme", [limit], time.time()).limits[0].remaining


def lose(behind: Behind, limit: Limit, times: int) -> None:
    """Ask so often and be told that nobody can tell."""
    for n in range(times):
        with pytest.raises(Unavailable, match="limits"):
            behind.take(limit, f"lost{n}")


def test_refusing_until_it_is_back(server: RedisServer) -> None:
    """Redis is killed and restarted in the middle: nobody is admitted meanwhile, and everybody afterwards."""
    behind = Behind(server, "refuse")
    assert behind.take(DAY, "before").reserved
    server.kill()
    lose(behind, DAY, 5)
    state = behind.store.state()
    assert (state.state, state.failures, state.openings, state.mode) == ("open", 3, 1, "refuse")
    assert "redis" in state.problem
    server.start()
    lose(behind, DAY, 1)  # the breaker is still open
    behind.clock.now += 1.0
    assert behind.take(DAY, "after").reserved
    assert behind.store.state().state == "closed"
    assert behind.store.state().pending == 0
    assert behind.left(DAY) == 19  # the restarted server kept nothing


def test_counting_rates_here_until_it_is_back(server: RedisServer) -> None:
    """In local mode a tier of rates goes on with its whole burst, and not one more; a quota still refuses."""
    behind = Behind(server, "local")
    assert behind.take(RATE, "before").reserved
    server.kill()
    assert [behind.take(RATE, f"local{n}").reserved for n in range(6)] == [True] * 5 + [False]
    lose(behind, DAY, 1)
    with pytest.raises(Unavailable):
        behind.store.take("acme", [RATE, DAY], [1, 1], time.time(), "both")
    assert behind.store.state().local == 6
    shadowed = Limit("trial", "quota", 1, 60, shadow=True)
    other = behind.store.take("other", [RATE, shadowed], [1, 1], time.time(), "trial")
    assert [one.name for one in other.limits] == ["burst"]
    server.start()
    behind.clock.now += 1.0
    assert behind.take(RATE, "after").limits[0].remaining == 4


def test_a_black_hole_costs_one_caller_a_timeout_and_charges_nobody(server: RedisServer) -> None:
    """A stopped Redis reads later what it was sent: those takes are undone, so nobody pays for an answer they lost."""
    behind = Behind(server, "refuse")
    assert behind.take(DAY, "before").limits[0].remaining == 19
    server.pause()
    lose(behind, DAY, 10)
    assert behind.store.state().failures == 3
    behind.store.give_back("acme", [DAY], [1], time.time(), "before")
    server.resume()
    behind.clock.now += 1.0
    assert behind.left(DAY) == 20
    assert behind.take(DAY, "again").limits[0].remaining == 19
    assert behind.store.state().pending == 0


def test_a_lost_take_that_arrives_after_its_undoing_takes_nothing(server: RedisServer) -> None:
    """However late the take of a broken connection is executed, its token is void by then."""
    behind = Behind(server, "refuse")
    server.pause()
    lose(behind, DAY, 1)
    server.resume()
    assert behind.left(DAY) == 20
    for _ in range(2):
        with pytest.raises(Unavailable, match="given up"):
            behind.redis.take("acme", [DAY], [1], 0, "lost0")
    assert behind.left(DAY) == 20


def test_turning_the_wall_clock_back_does_not_keep_the_breaker_open(server: RedisServer) -> None:
    """The breaker goes by a clock that only runs forward; claims that carry an earlier time pass it all the same."""
    behind = Behind(server, "refuse")
    server.kill()
    lose(behind, DAY, 3)
    server.start()
    behind.clock.now += 1.0
    assert behind.store.take("acme", [DAY], [1], time.time() - 86_400, "back").reserved


class NoStore:
    """A store that is always away."""

    def take(self, *_: object) -> ClaimFact:
        """Say so."""
        raise Unavailable("limits", "away")

    give_back = amend = void = glance = take


def test_what_is_pending_is_bounded() -> None:
    """A store that never returns does not fill the memory with what it should be told; what is given up is counted."""
    never: LimitStore = NoStore()  # type: ignore[assignment] # its methods only raise
    store = FallbackLimitStore(never, on_loss="refuse", clock=Clock())
    for n in range(MOST_PENDING + 50):
        store.give_back("acme", [DAY], [1], 0.0, f"t{n}")
    state = store.state()
    assert (state.pending, state.given_up, state.failures) == (MOST_PENDING, 50, 3)
