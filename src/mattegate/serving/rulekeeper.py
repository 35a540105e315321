"""The rules in force: compiled once, kept for replay, exchanged as a whole when the configuration is read again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.config.rulebook import build_rulebook
from mattegate.gate.rules import Rules

if TYPE_CHECKING:
    from mattegate.config.settings import Settings
    from mattegate.ledger.protocols import Snapshot, StoredKey
    from mattegate.vocabulary.rulebook import Rulebook


@dataclass(frozen=True, slots=True)
class _Current:
    settings: Settings
    foreign: Mapping[bytes, StoredKey]
    rules: Rules


class RuleKeeper:
    """Answers with the rules of the settings it was last given; ``keep`` remembers a rulebook for the records.

    What a key from elsewhere looks like is a rule too, so the rules are made anew when such keys come or go.
    """

    def __init__(self, settings: Settings, keep: Callable[[Rulebook], str]) -> None:
        self._keep = keep
        self._current = self._made(settings, {})

    def change(self, settings: Settings) -> None:
        """Decide by these settings from the next request on.

        Raises ``ValueError`` where no rules can be made of them and ``Unavailable`` where they cannot be kept; the old
        ones stay in force then.
        """
        self._current = self._made(settings, self._current.foreign)

    def __call__(self, snapshot: Snapshot) -> Rules:
        """The rules for these keys. Raises ``Unavailable`` where new ones cannot be kept."""
        if snapshot.foreign is not self._current.foreign:
            self._current = self._made(self._current.settings, snapshot.foreign)
        return self._current.rules

    def _made(self, settings: Settings, foreign: Mapping[bytes, StoredKey]) -> _Current:
        brands = {key.brand for key in foreign.values()}
        rules = Rules.of(build_rulebook(settings, foreign_keys="" in brands, foreign_prefixes=brands))
        self._keep(rules.rulebook)
        return _Current(settings, foreign, rules)
