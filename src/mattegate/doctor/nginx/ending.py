"""How a walk through the phases ends, and where an ``error_page`` makes it begin again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.request import Hidden, Outcome, Upstream
from mattegate.doctor.nginx.rewriting import REDIRECTS
from mattegate.doctor.nginx.uri import split_args
from mattegate.doctor.nginx.variables import Variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.state import State

AS_400: Final = frozenset({494, 495, 496, 497})
"""Statuses that only ``error_page`` knows; callers see 400."""


@dataclass(frozen=True, slots=True)
class End:
    """Where a walk ended."""

    outcome: Outcome
    status: int | None = None
    mechanism: str = ""
    directive: Directive | None = None
    location: str | None = None
    upstream: Upstream | None = None
    whole: bool = False
    """Whether the answer has its own body, so that no ``error_page`` comes in."""


class Again(Exception):  # noqa: N818 - the walk goes on elsewhere
    """An internal redirect: to a URI, or to a named location."""

    def __init__(self, uri: str, query: str = "") -> None:
        super().__init__(uri)
        self.uri, self.query = uri, query


def finished(end: End, state: State) -> End:
    """The end, or another beginning where an ``error_page`` takes its place. Raises :class:`Again`."""
    if end.outcome is not Outcome.ANSWERS or end.status is None:
        return end
    if end.whole or (end.status < 300 and end.mechanism != "try_files"):
        return replace(end, status=state.final_status or end.status)
    page = _error_page(end.status, state)
    if page is None:
        return end
    line, overwrite, target = page
    state.step("error_page", f"{end.status} goes to {target}", line)
    state.hidden = state.hidden or Hidden(
        end.status, end.mechanism, end.directive, line, state.scope, state.passed_over
    )
    state.location_left = end.location if end.location is not None else state.location_left
    state.in_error_page = not state.scope.switched_on("recursive_error_pages")
    shown = 400 if end.status in AS_400 else end.status
    state.final_status = shown if overwrite is None else overwrite or None
    if target.startswith("@"):
        raise Again(target)
    if target.startswith("/"):
        state.method = state.shown_method = "HEAD" if state.method == "HEAD" else "GET"
        raise Again(*split_args(target))
    status = overwrite if overwrite in REDIRECTS else 302
    return End(Outcome.ANSWERS, status, "error_page", line, target, whole=True)


def _error_page(status: int, state: State) -> tuple[Directive, int | None, str] | None:
    """The line for a status, the status it is shown with (0: that of the page), and where it goes."""
    if state.in_error_page or state.changes <= 0:
        return None
    for line in state.scope.inherited("error_page"):
        *codes, target = line.args
        overwrite = next((int(code[1:] or 0) for code in codes if code.startswith("=")), None)
        if str(status) in codes:
            return line, overwrite, Variables(state).expand(target)
    return None
