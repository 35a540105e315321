"""Owners hear of quotas that run out, once a window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mattegate.ledger.meter_sqlite import SqliteMeter
from mattegate.ledger.protocols import Claim
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.outbound.notice import NoticeKind
from mattegate.tasks.quotas import tell_quotas
from mattegate.vocabulary.facts import IdentityView, KeyState
from mattegate.vocabulary.rulebook import Limit
from tests.tasks.accounts import Accounts

HOUR = 3_600.0
LIMITS = (
    Limit("hourly", "quota", 10, 3_600),
    Limit("burst", "rate", 1_000, 60),
    Limit("trial", "quota", 1, 3_600, shadow=True),
)
MIDNIGHT = 1_780_012_800.0
"""29 May 2026, 00:00 UTC."""


class Shop:
    """One owner who uses a real meter."""

    def __init__(self, file: Path | None = None, accounts: Accounts | None = None) -> None:
        self.accounts = accounts or Accounts()
        self.database = UsageDatabase(file)
        self.meter, self.book = SqliteMeter(self.database), UsageBook(self.database)
        self.claims = 0

    def use(self, units: int, at: float) -> None:
        """So many requests."""
        for _ in range(units):
            self.claims += 1
            self.meter.claim(Claim(f"req_{self.claims}", self.accounts.owner.id, "key_1", at, LIMITS))

    def tell(self, at: float, near: float = 0.8, limits: Sequence[Limit] = LIMITS) -> list[NoticeKind]:
        """Run the task; returns what was told."""

        def limits_of(_identity: IdentityView) -> Sequence[Limit]:
            return limits

        before = len(self.accounts.told)
        tell_quotas(
            at, identities=self.accounts.control, book=self.book, limits_of=limits_of, near=near,
            tell=self.accounts.tell,
        )  # fmt: skip
        return [notice.kind for notice in self.accounts.told[before:]]


def test_a_quota_is_told_when_it_is_near_and_when_it_is_gone() -> None:
    """At eight of ten, once; at ten of ten, once; rates and limits in shadow never."""
    shop = Shop()
    told = []
    for used in range(1, 12):
        shop.use(1, MIDNIGHT + used)
        told += [(used, kind) for kind in shop.tell(MIDNIGHT + used)]
    assert told == [(8, NoticeKind.QUOTA_NEAR), (10, NoticeKind.QUOTA_EXHAUSTED)]
    near, gone = shop.accounts.told
    assert near.subject == "The quota hourly of acme is used to 80 %"
    assert (near.facts["used"], near.facts["amount"], near.to) == (8, 10, ("owner@acme.example",))
    assert "The next window begins at 2026-05-29T01:00:00Z" in gone.text


def test_the_next_window_is_told_again() -> None:
    """With another id, for it is another event."""
    shop = Shop()
    for hour in range(3):
        shop.use(9, MIDNIGHT + hour * HOUR)
        assert shop.tell(MIDNIGHT + hour * HOUR + 1) == [NoticeKind.QUOTA_NEAR]
        assert shop.tell(MIDNIGHT + hour * HOUR + 2) == []
    assert len({notice.id for notice in shop.accounts.told}) == 3


def test_a_quota_used_up_at_once_is_one_notice() -> None:
    """Nobody needs to hear that it was nearly used up, too."""
    shop = Shop()
    shop.use(10, MIDNIGHT)
    assert shop.tell(MIDNIGHT) == [NoticeKind.QUOTA_EXHAUSTED]
    assert shop.tell(MIDNIGHT + 1) == []


def test_after_a_restart_nothing_is_told_twice(tmp_path: Path) -> None:
    """What was told lies in the ledger."""
    accounts = Accounts()
    for used, expected in ((8, [NoticeKind.QUOTA_NEAR]), (0, [])):
        shop = Shop(tmp_path / "usage.db", accounts)
        shop.use(used, MIDNIGHT)
        assert shop.tell(MIDNIGHT + 1) == expected
        shop.database.close()


def test_owners_without_limits_and_disabled_ones_hear_nothing() -> None:
    """There is nothing to run out of."""
    shop = Shop()
    shop.use(10, MIDNIGHT)
    assert shop.tell(MIDNIGHT, limits=()) == []
    shop.accounts.desk.update_identity(shop.accounts.owner.id, actor="cli:test", state=KeyState.DISABLED)
    assert shop.tell(MIDNIGHT) == []


def test_a_share_of_zero_or_one_tells_only_the_end() -> None:
    """No warning is set, so none is given."""
    shop = Shop()
    shop.use(9, MIDNIGHT)
    assert shop.tell(MIDNIGHT, near=0.0) == []
    assert shop.tell(MIDNIGHT, near=1.0) == []
