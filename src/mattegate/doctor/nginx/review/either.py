"""A refusal that does not turn on what lies on the machine: nginx refuses whether the files are there or not.

A configuration that was handed in comes without its files. What serves files answers no POST, and says 404 where there
is none; so both are tried, and where both refuse, that is told.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.files import Kind
from mattegate.doctor.nginx.request import Outcome

if TYPE_CHECKING:
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.request import Prediction
    from mattegate.doctor.nginx.state import Surroundings

_OPEN: Final = frozenset({Outcome.UNDECIDED, Outcome.SERVES})


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """A machine on which the same stands at every path."""

    kind: Kind

    def look(self, path: str, /) -> Kind:
        """What a worker finds there."""
        del path
        return self.kind

    def text(self, path: str, /) -> str | None:
        """Nothing is known of what is inside."""
        del path
        return None


def refused_either_way(model: Model, prediction: Prediction, around: Surroundings) -> Prediction | None:
    """The refusal of a request that the files leave open, or ``None`` where they decide."""
    if prediction.outcome not in _OPEN or prediction.request.method in {"GET", "HEAD"}:
        return None
    kinds = (Kind.FILE, Kind.MISSING)
    tried = [model.predict(prediction.request, replace(around, files=_Everywhere(kind))) for kind in kinds]
    refused = all(found.outcome is Outcome.ANSWERS and (found.status or 0) >= 400 for found in tried)
    return tried[0] if refused and not any(found.doubts for found in tried) else None
