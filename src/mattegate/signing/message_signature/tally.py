"""Counts of what a verifier accepted and refused among published vectors, in the shape that ``conformance`` prints."""

from __future__ import annotations

from dataclasses import dataclass, field

Counts = dict[str, int]
Report = dict[str, dict[str, Counts] | Counts]
"""``{group: {"valid": counts, "invalid": counts}, "mutations": counts}``, counts being ``accepted`` and ``refused``."""


def _none() -> Counts:
    return {"accepted": 0, "refused": 0}


@dataclass(slots=True)
class Tally:
    """Grows by one case at a time."""

    groups: dict[str, dict[str, Counts]] = field(default_factory=dict)
    mutations: Counts = field(default_factory=_none)

    def case(self, group: str, *, valid: bool, accepted: bool) -> None:
        """One published case."""
        counts = self.groups.setdefault(group, {"valid": _none(), "invalid": _none()})
        counts["valid" if valid else "invalid"]["accepted" if accepted else "refused"] += 1

    def mutation(self, *, accepted: bool) -> None:
        """One case with one byte changed."""
        self.mutations["accepted" if accepted else "refused"] += 1

    def report(self) -> Report:
        """Everything so far."""
        return {**self.groups, "mutations": self.mutations}
