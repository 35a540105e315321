"""Whether one rule matches, without those chained to it (``RuleWithOperator::evaluate``)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.modsecurity.operators import Compared, compared
from mattegate.doctor.nginx.modsecurity.transformations import transformed
from mattegate.doctor.nginx.modsecurity.values import Value, Values, single

if TYPE_CHECKING:
    from mattegate.doctor.nginx.modsecurity.rules import Rule, Target
    from mattegate.doctor.nginx.modsecurity.sight import Sight


@dataclass(frozen=True, slots=True)
class Match:
    """How many values match."""

    certain: int
    possible: int
    """Those of which nobody can tell."""
    captures: tuple[str, ...] = ()

    @property
    def holds(self) -> bool | None:
        """Whether the rule matches; ``None``: nobody can tell."""
        return True if self.certain else None if self.possible else False

    def unsure(self) -> Match:
        """The same, where a match may have been taken away."""
        return replace(self, certain=0, possible=self.certain + self.possible)


def matched(rule: Rule, sight: Sight) -> Match:
    """Whether a rule matches."""
    if not rule.understood:
        return Match(0, 1)
    if not rule.targets:
        return Match(1, 0)
    operand = sight.expanded(rule.operand)
    excluded = [target for target in rule.targets if target.sign == "!"]
    results: list[Compared] = []
    for target in rule.targets:
        if target.sign != "!":
            values = _values(target, sight)
            kept = (value for key, value in values.known if not _excluded(target, key, excluded, sight))
            results += [_one(rule, value, operand) for value in kept]
            results += [Compared(None)] if values.more else []
    return _counted(results)


def _values(target: Target, sight: Sight) -> Values:
    values = sight.values(target.collection, target.key)
    return single(values.counted()) if target.sign == "&" else values


def _excluded(target: Target, key: str, excluded: list[Target], sight: Sight) -> bool:
    same = (other for other in excluded if other.collection == target.collection)
    return any(not other.key or key in _keys(other, sight) for other in same)


def _keys(target: Target, sight: Sight) -> Iterator[str]:
    return (key for key, _ in sight.values(target.collection, target.key).known)


def _one(rule: Rule, value: Value, operand: Value) -> Compared:
    found = compared(rule.operator, transformed(value, rule.transformations), operand)
    return Compared(not found.holds, found.captures) if rule.negated and found.holds is not None else found


def _counted(results: list[Compared]) -> Match:
    certain = [result for result in results if result.holds]
    possible = sum(result.holds is None for result in results)
    return Match(len(certain), possible, next((result.captures for result in reversed(certain)), ()))
