"""The one exception that carries a refusal: a reason of the catalogue and the facts of this case."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS


def said(template: str, facts: Mapping[str, object]) -> str:
    """A sentence of the catalogue with the facts of a case, of which many have no need.

    Raises ``KeyError`` where a fact is missing.
    """
    return template.format(**facts) if "{" in template else template


class Refusal(Exception):  # noqa: N818 - a refusal is an outcome that callers are meant to read, not an error
    """A typed, explained no.

    ``Refusal("upload.pixels", width=…, height=…, …)`` looks the code up in the catalogue; the keyword facts
    fill its sentences. Facts are plain JSON values, so that a refusal can cross a process boundary.

    Raises ``KeyError`` for a code that is not in the catalogue: that is a bug, not an answer.
    """

    def __init__(self, code: str, /, **facts: object) -> None:
        self.reason: Reason = REASONS[code]
        self.facts: dict[str, object] = facts
        super().__init__(self.detail)

    @property
    def detail(self) -> str:
        """The public sentence with this case's facts."""
        return said(self.reason.sentence, self.facts)

    @property
    def remedy(self) -> str:
        """What the caller can do, with this case's facts."""
        return said(self.reason.remedy, self.facts)

    @property
    def operator_detail(self) -> str:
        """The operator's sentence with this case's facts."""
        return said(self.reason.operator, self.facts)

    @property
    def status(self) -> int:
        """The status to answer with: the reason's, unless the case has one of its own (a setting may change it)."""
        status = self.facts.get("status", self.reason.status)
        assert isinstance(status, int)
        return status

    @property
    def retry_after_s(self) -> int | None:
        """Whole seconds to wait: the case's own, rounded up, or the reason's."""
        case = self.facts.get("retry_after_s")
        return max(1, math.ceil(case)) if isinstance(case, int | float) and case > 0 else self.reason.retry_after_s

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (self.reason.code, self.facts)


def _rebuild(code: str, facts: dict[str, object]) -> Refusal:
    return Refusal(code, **facts)
