"""How a clue of this room is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation

_ORIGIN: Final = "reading of the AWS answer"


def clue_of(
    seen: Observation,
    cause: str,
    certainty: Certainty,
    *evidence: str,
    explains: str = "",
    facts: Mapping[str, str] | None = None,
    remedy: str = "",
    command: str = "",
    tell_apart: str = "",
) -> Clue:
    """Each sentence of evidence with the place it was read at."""
    known = {"host": seen.host, "path": seen.path, "method": seen.method, **(facts or {})}
    return Clue(
        cause=cause,
        certainty=certainty,
        origin=f"signature aws_apigw.{'' if seen.format == 'exchange' else 'log.'}{explains}" if explains else _ORIGIN,
        evidence=tuple(f"{sentence} ({seen.place})" for sentence in evidence),
        facts={name: value for name, value in known.items() if value},
        request=seen.request,
        status=seen.status,
        remedy=remedy,
        next=command,
        tell_apart=tell_apart,
    )
