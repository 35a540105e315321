"""What is told of every refusal: the steps that led to it, and the facts for the sentences of its cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.request import Prediction
from mattegate.doctor.nginx.review.words import facts_of, place

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope


Made = tuple[str, dict[str, str], "tuple[Directive | None, ...]"]
"""A cause, the facts for its sentences, and the lines to blame."""
Maker = Callable[[Prediction, "Scope", "int | None", "Directive | None"], Made]
"""Tells a cause from what was predicted, the ``http`` block, the status and the line that decided."""


def facts_about(prediction: Prediction, line: Directive | None, status: int | None, **more: object) -> dict[str, str]:
    """What the sentences of a cause may name."""
    return facts_of(line, prediction.request, status=status or "", **more) | {
        "client": prediction.client or prediction.request.client
    }


def evidence_of(prediction: Prediction, line: Directive | None) -> Iterator[str]:
    """Every step of nginx with its line; last the line that decided."""
    for step in prediction.steps:
        where = f" ({place(step.directive)})" if step.directive is not None and step.directive.line else ""
        yield f"{step.phase}: {step.says}{where}"
    if line is not None:
        yield f"decided by {line.text} ({place(line)})"


def plain(cause: str) -> Maker:
    """Who tells a cause that needs no looking around."""

    def make(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
        return cause, facts_about(prediction, line, status), (line or prediction.server,)

    return make
