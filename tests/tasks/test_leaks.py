"""A key in an address: who hears of it, how often, and what a stranger can make of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from mattegate.ledger.configured import with_configured
from mattegate.ledger.protocols import Snapshot, Unavailable
from mattegate.outbound.notice import Notice, NoticeKind
from mattegate.tasks.leaks import LeakWatch
from mattegate.tasks.lifetimes import DAY
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import Pepper, Peppers
from tests.tasks.accounts import START, Accounts


class Leaks:
    """A watch over accounts that has looked once, as it does when a server starts."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self.watch = LeakWatch(accounts.control, accounts.control)
        self.look()

    def seen(self, key_id: str, times: int = 1) -> None:
        """Requests with the key in the address."""
        for number in range(times):
            self.watch.note(key_id, at=self.accounts.now, request_id=f"req_{number}", address="203.0.113.7")

    def look(self) -> int:
        """The task's turn."""
        return self.watch.tell_all(self.accounts.now, tell=self.accounts.tell)


def test_the_owner_and_the_operator_are_told_once_a_day() -> None:
    """A thousand requests are one notice with the first one's id; the next day it is another one."""
    accounts = Accounts()
    key = accounts.key()
    leaks = Leaks(accounts)
    leaks.seen(key, 1_000)
    assert leaks.look() == 1
    leaks.seen(key)
    assert leaks.look() == 0
    told = accounts.told[0]
    assert (told.kind, told.about, told.to) == (NoticeKind.KEY_LEAKED, key, ("owner@acme.example",))
    assert (told.facts["request"], told.facts["requests"], told.facts["address"]) == ("req_0", 1_000, "203.0.113.7")
    assert f"mattegate keys rotate {key}" in told.text
    accounts.after(1)
    assert leaks.look() == 0, "nothing was sent on the second day yet"
    leaks.seen(key)
    assert leaks.look() == 1
    assert accounts.told[1].id != told.id


def test_another_server_process_gives_the_same_notice_the_same_id() -> None:
    """After a restart on the same day it may be told again, and receivers know it by its id."""
    accounts = Accounts()
    key = accounts.key()
    for _ in range(2):
        leaks = Leaks(accounts)
        leaks.seen(key)
        assert leaks.look() == 1
    assert accounts.told[0].id == accounts.told[1].id


def test_a_stranger_with_invented_ids_fills_nothing() -> None:
    """Ids that no key has leave no trace, however many; the real one is still heard."""
    accounts = Accounts()
    key = accounts.key()
    leaks = Leaks(accounts)
    for number in range(10_000):
        leaks.seen(f"invented{number}")
    leaks.seen(key)
    assert len(leaks.watch._seen) == 1
    assert leaks.look() == 1


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_key_that_can_do_nothing_any_more_is_not_news(end: str) -> None:
    """Whoever finds it in a log has nothing."""
    accounts = Accounts()
    key = accounts.key(expires_days=20)
    leaks = Leaks(accounts)
    leaks.seen(key)
    if end == "revoked":
        accounts.desk.revoke_key(key, actor="cli:test", why="found")
    else:
        accounts.after(20)
    assert leaks.look() == 0
    assert leaks.watch._seen == {}


def test_a_disabled_key_is_told() -> None:
    """It can be enabled again."""
    accounts = Accounts()
    key = accounts.key()
    leaks = Leaks(accounts)
    accounts.desk.disable_key(key, actor="cli:test", why="unused")
    leaks.seen(key)
    assert leaks.look() == 1


def test_a_key_made_since_the_last_look_is_heard_from_the_next_on() -> None:
    """The request path looks at nothing but what the task read."""
    accounts = Accounts()
    leaks = Leaks(accounts)
    key = accounts.key()
    leaks.seen(key)
    assert leaks.look() == 0
    leaks.seen(key)
    assert leaks.look() == 1


def test_what_cannot_be_told_now_is_told_later() -> None:
    """A full outbox, an outbox that is down and a keyring that is down lose no sighting."""
    accounts = Accounts(room=0)
    key = accounts.key()
    leaks = Leaks(accounts)
    leaks.seen(key)
    assert leaks.look() == 0

    def down(_notice: Notice) -> bool:
        raise Unavailable("ledger", "disk full")

    with pytest.raises(Unavailable):
        leaks.watch.tell_all(accounts.now, tell=down)
    accounts.room = 9
    assert leaks.look() == 1


def test_a_keyring_that_is_down_keeps_what_was_seen() -> None:
    """The task fails by name, and goes on when the keys can be read again."""
    accounts = Accounts()
    key = accounts.key()

    class Ring:
        down = False

        def snapshot(self) -> Snapshot:
            if self.down:
                raise Unavailable("control", "gone")
            return accounts.control.snapshot()

    ring = Ring()
    watch = LeakWatch(ring, accounts.control)
    watch.tell_all(START, tell=accounts.tell)
    ring.down = True
    watch.note(key, at=START, request_id="req_1", address="")
    with pytest.raises(Unavailable):
        watch.tell_all(START, tell=accounts.tell)
    ring.down = False
    assert watch.tell_all(START, tell=accounts.tell) == 1


def test_a_key_of_the_configuration_has_no_owner_to_write_to() -> None:
    """The operators hear of it, and are told where to replace it."""
    accounts = Accounts()
    spare = Accounts().desk.create_key(accounts.owner.name, actor="cli:test")
    ring = with_configured(
        accounts.control, [spare.text], tier="free", peppers=Peppers((Pepper(1, b"p" * 32),)), rules=CredentialRules()
    )
    watch = LeakWatch(ring, accounts.control)
    watch.tell_all(START, tell=accounts.tell)
    watch.note(spare.id, at=START, request_id="req_1", address="")
    assert watch.tell_all(START, tell=accounts.tell) == 1
    assert accounts.told[0].to == ()
    assert "the configuration" in accounts.told[0].text
    assert spare.text not in repr(accounts.told)


def test_sightings_from_many_threads_are_all_counted() -> None:
    """While the task reads, requests go on."""
    accounts = Accounts()
    key = accounts.key()
    leaks = Leaks(accounts)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: leaks.seen(key, 50), range(8)))
    leaks.look()
    assert accounts.told[0].facts["requests"] == 400


def test_the_clock_turned_back_a_day_tells_again_rather_than_never() -> None:
    """What was told on a day that has not come yet does not silence today."""
    accounts = Accounts()
    key = accounts.key()
    leaks = Leaks(accounts)
    accounts.after(3)
    leaks.seen(key)
    assert leaks.look() == 1
    accounts.now = START + DAY / 2
    leaks.seen(key)
    assert leaks.look() == 1
