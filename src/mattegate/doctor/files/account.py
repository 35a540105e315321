"""Which account a server's workers run as, by nginx's ``user`` directive and the users and groups of a machine."""

from __future__ import annotations

import grp
import pwd
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mattegate.doctor.files.acl import Account

BUILT_IN: Final = "nobody"
"""nginx's user where neither the configuration nor the build names one; Debian builds with ``www-data``."""


class UnknownAccount(Exception):  # noqa: N818 - the state of what was asked for
    """No such user or group is known; the message is a sentence."""


class Accounts(Protocol):
    """The users and groups of a machine. Each raises :class:`UnknownAccount`."""

    def user(self, name: str, /) -> tuple[int, int]:
        """Its number and that of its primary group."""

    def group(self, name: str, /) -> int:
        """Its number."""

    def groups_of(self, name: str, /) -> frozenset[int]:
        """The groups that list the user as a member."""


class Ours:
    """The users and groups of the machine that the doctor runs on."""

    def user(self, name: str, /) -> tuple[int, int]:
        """See :class:`Accounts`."""
        try:
            found = pwd.getpwnam(name)
        except KeyError as error:
            raise UnknownAccount(f"there is no user {name!r} on this machine") from error
        return found.pw_uid, found.pw_gid

    def group(self, name: str, /) -> int:
        """See :class:`Accounts`."""
        try:
            return grp.getgrnam(name).gr_gid
        except KeyError as error:
            raise UnknownAccount(f"there is no group {name!r} on this machine") from error

    def groups_of(self, name: str, /) -> frozenset[int]:
        """See :class:`Accounts`."""
        return frozenset(group.gr_gid for group in grp.getgrall() if name in group.gr_mem)


@dataclass(frozen=True, slots=True)
class Written:
    """The users and groups of another machine: the text of its ``/etc/passwd`` and ``/etc/group``."""

    passwd: str
    groups: str

    def user(self, name: str, /) -> tuple[int, int]:
        """See :class:`Accounts`."""
        fields = _entry(self.passwd, name, "user")
        return _number(fields, 2), _number(fields, 3)

    def group(self, name: str, /) -> int:
        """See :class:`Accounts`."""
        return _number(_entry(self.groups, name, "group"), 2)

    def groups_of(self, name: str, /) -> frozenset[int]:
        """See :class:`Accounts`."""
        lines = [line.split(":") for line in self.groups.splitlines()]
        return frozenset(_number(one, 2) for one in lines if len(one) >= 4 and name in one[3].split(","))


def _entry(text: str, name: str, what: str) -> list[str]:
    for line in text.splitlines():
        fields = line.split(":")
        if fields[0] == name and len(fields) > 3:
            return fields
    raise UnknownAccount(f"there is no {what} {name!r} in the list that was given")


def _number(fields: list[str], place: int) -> int:
    if not re.fullmatch(r"[0-9]{1,10}", fields[place]):
        raise UnknownAccount(f"the line of {fields[0]!r} holds no number where one belongs")
    return int(fields[place])


def named(name: str, accounts: Accounts, *, group: str | None = None) -> Account:
    """The account of a user by its name, with its supplementary groups. Raises :class:`UnknownAccount`."""
    uid, gid = accounts.user(name)
    primary = gid if group is None else accounts.group(group)
    return Account(uid, accounts.groups_of(name) | {primary}, name, overrides=uid == 0, searches=uid == 0)


def nginx_worker(user: Sequence[str], accounts: Accounts, *, master: Account | None = None) -> Account:
    """The account of nginx's workers, by the arguments of its ``user`` directive (none where it has none).

    ``master`` is who starts nginx: without root's rights it cannot change its account, and ``user`` is ignored. Raises
    :class:`UnknownAccount`. Source: nginx.c (ngx_set_user), os/unix/ngx_process_cycle.c (ngx_worker_process_init).
    """
    if master is not None and master.uid != 0:
        return master
    name, *group = user or (BUILT_IN,)
    # Without a group of its own, the directive means the group that is called like the user.
    return named(name, accounts, group=group[0] if group else name)
