"""What a log does not say is evidence too: most of nginx's refusals write a line, and some write none.

``allow``, ``deny``, unreadable files and missing index pages write to the error log at its usual level; ``return``,
``if``, maps, referers, secure links and a denial by ``auth_request`` write nothing. So a 403 by nginx itself, without a
line in the error log that was given beside it, was made by one of the latter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation

_ERROR_LOGS: Final = frozenset({"nginx-error", "empty"})
_ACCESS: Final = frozenset({"access", "nginx-access"})
_FORBIDDEN: Final = 403


def silent_refusals(observations: Sequence[Observation], kinds: Sequence[str]) -> Iterator[Clue]:
    """Refusals in an access log that an error log, which was given beside it, has no line for.

    ``kinds`` are those of the inputs. An application's own refusal (``$upstream_status``) needs no line.
    """
    if not _ERROR_LOGS.intersection(kinds):
        return
    logged = {_path(seen) for seen in observations if seen.format == "nginx-error"}
    for seen in observations:
        upstream = seen.fields.get("upstream_status", "")
        passed_on = upstream not in {"", "-"}
        if seen.format not in _ACCESS or seen.status != _FORBIDDEN or passed_on or _path(seen) in logged:
            continue
        yield _clue(seen, sure=upstream == "-")


def _path(seen: Observation) -> str:
    return seen.path.partition("?")[0]


def _clue(seen: Observation, *, sure: bool) -> Clue:
    silent = "the error log has no line for it, which a rule on addresses or a file would have written"
    apart = "Log $upstream_status: '-' says that nginx answered, a number that the application did."
    return Clue(
        cause="return.forbids",
        certainty=Certainty.LIKELY if sure else Certainty.POSSIBLE,
        origin="silence of the error log",
        evidence=(f"{seen.place}: {seen.request} was answered {seen.status}, and {silent}",),
        facts={"rule": "a return, if, map or auth_request", "status": str(seen.status)},
        request=seen.request,
        status=seen.status,
        tell_apart="" if sure else apart,
    )
