"""The rules in force: compiled once, kept for replay, exchanged as a whole when the configuration is read again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mattegate.config.rulebook import build_rulebook
from mattegate.gate.rules import Rules

if TYPE_CHECKING:
    from mattegate.config.settings import Settings
    from mattegate.vocabulary.rulebook import Rulebook


class RuleKeeper:
    """Answers with the rules of the settings it was last given; ``keep`` remembers a rulebook for the records."""

    def __init__(self, settings: Settings, keep: Callable[[Rulebook], str]) -> None:
        self._keep = keep
        self._rules: dict[bool, Rules] = {}
        self.change(settings)

    def change(self, settings: Settings) -> None:
        """Decide by these settings from the next request on. Raises ``ValueError`` where no rules can be made of them,
        and ``Unavailable`` where they cannot be kept; the old ones stay in force then.
        """
        made = {foreign: Rules.of(build_rulebook(settings, foreign_keys=foreign)) for foreign in (False, True)}
        for rules in made.values():
            self._keep(rules.rulebook)
        self._rules = made

    def __call__(self, foreign_keys: bool) -> Rules:
        """The rules, knowing whether there are keys from elsewhere."""
        return self._rules[foreign_keys]
