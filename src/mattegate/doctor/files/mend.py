"""The smallest changes of permissions that let an account through one component.

In their order: the bits of the class that the kernel judges the account by; of a group that it shares, the group's; of
all others ``o+x`` of a folder and ``o+r`` of a file, or an ACL entry for the one account where the file was its owner's
alone or is to be written to. Never a change of owner, never write permission for everybody, nothing recursive.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace

from mattegate.doctor.files.acl import Account, Entry, Right, Status, Tag, decide, permits, with_bits


@dataclass(frozen=True, slots=True)
class Place:
    """A component that stops an account, and what is wanted of it."""

    path: str
    status: Status
    want: Right


@dataclass(frozen=True, slots=True)
class Mend:
    """A change that lets the account through one component."""

    path: str
    command: str
    status: Status
    """What the component is like afterwards."""
    says: str


def mends(place: Place, account: Account) -> Iterator[Mend]:
    """Changes that let the account through, the most fitting first; each is tried in the model."""
    for mend in _candidates(place, account):
        if decide(mend.status, account, place.want).allowed:
            yield mend


def _candidates(place: Place, account: Account) -> Iterator[Mend]:
    if place.status.uid == account.uid:
        yield _chmod(place, "u", 6, "the account owns it")
        return
    if place.status.acl:
        yield from _wider_entries(place, account)
    if place.status.gid in account.gids:
        yield _chmod(place, "g", 3, "the account is in its group")
        return
    named = _setfacl(place, Entry(Tag.USER, place.want, account.uid), account, "this account, and nobody else")
    others = _chmod(place, "o", 0, "everybody may then, as far as the folders above let them")
    if place.want & Right.WRITE:
        yield named
    elif place.status.is_folder or place.status.mode & 0o077:
        yield from (others, named)
    else:
        # Nobody but its owner may read it so far: that may be meant.
        yield from (named, others)


def _wider_entries(place: Place, account: Account) -> Iterator[Mend]:
    for entry in place.status.acl:
        if entry.tag is Tag.USER and entry.id == account.uid:
            yield _setfacl(place, replace(entry, rights=place.want), account, "its own entry")
            return
    for entry in place.status.acl:
        if entry.tag is Tag.GROUP_OBJ and place.status.gid in account.gids:
            yield _setfacl(place, replace(entry, rights=place.want), account, "its group's entry")
        if entry.tag is Tag.GROUP and entry.id in account.gids:
            yield _setfacl(place, replace(entry, rights=place.want), account, "the entry of a group it is in")


def _chmod(place: Place, who: str, shift: int, says: str) -> Mend:
    status = with_bits(place.status, place.want << shift)
    return Mend(place.path, f"chmod {who}+{place.want.letters} {shlex.quote(place.path)}", status, says)


def _setfacl(place: Place, entry: Entry, account: Account, says: str) -> Mend:
    status = permits(place.status, entry)
    changed = [one for one in status.acl if one.tag is Tag.MASK or (one.tag, one.id) == (entry.tag, entry.id)]
    spelled = ",".join(one.spelled for one in changed)
    if entry.tag is Tag.USER and account.name:
        spelled = spelled.replace(f"u:{account.uid}:", f"u:{account.name}:", 1)
    # -n: the mask is set here on purpose, and only as wide as it must be.
    return Mend(place.path, f"setfacl -n -m {spelled} {shlex.quote(place.path)}", status, says)
