"""Limits in a real Redis: nothing immortal, one clock, and the same verdicts as an independent library."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
import throttled

from mattegate.ledger.limits_memory import MemoryLimitStore
from mattegate.ledger.limits_redis import RedisLimitStore
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.limits_servers import RedisServer

RATE = Limit("burst", "rate", 60, 60, burst=5)
DAY = Limit("day", "quota", 20, 86_400)
TRAFFIC = Limit("traffic", "bytes", 10_000, 3600, unit="bytes")
LIMITS = [RATE, DAY, TRAFFIC]


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that this test may kill."""
    server = RedisServer()
    yield server
    server.stop()


@pytest.fixture
def store(server: RedisServer) -> Iterator[RedisLimitStore]:
    """A store that goes by the server's clock."""
    store = RedisLimitStore(server.url, timeout_s=5.0)
    yield store
    store.close()


def test_every_key_has_a_time_to_live(server: RedisServer, store: RedisLimitStore) -> None:
    """After every act that there is, in every order, no key is left that would never go away."""
    acts: tuple[Callable[[str], object], ...] = (
        lambda token: store.take("acme", LIMITS, [1, 1, 50], 0, token),
        lambda token: store.give_back("acme", LIMITS, [1, 1, 50], 0, token),
        lambda token: store.amend("acme", LIMITS, [1, 1, 99], 0, token),
        lambda token: store.void("acme", LIMITS, 0, token),
        lambda token: store.glance("acme", LIMITS, 0),
    )
    with server.client() as client:
        for number, order in enumerate(itertools.permutations(acts, 3)):
            for act in order:
                with suppress(Unavailable):  # a take after its void
                    act(f"token-{number}")
            lives = {key: client.pttl(key) for key in client.scan_iter()}
            assert lives
            assert all(0 < life <= 2 * 86_400_000 + 2000 for life in lives.values()), lives
            assert all(b"{acme}" in key for key in lives)


def test_the_servers_clock_decides(store: RedisLimitStore) -> None:
    """A machine whose clock runs a day ahead gets no fresh quota."""
    for n in range(20):
        assert store.take("acme", [DAY], [1], 1e9 + n * 86_400, f"t{n}").reserved
    assert not store.take("acme", [DAY], [1], 2e9, "t").reserved


def test_a_server_that_forgot_the_script_gets_it_again(server: RedisServer, store: RedisLimitStore) -> None:
    """After SCRIPT FLUSH, as after a restart, the next take still takes exactly once."""
    with server.client() as client:
        for n in range(3):
            client.script_flush()
            assert store.take("acme", [DAY], [1], 0, f"t{n}").limits[0].remaining == 19 - n


def test_a_restarted_server_is_used_again_at_once(server: RedisServer, store: RedisLimitStore) -> None:
    """Connections of before the restart lie in the pool; none of them makes a later claim fail."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: store.take("acme", [DAY], [1], 0, f"t{n}"), range(8)))
    server.kill()
    with pytest.raises(Unavailable, match="redis"):
        store.take("acme", [DAY], [1], 0, "lost")
    server.start()
    assert [store.take("acme", [DAY], [1], 0, f"new{n}").reserved for n in range(4)] == [True] * 4


def test_a_server_without_memory_is_unavailable(server: RedisServer, store: RedisLimitStore) -> None:
    """Redis that may not write any more is a store that is down, not a limit that refuses."""
    with server.client() as client:
        client.config_set("maxmemory", "1")
        client.config_set("maxmemory-policy", "noeviction")
        with pytest.raises(Unavailable, match="redis"):
            store.take("acme", [DAY], [1], 0, "t")
        client.config_set("maxmemory", "0")
    assert store.take("acme", [DAY], [1], 0, "t").limits[0].remaining == 19


def test_sixty_at_once_through_few_connections(server: RedisServer) -> None:
    """Sixty threads share four connections: they wait for one, and exactly the burst passes."""
    store = RedisLimitStore(server.url, timeout_s=10.0, connections=4)
    slow = Limit("slow", "rate", 24, 86_400)
    with ThreadPoolExecutor(60) as pool:
        granted = sum(pool.map(lambda n: store.take("acme", [slow, DAY], [1, 1], 0, f"t{n}").reserved, range(60)))
    assert granted == 20
    assert store.glance("acme", [slow], 0).limits[0].remaining == 4
    store.close()


def test_throttled_agrees_on_gcra(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An independent GCRA admits and refuses the same requests of an uneven stream, and has as much left."""
    clock = {"now": 1_700_049_600.0}
    monkeypatch.setattr(throttled.utils, "now_mono_f", lambda: clock["now"])
    redis = RedisLimitStore(server.url, timeout_s=5.0, server_clock=False)
    for name, store in (("memory", MemoryLimitStore()), ("redis", redis)):
        other = throttled.Throttled(using="gcra", quota=throttled.per_min(60, burst=5), store=throttled.MemoryStore())
        for number in range(200):
            clock["now"] += (0.25, 0.5, 0.125, 3.0, 0.0)[number % 5]
            theirs = other.limit(name, cost=1 + number % 2)
            ours = store.take(name, [RATE], [1 + number % 2], clock["now"], f"t{number}")
            assert ours.reserved is not theirs.limited, number
            assert ours.limits[0].remaining == theirs.state.remaining, number
    redis.close()
