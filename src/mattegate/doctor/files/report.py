"""What a walk points to, as clues."""

from __future__ import annotations

import stat
from typing import Final

from mattegate.doctor.answer import Certainty, Culprit
from mattegate.doctor.clue import Clue
from mattegate.doctor.files.acl import Right
from mattegate.doctor.files.socket import Connecting
from mattegate.doctor.files.walk import End, Stop, Walk
from mattegate.doctor.redact import clean

ORIGIN: Final = "permission walk"
_ENDED: Final = {End.MISSING: "permission.missing", End.LOOP: "permission.link_loop"}
_WORDS: Final = {Right.READ: "read", Right.WRITE: "write", Right.EXECUTE: "execute"}


def walk_clues(walk: Walk) -> tuple[Clue, ...]:
    """A clue for each component that stops the account, the first first; or for where the path ends too early."""
    if walk.stops:
        return tuple(_stopped(stop, walk, "permission.file") for stop in walk.stops)
    cause = _ENDED.get(walk.end)
    return (_ended(cause, walk),) if cause else ()


def socket_clues(connecting: Connecting) -> tuple[Clue, ...]:
    """The same, of connecting to a socket."""
    walk = connecting.walk
    if walk.stops:
        return tuple(_stopped(stop, walk, "permission.socket") for stop in walk.stops)
    cause = "permission.socket_missing" if walk.end is End.MISSING else _ENDED.get(walk.end)
    return (_ended(cause, walk),) if cause else ()


def _stopped(stop: Stop, walk: Walk, at_the_end: str) -> Clue:
    return Clue(
        cause=_cause(stop, at_the_end),
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=(clean(stop.because),),
        facts={**_facts(walk), "component": clean(stop.step.path), "command": _commands(stop)},
        culprit=(Culprit(clean(stop.step.path), 0, clean(stop.step.says)),),
        verified_by=tuple(
            clean(f"in the model, {mend.command} lets {walk.account.spelled} through") for mend in stop.mends
        ),
    )


def _commands(stop: Stop) -> str:
    return clean(" or: ".join(mend.command for mend in stop.mends))


def _cause(stop: Stop, at_the_end: str) -> str:
    if stop.step.link:
        return "permission.link_protected"
    if stop.step.decision.masked:
        return "permission.acl_mask"
    passing = stat.S_ISDIR(stop.step.status.mode) and stop.step.want is Right.EXECUTE
    return "permission.path_component" if passing else at_the_end


def _ended(cause: str, walk: Walk) -> Clue:
    return Clue(
        cause=cause,
        certainty=Certainty.PROVEN,
        origin=ORIGIN,
        evidence=(clean(f"{walk.account.spelled} looking for {walk.path}: {walk.end} at {walk.at}"),),
        facts={**_facts(walk), "component": clean(walk.at)},
    )


def _facts(walk: Walk) -> dict[str, str]:
    want = " and ".join(word for right, word in _WORDS.items() if walk.want & right)
    return {"path": clean(walk.path), "account": walk.account.spelled, "want": want}
