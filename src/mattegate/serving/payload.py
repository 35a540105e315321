"""What can be said about a request only once its body is there: the model it names, and which payload it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from mattegate.gate.decide import decide
from mattegate.gate.refusal import refusal_of
from mattegate.vocabulary.decision import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mattegate.cutout.engine.protocol import Job
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import PayloadFact, Plain
    from mattegate.vocabulary.options import CutoutOptions


def check_payload(walk: Walk, payload: PayloadFact) -> None:
    """Ask the policy layer again, which had only the head to go by: the body names the model, and has a size.

    Raises :class:`Refusal` ``policy.*``.
    """
    walk.facts = replace(walk.facts, payload=payload)
    so_far = tuple(takewhile(lambda finding: finding.layer != "policy", walk.findings))
    step = decide(walk.attempt, walk.facts, walk.rules, so_far)
    walk.findings = step.findings
    if isinstance(step, Refused):
        walk.decision = step
        raise refusal_of(step.finding)


def fingerprint(job: Job) -> str:
    """SHA-256 over the canonical options and the image bytes, in hex: the same payload has the same one."""
    digest = hashlib.sha256(_canonical(job.options))
    for payload in (job.image, job.background):
        if payload is not None:
            digest.update(len(payload).to_bytes(8, "big"))
            digest.update(payload)
    return digest.hexdigest()


def _canonical(options: CutoutOptions) -> bytes:
    """The options that differ from their defaults, in the order of their names, so that new options change nothing."""
    default = type(options)()
    given = {
        field.name: str(getattr(options, field.name))
        for field in fields(options)
        if getattr(options, field.name) != getattr(default, field.name)
    }
    return json.dumps(given, sort_keys=True).encode()


_PLAIN: Final = (str, int, float)


def plain(facts: Mapping[str, object]) -> dict[str, Plain]:
    """Facts of a refusal as values that a record can hold."""
    return {name: value if value is None or isinstance(value, _PLAIN) else str(value) for name, value in facts.items()}
