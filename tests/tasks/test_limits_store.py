"""The store of limits goes and comes back; operators hear of it once each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mattegate.ledger.limits_fallback import FAILURES, FallbackLimitStore, OnLoss
from mattegate.ledger.limits_redis import RedisLimitStore
from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.notice import Notice, NoticeKind
from mattegate.tasks.limits_store import SETTLED_S, StoreWatch
from mattegate.vocabulary.rulebook import Limit
from tests.ledger.limits_servers import RedisServer
from tests.tasks.accounts import START

DAY = Limit("day", "quota", 20, 86_400)


class Place:
    """A store that is away or there, behind the real breaker, and a watch over it."""

    def __init__(self, on_loss: OnLoss = "refuse") -> None:
        self.server = RedisServer()
        self.now = 0.0
        redis = RedisLimitStore(self.server.url, timeout_s=0.2)
        self.store = FallbackLimitStore(redis, on_loss=on_loss, clock=lambda: self.now)
        self.told: list[Notice] = []
        self.full = False
        self.watch = StoreWatch(self.store, self.tell)

    def tell(self, notice: Notice) -> bool:
        """Take it, unless the disk is full."""
        if self.full:
            raise Unavailable("ledger", "disk full")
        self.told.append(notice)
        return True

    def ask(self, times: int = 1) -> None:
        """What requests do."""
        for _ in range(times):
            self.now += 2
            try:
                self.store.glance("acme", [DAY], START)
            except Unavailable:
                continue

    def lose(self) -> None:
        """Kill it, and let requests notice."""
        self.server.kill()
        self.ask(FAILURES)
        assert self.store.state().state == "open"

    def bring_back(self) -> None:
        """Start it again, and let a request notice."""
        self.server.start()
        self.ask()
        assert self.store.state().state == "closed"

    @property
    def kinds(self) -> list[NoticeKind]:
        """What was told."""
        return [notice.kind for notice in self.told]


@pytest.fixture(params=["refuse", "local"])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """One in each mode."""
    made = Place(request.param)
    yield made
    made.server.stop()


def test_lost_is_told_at_once_and_back_when_it_stays(place: Place) -> None:
    """One notice each, however often is looked; the text says what holds meanwhile."""
    assert place.watch(START) == "closed"
    place.lose()
    assert [place.watch(START + n) for n in (1, 2, 3)] == ["open"] * 3
    assert place.kinds == [NoticeKind.STORE_LOST]
    assert str(place.told[0].facts["mode"]) in place.told[0].text
    assert "redis" in str(place.told[0].facts["problem"])
    place.bring_back()
    place.watch(START + 10)
    place.watch(START + 10 + SETTLED_S - 1)
    assert place.kinds == [NoticeKind.STORE_LOST]
    for later in (0, 1, 1_000):
        place.watch(START + 10 + SETTLED_S + later)
    assert place.kinds == [NoticeKind.STORE_LOST, NoticeKind.STORE_BACK]
    assert (place.told[1].facts["lost"], place.told[1].facts["back"]) == (
        "2026-05-28T20:26:41Z", "2026-05-28T20:26:50Z",
    )  # fmt: skip


def test_a_store_that_comes_and_goes_is_told_of_once(place: Place) -> None:
    """Lost three times within a minute, also between two looks: one notice, and one when it is over."""
    for number in range(3):
        place.lose()
        if number != 1:
            place.watch(START + 20 * number)
        place.bring_back()
        place.watch(START + 20 * number + 10)
    assert place.kinds == [NoticeKind.STORE_LOST]
    place.watch(START + 50 + SETTLED_S)
    assert place.kinds == [NoticeKind.STORE_LOST, NoticeKind.STORE_BACK]


def test_the_next_loss_is_another_notice(place: Place) -> None:
    """Receivers that know the first id must not take the second for a repetition."""
    for start in (START, START + 10_000):
        place.lose()
        place.watch(start)
        place.bring_back()
        place.watch(start + 10)
        place.watch(start + 10 + SETTLED_S)
    assert place.kinds == [NoticeKind.STORE_LOST, NoticeKind.STORE_BACK] * 2
    assert len({notice.id for notice in place.told}) == 4


def test_an_outbox_that_is_down_puts_it_off(place: Place) -> None:
    """The task fails by name; the notices follow with the times of what happened."""
    place.lose()
    place.full = True
    with pytest.raises(Unavailable):
        place.watch(START)
    place.full = False
    place.watch(START + 500)
    assert place.told[0].at == START
    place.bring_back()
    place.watch(START + 600)
    place.full = True
    with pytest.raises(Unavailable):
        place.watch(START + 700)
    place.full = False
    place.watch(START + 800)
    assert [notice.at for notice in place.told] == [START, START + 600]


def test_a_clock_that_was_turned_back_does_not_keep_it_lost_for_ever(place: Place) -> None:
    """The minute counts from the new time."""
    place.lose()
    place.watch(START)
    place.bring_back()
    place.watch(START + 10)
    place.watch(START - 86_400)
    place.watch(START - 86_400 + SETTLED_S)
    assert place.kinds == [NoticeKind.STORE_LOST, NoticeKind.STORE_BACK]


def test_a_store_that_was_never_lost_is_never_told_of(place: Place) -> None:
    """Two failures do not open the breaker."""
    place.server.kill()
    place.ask(FAILURES - 1)
    place.server.start()
    place.ask()
    for later in range(0, 200, 20):
        assert place.watch(START + later) == "closed"
    assert place.told == []
