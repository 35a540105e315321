"""A path from the root to its end, as the kernel walks it for an account: where it stops, and what mends that.

Every folder on the way needs ``x`` before anything in it is looked up; symbolic links are followed as the kernel does,
at most forty; what stands at the end needs what is wanted of it. Pure: what the tree is like is asked of a
:class:`~mattegate.doctor.files.look.Look`. Source: linux/fs/namei.c (link_path_walk, pick_link, may_follow_link).
"""

from __future__ import annotations

import stat
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Final

from mattegate.doctor.files.acl import XATTR, Account, BadAcl, By, Decision, Right, Status, decide, parse_acl
from mattegate.doctor.files.look import Look
from mattegate.doctor.files.mend import Mend, Place, mends

LINKS: Final = 40
"""Symbolic links that the kernel follows in one path (linux/include/linux/namei.h, MAXSYMLINKS)."""
_COMPONENTS: Final = 4096
_STICKY_AND_OPEN: Final = stat.S_ISVTX | stat.S_IWOTH


class End(StrEnum):
    """How a walk ends."""

    ALLOWED = "allowed"
    DENIED = "denied"
    """EACCES."""
    MISSING = "missing"
    """ENOENT."""
    NOT_A_FOLDER = "not a folder"
    """ENOTDIR: something on the way is no folder."""
    LOOP = "loop"
    """ELOOP: too many symbolic links."""
    UNKNOWN = "unknown"
    """The tree could not be looked at that far."""


@dataclass(frozen=True, slots=True)
class Step:
    """One component, asked one thing."""

    path: str
    """Without links on the way."""
    status: Status
    want: Right
    decision: Decision
    link: str = ""
    """Where it leads, if it is a symbolic link."""

    @property
    def says(self) -> str:
        """One line, as ``namei -l`` might put it."""
        listed = "+" if self.status.acl else ""
        outcome = "allows" if self.decision.allowed else "denies"
        told = f"{stat.filemode(self.status.mode)}{listed} {self.status.uid}:{self.status.gid} {self.path}"
        return f"{told} -> {self.link}" if self.link else f"{told}: {self.decision.by} {outcome} {self.want.letters}"


@dataclass(frozen=True, slots=True)
class Stop:
    """A component that does not let the account through."""

    step: Step
    mends: tuple[Mend, ...]
    """The smallest first; empty where no change of permissions is advised."""
    because: str
    """One sentence."""


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of it."""

    path: str
    account: Account
    want: Right
    end: End
    """What the account gets; of several hindrances, the first."""
    steps: tuple[Step, ...]
    stops: tuple[Stop, ...] = ()
    """All that deny, in order: the walk goes on behind the first as if it were mended."""
    at: str = ""
    """The component where it ends, if not at the end."""

    @property
    def passed_over(self) -> tuple[Step, ...]:
        """The components that let the account through only because of its capabilities, as root's do."""
        return tuple(step for step in self.steps if step.decision.by is By.CAPABILITY)


def walk(path: str, account: Account, want: Right, look: Look, *, protected_symlinks: bool = True) -> Walk:
    """May ``account`` do ``want`` with what ``path`` (absolute) leads to?

    ``protected_symlinks`` is the kernel's setting of that name (``/proc/sys/fs/protected_symlinks``). Raises
    :class:`ValueError` for a path that is not absolute or holds a NUL.
    """
    if not path.startswith("/") or "\0" in path:
        raise ValueError(f"not an absolute path: {path!r}")
    walker = _Walker(account, look, protected=protected_symlinks)
    end, at = walker.end(path, want)
    if walker.stops:
        end, at = End.DENIED, walker.stops[0].step.path
    return Walk(path, account, want, end, tuple(walker.steps), tuple(walker.stops), at)


class _Over(Exception):  # noqa: N818 - the way is at its end
    def __init__(self, end: End, at: str) -> None:
        super().__init__(end, at)
        self.end, self.at = end, at


@dataclass
class _Walker:
    """Goes along a path, one component after the other, and notes what it meets."""

    account: Account
    look: Look
    protected: bool
    steps: list[Step] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)

    def end(self, path: str, want: Right) -> tuple[End, str]:
        """Walk to the end and ask there."""
        try:
            self._last(path, want)
        except _Over as over:
            return over.end, over.at
        return End.ALLOWED, ""

    def _last(self, path: str, want: Right) -> None:
        here, status = "/", self._status("/")
        ahead, links, to_folder = _components(path), 0, path.endswith("/")
        for _ in range(_COMPONENTS):
            if not ahead:
                self._arrive(here, status, want, to_folder=to_folder)
                return
            folder = here, self._folder(here, status)
            name = ahead.pop(0)
            here, status = self._child(*folder, name)
            if stat.S_ISLNK(status.mode):
                links += 1
                target = self._followed(here, status, folder[1], trailing=not ahead, links=links)
                to_folder = to_folder or (not ahead and target.endswith("/"))
                ahead = _components(target) + ahead
                here, status = ("/", self._status("/")) if target.startswith("/") else folder
        raise _Over(End.UNKNOWN, here)

    def _arrive(self, path: str, status: Status, want: Right, *, to_folder: bool) -> None:
        if to_folder and not status.is_folder:
            raise _Over(End.NOT_A_FOLDER, path)
        self._ask(path, status, want)

    def _folder(self, path: str, status: Status) -> Status:
        if not status.is_folder:
            raise _Over(End.NOT_A_FOLDER, path)
        self._ask(path, status, Right.EXECUTE)
        return status

    def _child(self, folder: str, status: Status, name: str) -> tuple[str, Status]:
        if name == ".":
            return folder, status
        path = str(PurePosixPath(folder).parent) if name == ".." else f"{folder.rstrip('/')}/{name}"
        return path, self._status(path)

    def _followed(self, path: str, link: Status, folder: Status, *, trailing: bool, links: int) -> str:
        if links > LINKS:
            raise _Over(End.LOOP, path)
        try:
            target = self.look.readlink(path)
        except OSError as error:
            raise _Over(End.UNKNOWN, path) from error
        decision = Decision(allowed=self._may_follow(link, folder, trailing=trailing), by=By.OWNER)
        step = Step(path, link, Right.NONE, decision, target)
        self.steps.append(step)
        if not step.decision.allowed:
            self.stops.append(Stop(step, (), _PROTECTED))
        if not target:
            raise _Over(End.MISSING, path)
        return target

    def _may_follow(self, link: Status, folder: Status, *, trailing: bool) -> bool:
        """Source: linux/fs/namei.c, may_follow_link."""
        guarded = self.protected and trailing and folder.mode & _STICKY_AND_OPEN == _STICKY_AND_OPEN
        return not guarded or link.uid in (self.account.uid, folder.uid)

    def _status(self, path: str) -> Status:
        try:
            status = self.look.lstat(path)
            raw = None if stat.S_ISLNK(status.mode) else self.look.getxattr(path, XATTR)
            return replace(status, acl=parse_acl(raw)) if raw else status
        except FileNotFoundError as error:
            raise _Over(End.MISSING, path) from error
        except NotADirectoryError as error:
            raise _Over(End.NOT_A_FOLDER, path) from error
        except (OSError, BadAcl) as error:
            raise _Over(End.UNKNOWN, path) from error

    def _ask(self, path: str, status: Status, want: Right) -> None:
        known = any(step.path == path and step.want == want for step in self.steps)
        if known:
            return
        step = Step(path, status, want, decide(status, self.account, want))
        self.steps.append(step)
        if not step.decision.allowed:
            mended = tuple(mends(Place(path, status, want), self.account))
            self.stops.append(Stop(step, mended, _because(step, self.account)))


_PROTECTED: Final = (
    "the link stands in a sticky folder that everybody may write to, and belongs neither to the account nor to the "
    "folder's owner: the kernel follows no such link (fs.protected_symlinks)"
)


def _components(path: str) -> list[str]:
    return [name for name in path.split("/") if name]


def _because(step: Step, account: Account) -> str:
    what = "enter" if step.want is Right.EXECUTE and step.status.is_folder else f"do {step.want.letters} on"
    mask = ", and the mask of its ACL takes away what an entry grants" if step.decision.masked else ""
    return f"{account.spelled} may not {what} {step.path}: {step.decision.by} decide{mask} ({step.says.split(' /')[0]})"
