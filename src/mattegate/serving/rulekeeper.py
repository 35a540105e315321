"""The rules in force: compiled once, kept for replay, exchanged as a whole when what they are made of changes.

They are made of the settings, of what keys from elsewhere look like, and of the policies' files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.config.rulebook import build_rulebook
from mattegate.gate.rules import Rules
from mattegate.serving.policykeeper import PolicyKeeper

if TYPE_CHECKING:
    from mattegate.config.settings import Settings
    from mattegate.ledger.protocols import Snapshot, StoredKey
    from mattegate.vocabulary.rulebook import PolicyText, Rulebook


@dataclass(frozen=True, slots=True)
class _Current:
    settings: Settings
    foreign: Mapping[bytes, StoredKey]
    keeper: PolicyKeeper
    policies: tuple[PolicyText, ...]
    rules: Rules


class RuleKeeper:
    """Answers with the rules of the settings it was last given; ``keep`` remembers a rulebook for the records.

    Raises :class:`~mattegate.config.faults.ConfigurationError` for policies that cannot be used.
    """

    def __init__(self, settings: Settings, keep: Callable[[Rulebook], str]) -> None:
        self._keep = keep
        self._current = self._made(settings, {}, PolicyKeeper(settings))

    def change(self, settings: Settings) -> None:
        """Decide by these settings from the next request on.

        Raises ``ConfigurationError`` and ``ValueError`` where no rules can be made of them and ``Unavailable`` where
        they cannot be kept; the old ones stay in force then.
        """
        self._current = self._made(settings, self._current.foreign, PolicyKeeper(settings))

    def __call__(self, snapshot: Snapshot) -> Rules:
        """The rules for these keys. Raises ``Unavailable`` where new ones cannot be kept."""
        now = self._current
        if snapshot.foreign is not now.foreign or now.keeper() is not now.policies:
            self._current = self._made(now.settings, snapshot.foreign, now.keeper)
        return self._current.rules

    def _made(self, settings: Settings, foreign: Mapping[bytes, StoredKey], keeper: PolicyKeeper) -> _Current:
        brands, policies = {key.brand for key in foreign.values()}, keeper()
        rulebook = build_rulebook(settings, foreign_keys="" in brands, foreign_prefixes=brands, policies=policies)
        rules = Rules.of(rulebook)
        self._keep(rulebook)
        return _Current(settings, foreign, keeper, policies, rules)
