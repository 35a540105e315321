"""A store of keys in memory, with a desk to fill it and a clock to turn."""

from __future__ import annotations

from dataclasses import dataclass, field

from mattegate.config.settings import Settings
from mattegate.ledger.control import Control, KeyRow
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.desk import Desk
from mattegate.outbound.notice import Notice
from mattegate.tasks.lifetimes import DAY
from mattegate.vocabulary.rulebook import CredentialRules
from mattegate.vocabulary.secrets import Pepper, Peppers

START = 1_780_000_000.0
"""28 May 2026."""


@dataclass
class Accounts:
    """Keys of one owner, made at `START` unless the clock was turned."""

    control: Control = field(default_factory=MemoryControl)
    now: float = START
    told: list[Notice] = field(default_factory=list)
    room: int = 1_000
    """How many more notices go out."""

    def __post_init__(self) -> None:
        self.desk = Desk(
            self.control,
            peppers=Peppers((Pepper(1, b"p" * 32),)),
            rules=CredentialRules(),
            tiers=[tier.name for tier in Settings().tiers],
            clock=lambda: self.now,
        )
        self.owner = self.desk.create_identity("acme", actor="cli:test", tier="free", contact="owner@acme.example").view

    def key(self, name: str = "shop", *, expires_days: float | None = None) -> str:
        """The id of a new key."""
        expires_at = None if expires_days is None else self.now + expires_days * DAY
        return self.desk.create_key(self.owner.id, actor="cli:test", name=name, expires_at=expires_at).id

    def row(self, key_id: str) -> KeyRow:
        """A key as it is now."""
        row = self.control.key(key_id)
        assert row is not None
        return row

    def tell(self, notice: Notice) -> bool:
        """Take a notice, while there is room."""
        if self.room <= 0:
            return False
        self.room -= 1
        self.told.append(notice)
        return True

    def after(self, days: float) -> float:
        """The time so many days after `START`; the desk's clock shows it, too."""
        self.now = START + days * DAY
        return self.now
