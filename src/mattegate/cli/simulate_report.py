"""What ``mattegate simulate`` says: both traces side by side, the outcome, and what would let it pass."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mattegate.cli.rendering import shown
from mattegate.gate.explain import checks, lines
from mattegate.gate.remedies import Remedy
from mattegate.gate.wording import untellable
from mattegate.vocabulary.decision import Allowed, Finding, Needs, Refused
from mattegate.vocabulary.facts import FactName
from mattegate.vocabulary.reasons import REASONS

Decided = Allowed | Refused | Needs


@dataclass(frozen=True, slots=True)
class Simulated:
    """One request under several suppositions."""

    request_id: str
    recorded: tuple[Finding, ...] | None
    """What was found then; ``None`` for a request that was thought up."""
    unchanged: Decided
    """By the configuration as it is, without the changes."""
    after: Decided
    """With them."""
    changes: Mapping[str, str]
    assumed: tuple[FactName, ...]
    revision: str
    remedies: tuple[Remedy, ...]

    @property
    def before(self) -> Sequence[Finding]:
        """What stands on the left."""
        return self.unchanged.findings if self.recorded is None else self.recorded


def as_json(simulated: Simulated) -> dict[str, Any]:
    """One object."""
    after = simulated.after
    return {
        "request_id": simulated.request_id,
        **_outcome(after),
        "checks": checks(after.findings),
        "recorded": None if simulated.recorded is None else checks(simulated.recorded),
        "unchanged": {**_outcome(simulated.unchanged), "checks": checks(simulated.unchanged.findings)},
        "changes": dict(simulated.changes),
        "assumed": [str(fact) for fact in simulated.assumed],
        "revision": simulated.revision,
        "remedies": [
            {
                "sentence": remedy.sentence,
                "changes": dict(remedy.changes),
                "assumed": [str(fact) for fact in remedy.assumed],
            }
            for remedy in simulated.remedies
        ],
    }


def in_words(simulated: Simulated) -> Iterator[str]:
    """Lines for people; everything that came from a caller is shown, not obeyed."""
    yield from _side_by_side(simulated)
    yield ""
    yield f"{simulated.request_id}  {_headline(simulated.after)}"
    if simulated.changes and _word(simulated.unchanged) != _word(simulated.after):
        yield f"without the changes: {_headline(simulated.unchanged)}"
    if isinstance(simulated.after, Refused):
        yield from (shown(line) for line in _explained(simulated.after.finding))
    if simulated.assumed:
        yield f"taken to be good, since only a real request can tell: {', '.join(simulated.assumed)}"
    for remedy in simulated.remedies:
        line = " ".join(f"--set {shlex.quote(f'{path}={text}')}" for path, text in remedy.changes.items())
        yield shown(f"would pass if {remedy.sentence}: {line}")


def _outcome(decided: Decided) -> dict[str, Any]:
    reason = decided.finding.reason if isinstance(decided, Refused) else ""
    return {
        "decision": _word(decided),
        "status": REASONS[reason].status if reason in REASONS else None,
        "reason": reason,
        "layer": decided.finding.layer if isinstance(decided, Refused) else "",
    }


def _word(decided: Decided) -> str:
    if isinstance(decided, Needs):
        return "undecided"
    return "allow" if isinstance(decided, Allowed) else "deny"


def _headline(decided: Decided) -> str:
    if isinstance(decided, Needs):
        return f"undecided: the fact '{decided.fact}' is needed"
    if isinstance(decided, Allowed):
        return "would be allowed"
    code = decided.finding.reason
    status = f"{REASONS[code].status}  " if code in REASONS else ""
    return f"would be refused  {status}{shown(code)}"


def _explained(finding: Finding) -> Iterator[str]:
    if untellable(finding.reason, finding.facts):
        return
    reason = REASONS[finding.reason]
    yield f"operator  {reason.operator.format(**finding.facts)}"
    yield f"remedy    {reason.remedy.format(**finding.facts)}"
    if finding.rule:
        yield f"rule      {finding.rule}"


def _side_by_side(simulated: Simulated) -> Iterator[str]:
    """One line a layer; ``>`` where the two differ. Without anything to compare, one trace."""
    after = _trace(simulated.after.findings)
    if simulated.recorded is None and not simulated.changes:
        yield from _columns([("layer", "as it is"), *after.items()])
        return
    before = _trace(simulated.before)
    left = "as it is" if simulated.recorded is None else "recorded"
    rows = [("", "layer", left, "with the changes" if simulated.changes else "now")]
    for layer in dict.fromkeys((*before, *after)):
        one, other = before.get(layer, ""), after.get(layer, "")
        rows.append(("" if one == other else ">", layer, one, other))
    yield from _columns(rows)


def _trace(findings: Sequence[Finding]) -> dict[str, str]:
    return {line.layer: f"{line.mark} {line.effect} {line.reason}".rstrip() for line in lines(findings)}


def _columns(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(shown(text)) for text in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(shown(text).ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
