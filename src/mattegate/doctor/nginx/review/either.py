"""A refusal that does not turn on what lies on the machine: nginx refuses whether the files are there or not.

A configuration that was handed in comes without its files. What serves files answers no POST, and says 404 where there
is none; so both are tried, and where both refuse, that is told. What a POST calls is hardly a file itself, so that is
tried, too, where files decide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.files import Files, Kind, Modes
from mattegate.doctor.nginx.request import Outcome

if TYPE_CHECKING:
    from mattegate.doctor.nginx.model import Model
    from mattegate.doctor.nginx.request import Prediction, Request
    from mattegate.doctor.nginx.state import Surroundings

_OPEN: Final = frozenset({Outcome.UNDECIDED, Outcome.SERVES})


@dataclass(frozen=True, slots=True)
class _Everywhere:
    """A machine on which the same stands at every path but a few."""

    kind: Kind
    but: tuple[str, ...]

    def look(self, path: str, /) -> Kind:
        """What a worker finds there."""
        return Kind.UNKNOWN if path.rstrip("/").endswith(self.but) else self.kind

    def text(self, path: str, /) -> str | None:
        """Nothing is known of what is inside."""
        del path
        return None


@dataclass(frozen=True, slots=True)
class NoCallIsAFile:
    """Files of which not everything is known, but this: where nobody knows, none has the name of a call of an API."""

    files: Files
    calls: tuple[str, ...]

    def look(self, path: str, /) -> Kind:
        """What a worker finds there."""
        found = self.files.look(path)
        return Kind.MISSING if found is Kind.UNKNOWN and path.rstrip("/").endswith(self.calls) else found

    def text(self, path: str, /) -> str | None:
        """As it is known."""
        return self.files.text(path)

    def executable(self, path: str, /) -> bool | None:
        """As it is known."""
        return self.files.executable(path) if isinstance(self.files, Modes) else None

    def listed(self, path: str, /) -> bool:
        """As it is known; what nobody knows is not listed either."""
        return not isinstance(self.files, Modes) or self.files.listed(path)


ANYWHERE: Final = "/anywhere"
"""A folder that nginx was started with: no refusal here turns on which it was."""


def refused_either_way(model: Model, prediction: Prediction, around: Surroundings) -> Prediction | None:
    """The refusal of a request that the files leave open, or ``None`` where they decide."""
    if prediction.outcome not in _OPEN or prediction.request.method in {"GET", "HEAD"}:
        return None
    found = (_refused(model, prediction.request, around, calls) for calls in _calls(prediction.request, around))
    return next((refused for refused in found if refused is not None), None)


def _refused(model: Model, request: Request, around: Surroundings, calls: tuple[str, ...]) -> Prediction | None:
    views = (NoCallIsAFile(_Everywhere(kind, calls), calls) for kind in (Kind.FILE, Kind.MISSING))
    started = around.started_in or ANYWHERE
    tried = [model.predict(request, replace(around, files=view, started_in=started)) for view in views]
    refused = all(found.outcome is Outcome.ANSWERS and (found.status or 0) >= 400 for found in tried)
    return tried[0] if refused and not any(found.doubts for found in tried) else None


def _calls(request: Request, around: Surroundings) -> Iterator[tuple[str, ...]]:
    """What is known to be no file; and then, besides, what was called, where that has no name of a file."""
    known = around.files.calls if isinstance(around.files, NoCallIsAFile) else ()
    yield known
    if "." not in request.path and len(request.path) > 1:
        yield (*known, request.path.rstrip("/"))
