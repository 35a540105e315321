"""What a judgement points to, as clues."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.cors.judge import Judgement, Stage
from mattegate.doctor.redact import safe

ORIGIN: Final = "browser rules"


def cors_clues(judgement: Judgement, *, origin: str = ORIGIN, status: int | None = None) -> tuple[Clue, ...]:
    """A clue for what stops the request, and one for each remark; none where all is well.

    ``origin`` says where the answers come from that were judged: a probe, a model, a recording. ``status`` is what the
    server answered, where that is known, whatever script gets to see of it.
    """
    stopped = () if judgement.allowed else (_stopped(judgement, origin, status),)
    return stopped + tuple(
        Clue(remark.code, Certainty.POSSIBLE, origin, (safe(remark.says),), facts=_safe(judgement.facts))
        for remark in judgement.remarks
    )


def _stopped(judgement: Judgement, origin: str, status: int | None) -> Clue:
    facts = _safe(judgement.facts)
    return Clue(
        cause=judgement.code,
        certainty=Certainty.PROVEN,
        origin=origin,
        evidence=tuple(_evidence(judgement)),
        facts=facts,
        request=f"{'OPTIONS' if judgement.stage is Stage.PREFLIGHT else facts['method']} {facts['url']}",
        status=status if status is not None else _status(judgement),
    )


def _safe(facts: Mapping[str, str]) -> dict[str, str]:
    return {name: safe(text) for name, text in facts.items()}


def _evidence(judgement: Judgement) -> list[str]:
    asked = f"the browser asks first, because of {', '.join(judgement.preflight)}" if judgement.preflight else ""
    said = f"Chromium's console: {judgement.console}" if judgement.console else ""
    change = f"to change: {judgement.change}" if judgement.change else ""
    return [safe(sentence) for sentence in (judgement.says, asked, said, change) if sentence]


def _status(judgement: Judgement) -> int | None:
    status = judgement.facts.get("status", "")
    return int(status) if status.isdigit() else None
