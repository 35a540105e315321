"""POSIX access control lists as Linux keeps them, and the kernel's answer to "may this account do that here?".

Sources: linux/fs/namei.c (acl_permission_check, generic_permission), linux/fs/posix_acl.c (posix_acl_permission),
include/uapi/linux/posix_acl_xattr.h.
"""

from __future__ import annotations

import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, IntFlag, StrEnum
from typing import Final

XATTR: Final = "system.posix_acl_access"
_VERSION: Final = 2
_HEADER: Final = struct.Struct("<I")
_ENTRY: Final = struct.Struct("<HHI")
_NO_ID: Final = 0xFFFF_FFFF


class Right(IntFlag):
    """What somebody wants to do. Of a folder, ``EXECUTE`` is to reach what lies in it, ``READ`` to list it."""

    NONE = 0
    EXECUTE = 1
    WRITE = 2
    READ = 4

    @property
    def letters(self) -> str:
        """``rwx``, without those that are not meant."""
        return "".join(letter for bit, letter in zip((4, 2, 1), "rwx", strict=True) if self & bit)


class Tag(IntEnum):
    """Whom an entry is for."""

    USER_OBJ = 0x01
    USER = 0x02
    GROUP_OBJ = 0x04
    GROUP = 0x08
    MASK = 0x10
    OTHER = 0x20


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a list."""

    tag: Tag
    rights: Right
    id: int = _NO_ID
    """The user or group of a named entry."""

    @property
    def spelled(self) -> str:
        """As ``setfacl -m`` takes it."""
        letter = {Tag.USER_OBJ: "u", Tag.USER: "u", Tag.GROUP_OBJ: "g", Tag.GROUP: "g", Tag.MASK: "m", Tag.OTHER: "o"}
        who = str(self.id) if self.tag in (Tag.USER, Tag.GROUP) else ""
        return f"{letter[self.tag]}:{who}:{self.rights.letters or '-'}"


class BadAcl(Exception):  # noqa: N818 - the state of what was read
    """The bytes are no access control list."""


Acl = tuple[Entry, ...]
"""In the kernel's order: owner, named users, owning group, named groups, mask, others."""


def parse_acl(raw: bytes) -> Acl:
    """The entries of ``system.posix_acl_access``. Raises :class:`BadAcl`."""
    if len(raw) < _HEADER.size or (len(raw) - _HEADER.size) % _ENTRY.size:
        raise BadAcl(f"{len(raw)} bytes are no POSIX ACL")
    [version] = _HEADER.unpack_from(raw)
    if version != _VERSION:
        raise BadAcl(f"version {version} of POSIX ACLs is not known")
    try:
        return tuple(
            Entry(Tag(tag), Right(rights & 7), who) for tag, rights, who in _ENTRY.iter_unpack(raw[_HEADER.size :])
        )
    except ValueError as error:
        raise BadAcl(f"an entry of the POSIX ACL is for nobody known: {error}") from error


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks."""

    uid: int
    gids: frozenset[int]
    """The primary group and all supplementary ones."""
    name: str = ""
    overrides: bool = False
    """Whether it has ``CAP_DAC_OVERRIDE``, as root has: then modes and lists do not stop it."""
    searches: bool = False
    """Whether it has ``CAP_DAC_READ_SEARCH``: then it may read everything and enter every folder."""

    @property
    def spelled(self) -> str:
        """Its name where it is known, otherwise its number."""
        return self.name or str(self.uid)


@dataclass(frozen=True, slots=True)
class Status:
    """What the kernel goes by."""

    mode: int
    """With the bits of the kind, as ``st_mode``."""
    uid: int
    gid: int
    acl: Acl = ()
    """Empty where the mode says all."""

    @property
    def is_folder(self) -> bool:
        """Whether other things can lie in it."""
        return stat.S_ISDIR(self.mode)


class By(StrEnum):
    """Which rule decided."""

    OWNER = "the owner's bits"
    NAMED_USER = "the ACL's entry for the user"
    GROUP = "the group's bits"
    NAMED_GROUP = "an ACL entry for a group"
    OTHER = "the bits for all others"
    CAPABILITY = "a capability that passes over permissions"


@dataclass(frozen=True, slots=True)
class Decision:
    """The kernel's answer, and why."""

    allowed: bool
    by: By
    masked: bool = False
    """Whether the entry itself would allow it and the list's mask takes it away."""


def decide(status: Status, account: Account, want: Right) -> Decision:
    """Whether ``account`` may do ``want`` with what has this status."""
    decision = _by_bits(status, account, want)
    if not decision.allowed and _passes_over(status, account, want):
        return Decision(allowed=True, by=By.CAPABILITY)
    return decision


def _by_bits(status: Status, account: Account, want: Right) -> Decision:
    if account.uid == status.uid:
        return _plain(status.mode >> 6, want, By.OWNER)
    # The kernel looks at the list only where the group's bits, which then are the mask, are not all zero. Otherwise it
    # goes on as if there were none, and a user who is named in the list counts among all others.
    if status.acl and status.mode & stat.S_IRWXG:
        return _by_list(status, account, want)
    if status.gid in account.gids:
        return replace(_plain(status.mode >> 3, want, By.GROUP), masked=_is_masked_out(status, account, want))
    decision = _plain(status.mode, want, By.OTHER)
    return replace(decision, masked=not decision.allowed and _is_masked_out(status, account, want))


def _plain(bits: int, want: Right, by: By) -> Decision:
    return Decision(allowed=bits & want == want, by=by)


def _is_masked_out(status: Status, account: Account, want: Right) -> bool:
    return bool(status.acl) and any(one.rights & want == want for one, _ in _matching(status, account))


def _matching(status: Status, account: Account) -> Iterator[tuple[Entry, By]]:
    """The entries of the group class that fit the account, in the kernel's order; of named users the first ends it."""
    for entry in status.acl:
        if entry.tag is Tag.USER and entry.id == account.uid:
            yield entry, By.NAMED_USER
            return
        if entry.tag is Tag.GROUP_OBJ and status.gid in account.gids:
            yield entry, By.GROUP
        if entry.tag is Tag.GROUP and entry.id in account.gids:
            yield entry, By.NAMED_GROUP


def _by_list(status: Status, account: Account, want: Right) -> Decision:
    fitting = list(_matching(status, account))
    if not fitting:
        others = next((one.rights for one in status.acl if one.tag is Tag.OTHER), Right.NONE)
        return _plain(others, want, By.OTHER)
    granting = [(entry, by) for entry, by in fitting if entry.rights & want == want]
    if not granting:
        return Decision(allowed=False, by=fitting[0][1])
    entry, by = granting[0]
    mask = next((one.rights for one in status.acl if one.tag is Tag.MASK), entry.rights)
    allowed = entry.rights & mask & want == want
    return Decision(allowed=allowed, by=by, masked=not allowed)


def _passes_over(status: Status, account: Account, want: Right) -> bool:
    if account.overrides:
        # Even root executes no file that has no x bit at all.
        executable = status.is_folder or not want & Right.EXECUTE or status.mode & 0o111
        if executable:
            return True
    if not account.searches or want & Right.WRITE:
        return False
    return status.is_folder or want == Right.READ


def permits(status: Status, entry: Entry) -> Status:
    """The status with an entry of its list widened (or added) to these rights, and the mask to let them through."""
    acl = status.acl or _minimal(status)
    old = next((one for one in acl if (one.tag, one.id) == (entry.tag, entry.id)), replace(entry, rights=Right.NONE))
    widened = replace(old, rights=old.rights | entry.rights)
    masked = [one.rights for one in acl if one.tag is Tag.MASK] or [
        one.rights for one in acl if one.tag is Tag.GROUP_OBJ
    ]
    mask = Entry(Tag.MASK, masked[0] | entry.rights)
    kept = tuple(one for one in acl if one.tag is not Tag.MASK and (one.tag, one.id) != (entry.tag, entry.id))
    ordered = tuple(sorted((*kept, widened, mask), key=lambda one: (one.tag, one.id)))
    return replace(status, acl=ordered, mode=status.mode & ~stat.S_IRWXG | mask.rights << 3)


def _minimal(status: Status) -> Acl:
    return (
        Entry(Tag.USER_OBJ, Right(status.mode >> 6 & 7)),
        Entry(Tag.GROUP_OBJ, Right(status.mode >> 3 & 7)),
        Entry(Tag.OTHER, Right(status.mode & 7)),
    )


def with_bits(status: Status, bits: int) -> Status:
    """The status after ``chmod`` added ``bits``: with a list, the group's bits are its mask."""
    mode = status.mode | bits
    acl = tuple(_chmodded(entry, mode) for entry in status.acl)
    return replace(status, mode=mode, acl=acl)


def _chmodded(entry: Entry, mode: int) -> Entry:
    shift = {Tag.USER_OBJ: 6, Tag.MASK: 3, Tag.OTHER: 0}.get(entry.tag)
    return entry if shift is None else replace(entry, rights=Right(mode >> shift & 7))
