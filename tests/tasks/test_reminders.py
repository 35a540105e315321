"""What owners of keys are told, when, and how often."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.settings import KeySettings
from mattegate.ledger.last_used import LastUsed
from mattegate.outbound.notice import NoticeKind
from mattegate.tasks.lifetimes import DAY
from mattegate.tasks.reminders import remind_owners
from tests.tasks.accounts import START, Accounts

AGE_ONLY = KeySettings(unused_days=0)
UNUSED_ONLY = KeySettings(remind_days=0)


def remind(accounts: Accounts, days: float, settings: KeySettings = AGE_ONLY) -> list[NoticeKind]:
    """Run the task so many days after the start; returns what was told."""
    before = len(accounts.told)
    number = remind_owners(accounts.after(days), store=accounts.control, settings=settings, tell=accounts.tell)
    assert number == len(accounts.told) - before
    return [notice.kind for notice in accounts.told[before:]]


def test_the_owner_is_reminded_once_a_quarter() -> None:
    """The published guide: rotate quarterly, with an automatic reminder. At 90 days, at 180, and not in between."""
    accounts = Accounts()
    key = accounts.key()
    reminded = [day for day in range(300) if remind(accounts, day)]
    assert reminded == [90, 180, 270]
    first = accounts.told[0]
    assert (first.kind, first.about, first.to) == (NoticeKind.KEY_REMINDER, key, ("owner@acme.example",))
    assert first.subject == f"The key {key} (shop) of acme should be rotated"
    assert "It is 90 days old" in first.text
    assert f"mattegate keys rotate {key}" in first.text
    assert first.facts["created"] == "2026-05-28"
    assert len({notice.id for notice in accounts.told}) == 3


def test_zero_days_reminds_nobody() -> None:
    """Both kinds can be switched off."""
    accounts = Accounts()
    accounts.key()
    assert remind(accounts, 1_000, KeySettings(remind_days=0, unused_days=0)) == []


def test_keys_on_their_way_out_are_not_spoken_of() -> None:
    """Revoked, disabled, rotated out, expired, or of an owner who is disabled: nobody need do anything."""
    accounts = Accounts()
    accounts.desk.revoke_key(accounts.key(), actor="cli:test")
    accounts.desk.disable_key(accounts.key(), actor="cli:test")
    accounts.desk.rotate_key(accounts.key(), overlap_s=1_000 * DAY, actor="cli:test")
    accounts.key(expires_days=20)
    assert remind(accounts, 89) == []
    assert len(remind(accounts, 91)) == 1  # the successor of the rotated one


def test_a_key_that_expires_is_announced_two_weeks_before_once() -> None:
    """Not when it was made for less than that anyway."""
    accounts = Accounts()
    accounts.key(expires_days=60)
    accounts.key(expires_days=10)
    told = [(day, kind) for day in range(70) for kind in remind(accounts, day)]
    assert told == [(46, NoticeKind.KEY_EXPIRING)]
    assert "It expires on 2026-07-27" in accounts.told[0].text


def test_an_unused_key_is_announced_at_two_thirds_once() -> None:
    """Of 180 days: at 120."""
    accounts = Accounts()
    accounts.key()
    told = [(day, kind) for day in range(200) for kind in remind(accounts, day, UNUSED_ONLY)]
    assert told == [(120, NoticeKind.KEY_UNUSED_WARNING)]
    assert "It was never used. Unless it is used, it is disabled on 2026-11-24." in accounts.told[0].text


def test_use_after_a_warning_starts_the_time_again() -> None:
    """The next warning counts from the last use."""
    accounts = Accounts()
    key = accounts.key()
    assert remind(accounts, 130, UNUSED_ONLY)
    accounts.control.touch({key: accounts.after(140)})
    told = [day for day in range(141, 300) if remind(accounts, day, UNUSED_ONLY)]
    assert told == [260]
    assert "It was last used on 2026-10-15." in accounts.told[1].text


def test_one_notice_says_everything_under_its_most_pressing_matter() -> None:
    """An old, unused key that is about to expire is one message, and none of the three comes again the next day."""
    accounts = Accounts()
    accounts.key(expires_days=140)
    assert remind(accounts, 130, KeySettings()) == [NoticeKind.KEY_EXPIRING]
    [notice] = accounts.told
    assert all(part in notice.text for part in ("It expires on", "It was never used", "It is 130 days old"))
    assert remind(accounts, 131, KeySettings()) == []


def test_an_earlier_reminder_swallows_no_later_warning() -> None:
    """Reminded of its age at 90 days, warned for want of use at 120; no reminder puts off what was announced then."""
    accounts = Accounts()
    accounts.key()
    told = [(day, kind) for day in range(185) for kind in remind(accounts, day, KeySettings())]
    assert told == [(90, NoticeKind.KEY_REMINDER), (120, NoticeKind.KEY_UNUSED_WARNING)]


def test_a_machine_that_slept_for_a_year_reminds_once() -> None:
    """Four missed reminders are one."""
    accounts = Accounts()
    accounts.key()
    assert len(remind(accounts, 400)) == 1
    assert remind(accounts, 401) == []


def test_a_notice_without_room_is_told_later_and_not_noted_as_told() -> None:
    """The outbox is full: whoever was not told is not marked, and comes first the next time."""
    accounts = Accounts(room=1)
    for name in ("a", "b", "c"):
        accounts.key(name)
    assert len(remind(accounts, 100)) == 1
    accounts.room = 9
    assert len(remind(accounts, 101)) == 2
    assert remind(accounts, 102) == []
    assert len({notice.about for notice in accounts.told}) == 3


def test_a_crash_between_telling_and_noting_tells_the_same_again() -> None:
    """Twice rather than never, and under one id, so that a receiver can drop the second."""

    class Crashing(Accounts):
        def tell(self, notice: object) -> bool:
            self.told.append(notice)  # type: ignore[arg-type]
            raise RuntimeError("killed")

    accounts = Crashing()
    accounts.key()
    for day in (100, 101):
        with pytest.raises(RuntimeError, match="killed"):
            remind(accounts, day)
    assert len({notice.id for notice in accounts.told}) == 1


def test_a_clock_that_ran_ahead_silences_nobody_for_long() -> None:
    """Reminded under a clock five years ahead: once it is right again, the reminders come as if nothing had been."""
    accounts = Accounts()
    accounts.key()
    assert remind(accounts, 5 * 365)
    told = [day for day in range(1, 200) if remind(accounts, day)]
    assert told == [90, 180]


def test_an_owner_without_an_address_is_told_through_the_operators() -> None:
    """No contact, no recipient of its own."""
    accounts = Accounts()
    accounts.desk.update_identity(accounts.owner.id, actor="cli:test", contact="")
    accounts.key()
    remind(accounts, 100)
    assert accounts.told[0].to == ()


@given(
    days=st.lists(st.floats(-30, 800), min_size=1, max_size=25),
    uses=st.lists(st.floats(0, 800), max_size=3),
    settings=st.builds(KeySettings, remind_days=st.integers(0, 200), unused_days=st.integers(0, 400)),
)
def test_whatever_the_clock_does_nobody_is_told_the_same_twice(
    days: list[float], uses: list[float], settings: KeySettings
) -> None:
    """Under a clock that jumps about, no notice repeats while its time stands still, and no two at once."""
    accounts = Accounts()
    key = accounts.key()
    last_used = LastUsed(accounts.control)
    for use in uses:
        last_used.note(key, START + use * DAY)
    last_used.flush()
    for day in days:
        told = remind(accounts, day, settings)
        assert len(told) <= 1
        assert remind(accounts, day, settings) == []
