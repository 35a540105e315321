"""Tell the owners of quotas that are nearly or quite used up, once in every window."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from mattegate.ledger.protocols import IdentityRow
from mattegate.outbound.notice import Notice, NoticeKind, notice_id, one_line, rfc3339
from mattegate.tasks.reminders import Tell, contact_of
from mattegate.vocabulary.facts import IdentityView, KeyState, LimitAnswer
from mattegate.vocabulary.rulebook import Limit

LimitsOf = Callable[[IdentityView], Sequence[Limit]]
"""Which limits bind an identity now."""

_ALL: Final = 1.0


class QuotaBook(Protocol):
    """What the usage book is asked for."""

    def near(self, identity: str, limits: Sequence[Limit], share: float, at: float) -> tuple[LimitAnswer, ...]:
        """Quotas of which ``share`` is used; each is told once a window, whoever asks."""


class Identities(Protocol):
    """What the store of identities is asked for."""

    def identities(self) -> Sequence[IdentityRow]:
        """All of them."""


def tell_quotas(
    now: float, *, identities: Identities, book: QuotaBook, limits_of: LimitsOf, near: float, tell: Tell
) -> int:
    """Tell of quotas that are used up, or to the share ``near``; returns how many notices. Raises ``Unavailable``."""
    told = 0
    for row in identities.identities():
        if row.view.state is not KeyState.ACTIVE or not (limits := limits_of(row.view)):
            continue
        gone = book.near(row.view.id, limits, _ALL, now)
        close = book.near(row.view.id, limits, near, now) if 0 < near < _ALL else ()
        over = {answer.name for answer in gone}
        for answer in (*gone, *(answer for answer in close if answer.name not in over)):
            tell(_notice(row, answer, now))
            told += 1
    return told


def _notice(row: IdentityRow, answer: LimitAnswer, now: float) -> Notice:
    name, used = one_line(row.view.name, limit=60), answer.limit - answer.remaining
    kind = NoticeKind.QUOTA_EXHAUSTED if answer.remaining <= 0 else NoticeKind.QUOTA_NEAR
    state = "is used up" if kind is NoticeKind.QUOTA_EXHAUSTED else f"is used to {100 * used // answer.limit} %"
    ends = rfc3339(round(now + answer.reset_s))
    return Notice(
        kind=kind,
        subject=f"The quota {answer.name} of {name} {state}",
        text=f"{name} has used {used} of {answer.limit} of its quota {answer.name}. The next window begins at {ends}. "
        "What goes beyond the quota is refused with 429 until then.",
        at=now,
        id=notice_id(kind, row.view.id, answer.name, ends),
        about=row.view.id,
        facts={
            "identity": row.view.id, "identity_name": row.view.name, "tier": row.view.tier, "limit": answer.name,
            "amount": answer.limit, "used": used, "remaining": answer.remaining, "window_ends": ends,
        },
        to=contact_of(row),
    )  # fmt: skip
