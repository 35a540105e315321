"""Why a user cannot read a file: the first component of its path that bars the way, as ``namei -l`` would show it.

To read a file takes ``x`` on every folder above it and ``r`` on the file. The verdict is computed from owner, group
and mode bits and not from trying, so that it can be had for another user than the one who asks.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.vocabulary.refusal import Refusal

Lstat = Callable[[Path], os.stat_result]
_MOST_LINKS: Final = 40
"""As many symbolic links as Linux follows."""


@dataclass(frozen=True, slots=True)
class User:
    """Who wants to read: numeric user and groups, and a name for people."""

    uid: int
    gids: frozenset[int]
    name: str


def this_process() -> User:
    """The user that this process runs as."""
    uid = os.geteuid()
    return User(uid, frozenset({os.getegid(), *os.getgroups()}), _user_name(uid))


def explain_unreadable(path: Path, user: User, *, model: str, lstat: Lstat = os.lstat) -> Refusal:
    """:class:`Refusal` ``model.unreadable`` for a file that ``user`` was found unable to read."""
    barrier = find_barrier(path, user, lstat=lstat)
    if barrier is None:
        barrier = Barrier(path, "read", _NOT_THE_MODE)
    return Refusal(
        "model.unreadable",
        model=model,
        component=str(barrier.component),
        act=barrier.act,
        user=user.name,
        path=str(path),
        problem=barrier.problem,
    )


@dataclass(frozen=True, slots=True)
class Barrier:
    """The component that bars the way, what cannot be done with it (``entered`` or ``read``), and why."""

    component: Path
    act: str
    problem: str


_NOT_THE_MODE: Final = (
    "owner, group and mode allow it, so something else refuses: an access control list (getfacl), "
    "SELinux or AppArmor, or a sandbox of the service (systemd ProtectHome, InaccessiblePaths)"
)


def find_barrier(path: Path, user: User, *, lstat: Lstat = os.lstat) -> Barrier | None:
    """The first component of ``path`` that ``user`` cannot enter or, at its end, read; ``None`` where all are open.

    Symbolic links are followed component by component. Stops without a verdict where a component does not exist.
    """
    for component, is_last in _walk(path.absolute(), lstat):
        try:
            status = lstat(component)
        except (FileNotFoundError, PermissionError, NotADirectoryError):
            return None  # what lies behind a closed folder was reported at that folder
        wanted = stat.S_IROTH if is_last else stat.S_IXOTH
        if not _may(status, user, wanted):
            return Barrier(component, "read" if is_last else "entered", _problem(component, status, wanted))
    return None


def _walk(path: Path, lstat: Lstat) -> Iterator[tuple[Path, bool]]:
    """Every real component from the root on, with whether it is the last."""
    pending = list(path.parts[1:])[::-1]
    here, links = Path(path.anchor), 0
    yield here, not pending
    while pending:
        part = pending.pop()
        here = here.parent if part == ".." else here / part
        target = _link_target(here, lstat)
        if target is None:
            yield here, not pending
            continue
        links += 1
        if links > _MOST_LINKS:
            return
        pending += list(target.parts[1:] if target.is_absolute() else target.parts)[::-1]
        here = Path(target.anchor) if target.is_absolute() else here.parent


def _link_target(path: Path, lstat: Lstat) -> Path | None:
    try:
        return path.readlink() if stat.S_ISLNK(lstat(path).st_mode) else None
    except OSError:
        return None


def _may(status: os.stat_result, user: User, wanted: int) -> bool:
    """POSIX: exactly one class of bits counts, the owner's before the group's before the others'."""
    if user.uid == 0:
        return True
    if status.st_uid == user.uid:
        return bool(status.st_mode & (wanted << 6))
    if status.st_gid in user.gids:
        return bool(status.st_mode & (wanted << 3))
    return bool(status.st_mode & wanted)


def _problem(component: Path, status: os.stat_result, wanted: int) -> str:
    letter = "r" if wanted == stat.S_IROTH else "x"
    who = f"{_user_name(status.st_uid)}:{_group_name(status.st_gid)}"
    return (
        f"it is {stat.filemode(status.st_mode)} {who}; put the user into its group and run chmod g+{letter}, "
        f"or chmod o+{letter} {component}"
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
