"""Keys that nobody uses: when they are disabled, and all the ways in which they must not be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.settings import KeySettings
from mattegate.ledger.control import Control
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.control_sqlite import SqliteControl
from mattegate.ledger.last_used import LastUsed
from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.notice import NoticeKind
from mattegate.tasks.lifetimes import DAY, grace
from mattegate.tasks.reminders import remind_owners
from mattegate.tasks.unused import disable_unused
from mattegate.vocabulary.facts import KeyState
from tests.tasks.accounts import START, Accounts

SETTINGS = KeySettings()


def no_uses() -> int:
    """Nothing to write."""
    return 0


def live(
    accounts: Accounts, days: float, settings: KeySettings = SETTINGS, *, write_uses: Callable[[], object] = no_uses
) -> int:
    """One day of both tasks, as the server runs them; returns how many keys were disabled."""
    now = accounts.after(days)
    remind_owners(now, store=accounts.control, settings=settings, tell=accounts.tell)
    return disable_unused(
        now, store=accounts.control, settings=settings, write_uses=write_uses, tell=accounts.tell
    )  # fmt: skip


@pytest.fixture(params=["memory", "sqlite"])
def accounts(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Accounts]:
    """The same stories over both stores."""
    control: Control = MemoryControl() if request.param == "memory" else SqliteControl(tmp_path)
    yield Accounts(control)
    control.close()


def test_a_key_that_nobody_uses_is_disabled_after_180_days(accounts: Accounts) -> None:
    """The published guide: disable unused keys. With an entry in the audit log and a notice to the owner."""
    key = accounts.key()
    disabled = [day for day in range(200) if live(accounts, day)]
    assert disabled == [180]
    assert accounts.row(key).stored.view.state is KeyState.DISABLED
    assert [notice.kind for notice in accounts.told][-1] is NoticeKind.KEY_DISABLED
    assert accounts.told[-1].to == ("owner@acme.example",)
    entry = list(accounts.control.audit())[-1]
    assert (entry.actor, entry.act, entry.subject) == ("task:unused", "key.disable", key)
    assert entry.details["why"] == "not used for 180 days"


def test_a_key_in_use_is_never_disabled(accounts: Accounts) -> None:
    """One use in five months is enough."""
    key = accounts.key()
    for day in range(0, 1_000, 10):
        if day % 150 == 0:
            accounts.control.touch({key: START + day * DAY})
        assert live(accounts, day) == 0


def test_a_use_noted_but_not_yet_written_counts(accounts: Accounts) -> None:
    """What the process remembers of the last minute is written before anything is judged."""
    key = accounts.key()
    live(accounts, 130)
    uses = LastUsed(accounts.control)
    uses.note(key, accounts.after(185))
    assert live(accounts, 188, write_uses=uses.flush) == 0
    assert accounts.row(key).stored.view.state is KeyState.ACTIVE


def test_a_use_between_looking_and_disabling_counts(accounts: Accounts) -> None:
    """The key is used after it was found unused: the transaction looks again and lets it be."""
    key = accounts.key()
    live(accounts, 130)
    control = accounts.control

    class Racing:
        """The store, in which the key is used just before the change."""

        keys, identity = control.keys, control.identity

        def change(self, decide: object, *, actor: str, at: float) -> object:
            control.touch({key: at})
            return control.change(decide, actor=actor, at=at)  # type: ignore[arg-type]

    now = accounts.after(188)
    racing: Control = Racing()  # type: ignore[assignment]
    assert disable_unused(now, store=racing, settings=SETTINGS, write_uses=no_uses, tell=accounts.tell) == 0
    assert accounts.row(key).stored.view.state is KeyState.ACTIVE
    assert all(notice.kind is not NoticeKind.KEY_DISABLED for notice in accounts.told)


def test_where_uses_cannot_be_written_nothing_is_disabled(accounts: Accounts) -> None:
    """Not knowing is no reason to lock anybody out."""

    def down() -> int:
        raise Unavailable("control", "disk full")

    key = accounts.key()
    live(accounts, 130)
    with pytest.raises(Unavailable):
        live(accounts, 188, write_uses=down)
    assert accounts.row(key).stored.view.state is KeyState.ACTIVE


def test_a_server_that_was_off_for_a_year_locks_nobody_out_at_its_start(accounts: Accounts) -> None:
    """First comes the warning, and a week later the end of those that are still unused."""
    used, unused = accounts.key(), accounts.key()
    assert live(accounts, 400) == 0
    accounts.control.touch({used: accounts.after(401)})
    assert [day for day in range(401, 420) if live(accounts, day)] == [407]
    assert accounts.row(used).stored.view.state is KeyState.ACTIVE
    assert accounts.row(unused).stored.view.state is KeyState.DISABLED


def test_a_clock_that_is_wrong_for_a_moment_locks_nobody_out(accounts: Accounts) -> None:
    """Ten years ahead for some runs, then right again: every key works, and warnings under it count nothing."""
    key = accounts.key()
    assert live(accounts, 3_650) == 0
    assert live(accounts, 3_651) == 0
    assert [day for day in range(1, 100) if live(accounts, day)] == []
    assert accounts.row(key).stored.view.state is KeyState.ACTIVE


def test_an_enabled_key_gets_its_whole_time_again(accounts: Accounts) -> None:
    """Whoever enables a key means it."""
    key = accounts.key()
    assert [day for day in range(185) if live(accounts, day)] == [180]
    accounts.desk.enable_key(key, actor="cli:test")
    assert [day for day in range(185, 380) if live(accounts, day)] == [184 + 180]


def test_a_full_outbox_disables_no_one_unwarned(accounts: Accounts) -> None:
    """No warning went out, so nothing follows from it."""
    accounts.room = 0
    accounts.key()
    assert [day for day in range(300) if live(accounts, day)] == []


def test_zero_days_disable_nothing(accounts: Accounts) -> None:
    """0 is for ever."""
    accounts.key()
    assert [day for day in (0, 130, 200, 9_999, 10_020) if live(accounts, day, KeySettings(unused_days=0))] == []


@given(
    unused_days=st.integers(1, 400),
    steps=st.lists(st.tuples(st.floats(-400, 400), st.booleans()), max_size=40),
)
def test_no_key_is_disabled_before_its_time_or_unwarned(unused_days: int, steps: list[tuple[float, bool]]) -> None:
    """Whatever the clock does, between its last use and its end lie the whole time and a warning in good time."""
    accounts, settings = Accounts(), KeySettings(unused_days=unused_days)
    key, day, used = accounts.key(), 0.0, 0.0
    for step, use in steps:
        day += step
        if use:
            accounts.control.touch({key: START + day * DAY})
            used = max(used, day)
        if live(accounts, day, settings):
            warned = [notice.at for notice in accounts.told if notice.kind is not NoticeKind.KEY_DISABLED]
            assert day >= used + unused_days
            assert any(START + used * DAY <= at <= START + day * DAY - grace(settings) for at in warned)
            return
