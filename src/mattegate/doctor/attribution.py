"""Clues become findings: what points to the same cause is told once, and what contradicts it is told beside it.

Rules of this file:

1. A finding is as certain as its strongest clue. Two independent origins that call a cause possible make it likely;
   nothing but a clue that is proven by itself makes it proven.
2. Whoever answered last in a chain was reached: where an inner layer is proven to have answered a request, an outer
   layer's clue about the same request and status falls by one step, and says why. It is never dropped.
3. Where a proxy changed a request and the application refused it for just that, the change is proven the cause.
4. The best finding comes first: by certainty, then by how many origins agree, then from the outside in. That nobody
   listens at a container's port comes behind what the container's description says of it, which explains it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mattegate.doctor.answer import Answer, Certainty, Finding, Layer, Verdict
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.evidence import folded

_STRENGTH: Final = {Certainty.POSSIBLE: 0, Certainty.LIKELY: 1, Certainty.PROVEN: 2}
_BY_STRENGTH: Final = tuple(_STRENGTH)
_DEPTH: Final = {layer: depth for depth, layer in enumerate(Layer)}
_EXPLAINS: Final[Mapping[str, frozenset[Layer]]] = {
    "proxy_pass.prefix_stripped": frozenset({Layer.ROUTE}),
    "proxy_pass.double_slash": frozenset({Layer.ROUTE}),
    "proxy_pass.variable_drops_path": frozenset({Layer.ROUTE}),
    "authorization.cleared": frozenset({Layer.API_KEY, Layer.JWT, Layer.SIGNATURE}),
    "headers.not_passed": frozenset({Layer.API_KEY, Layer.JWT, Layer.SIGNATURE}),
    "underscore.dropped": frozenset({Layer.API_KEY, Layer.JWT, Layer.SIGNATURE}),
}
"""What a proxy does to a request, and the layers inside that then refuse it with good reason."""
_SYMPTOMS: Final = frozenset({"tcp.refused", "tcp.reset", "transport.empty_reply"})
_DESCRIBED: Final = "container."
_ANSWERED_INSIDE: Final = frozenset(
    {Layer.API_KEY, Layer.SIGNATURE, Layer.JWT, Layer.AUTHORIZER, Layer.POLICY, Layer.QUOTA, Layer.APP, Layer.ROUTE}
)
"""Layers whose answer shows that everything outside of them let the request pass."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known before it is joined."""

    clues: Sequence[Clue] = ()
    checked: Sequence[str] = ()
    not_checked: Sequence[str] = ()
    undecided: Sequence[str] = ()
    """What was asked and could not be decided."""
    requests: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def join(evidence: Evidence) -> Answer:
    """One answer from everything that is known."""
    findings = [_finding(clues, evidence.clues) for clues in _grouped(evidence.clues)]
    findings.sort(key=lambda pair: pair[1])
    told = tuple(finding for finding, _ in findings)
    return Answer(
        verdict=_verdict(told, evidence),
        findings=told,
        checked=tuple(dict.fromkeys(evidence.checked)),
        not_checked=tuple(dict.fromkeys((*evidence.undecided, *evidence.not_checked))),
        requests=tuple(evidence.requests),
    )


def _verdict(findings: Sequence[Finding], evidence: Evidence) -> Verdict:
    if findings:
        return Verdict.FAULT
    return Verdict.UNDECIDED if evidence.undecided or not evidence.checked else Verdict.CLEAN


def _grouped(clues: Iterable[Clue]) -> list[list[Clue]]:
    """Clues to the same cause, unless they name different lines or different requests."""
    groups: list[list[Clue]] = []
    for clue in clues:
        group = next((group for group in groups if all(_same(clue, other) for other in group)), None)
        if group is None:
            groups.append([clue])
        else:
            group.append(clue)
    return groups


def _same(one: Clue, other: Clue) -> bool:
    if one.cause != other.cause:
        return False
    lines_agree = not one.culprit or not other.culprit or one.culprit[0] == other.culprit[0]
    return lines_agree and (not one.request or not other.request or _path(one) == _path(other))


def _path(clue: Clue) -> str:
    return clue.request.partition(" (")[0].partition(" from ")[0].rpartition(" ")[2]


Order = tuple[int, int, int, int]


def _finding(clues: Sequence[Clue], everything: Sequence[Clue]) -> tuple[Finding, Order]:
    best = max(clues, key=lambda clue: _STRENGTH[clue.certainty])
    cause = causes()[best.cause]
    origins = {clue.origin.partition(" ")[0] for clue in clues}  # two signatures are one way of knowing
    strength = _STRENGTH[best.certainty]
    if strength == 0 and len(origins) > 1:
        strength = 1
    borne_out = _borne_out(clues, everything)
    strength = 2 if borne_out else strength
    against = _against(clues, cause.layer, everything)
    if against:
        strength = max(0, strength - 1)
    facts = {name: value for clue in clues for name, value in clue.facts.items()} | dict(best.facts)
    finding = Finding(
        layer=cause.layer,
        cause=best.cause,
        certainty=_BY_STRENGTH[strength],
        title=_sentence(cause.said("title", facts)),
        request=_first(clues, "request"),
        status=next((clue.status for clue in (best, *clues) if clue.status is not None), None),
        culprit=next((clue.culprit for clue in (best, *clues) if clue.culprit), ()),
        evidence=_evidence(clues) + borne_out + against,
        remedy=_first(clues, "remedy") or cause.said("remedy", facts),
        next=_first(clues, "next") or cause.said("check", facts),
        tell_apart=_first(clues, "tell_apart"),
        verified_by=_all(clues, "verified_by"),
        facts=facts,
    )
    explained = _is_explained(best, everything)
    rank = min(strength, _STRENGTH[Certainty.LIKELY]) if explained else strength
    return finding, (-rank, -len(origins) - len(borne_out), int(explained), _DEPTH[cause.layer])


def _is_explained(clue: Clue, everything: Sequence[Clue]) -> bool:
    return clue.cause in _SYMPTOMS and any(
        other.cause.startswith(_DESCRIBED) and other.request == clue.request and _STRENGTH[other.certainty]
        for other in everything
    )


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name, an address or a quotation."""
    first = text.partition(" ")[0].rstrip(",:")
    return text[:1].upper() + text[1:] if first.isalpha() else text


def _first(clues: Sequence[Clue], name: str) -> str:
    return next((getattr(clue, name) for clue in clues if getattr(clue, name)), "")


def _all(clues: Sequence[Clue], name: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for clue in clues for text in getattr(clue, name)))


def _evidence(clues: Sequence[Clue]) -> tuple[str, ...]:
    """What signatures say of many places is told once; whatever else reasons names its own places."""
    seen = [clue for clue in clues if clue.origin.startswith("signature ")]
    return folded(_all(seen, "evidence")) + _all([clue for clue in clues if clue not in seen], "evidence")


def _borne_out(clues: Sequence[Clue], everything: Sequence[Clue]) -> tuple[str, ...]:
    """What the application said of the very request that a proxy had changed before."""
    layers = _EXPLAINS.get(clues[0].cause, frozenset())
    found = (
        f"and so the application answered: {causes()[other.cause].said('title', other.facts)}"
        for other in everything
        if other.certainty is Certainty.PROVEN and causes()[other.cause].layer in layers
        if any(_meets(clue, other) for clue in clues)
    )
    return tuple(dict.fromkeys(found))[:1]


def _against(clues: Sequence[Clue], layer: Layer, everything: Sequence[Clue]) -> tuple[str, ...]:
    """What shows that a layer further inside answered the very request that these clues are about."""
    if layer in _ANSWERED_INSIDE:
        return ()
    found = []
    for other in everything:
        inner = causes()[other.cause].layer
        if other.certainty is not Certainty.PROVEN or inner not in _ANSWERED_INSIDE:
            continue
        if all(clue.status is not None and clue.status == other.status and _meets(clue, other) for clue in clues):
            found.append(f"but {causes()[other.cause].said('title', other.facts)}: the request got as far as {inner}")
    return tuple(dict.fromkeys(found))


def _meets(one: Clue, other: Clue) -> bool:
    return bool(one.request) and bool(other.request) and _path(one) == _path(other) and one.origin != other.origin


def with_proof(answer: Answer, cause: str, sentence: str) -> Answer:
    """The answer, where an experiment bore a finding out."""
    return _changed(
        answer, cause, lambda each: replace(each, verified_by=(*each.verified_by, sentence), certainty=Certainty.PROVEN)
    )


def with_change(answer: Answer, cause: str, change: str) -> Answer:
    """The answer, where a change to a file mends a finding."""
    return _changed(answer, cause, lambda each: each if each.change else replace(each, change=change))


def _changed(answer: Answer, cause: str, change: Callable[[Finding], Finding]) -> Answer:
    findings = tuple(change(each) if each.cause == cause else each for each in answer.findings)
    return replace(answer, findings=tuple(sorted(findings, key=lambda each: -_STRENGTH[each.certainty])))
