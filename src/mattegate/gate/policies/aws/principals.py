"""``Principal`` of a statement: whom it is about.

There are no AWS accounts here. A user of an ARN stands for the identity of that name, a role for the role (scope) of
that name; a plain text is an identity by id or name, ``tier/NAME`` a tier, ``role/NAME`` a role, ``group/ISSUER:NAME``
a role that tokens of an issuer name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from mattegate.gate.policies.aws.unmapped import Unmapped, any_of, listed
from mattegate.gate.policies.literals import quoted

_ARN: Final = re.compile(r"arn:[\w-]+:iam::(?:\d{12})?:(user|role)/([^/*?]+)")
_PLAIN: Final = re.compile(r"(?:(tier|role)/)?([^:/*?]+)")
_GROUP: Final = re.compile(r"group/([a-z0-9-]+:[^*?]+)")
_ACCOUNT: Final = re.compile(r"\d{12}|arn:[\w-]+:iam::\d{12}:root")
_POSSIBLE: Final = "name an identity, tier/NAME, role/NAME or group/ISSUER:NAME"
_KINDS: Final = ("AWS", "Mattegate")


def principal_of(value: Any) -> str:
    """The condition that a ``Principal`` comes to; empty where it is everybody. Raises :class:`Unmapped`."""
    names = list(_names(value))
    return "" if "*" in names else any_of(map(_one, names))


def notes_on(value: Any) -> Iterator[str]:
    """What an operator should know of the mapping. Raises :class:`Unmapped`."""
    for name in _names(value):
        if found := _ARN.fullmatch(name):
            whose = "identity" if found[1] == "user" else "role (scope)"
            yield f"{name} is taken for the {whose} {found[2]!r}"


def _names(value: Any) -> Iterator[str]:
    if value == "*":
        yield "*"
        return
    if not isinstance(value, dict) or not value:
        raise Unmapped('Principal must be "*" or an object such as {"AWS": "alice"}')
    for kind, names in value.items():
        if kind not in _KINDS:
            raise Unmapped(f"a Principal of the kind {kind!r} cannot be mapped; {' and '.join(_KINDS)} can")
        yield from listed(names, f"Principal.{kind}")


def _one(name: str) -> str:
    if _ACCOUNT.fullmatch(name):
        raise Unmapped(f"the Principal {name!r} is an AWS account, and there are none here; name identities")
    if found := _ARN.fullmatch(name):
        return _named(found[2]) if found[1] == "user" else f"principal in Role::{quoted(found[2])}"
    if found := _PLAIN.fullmatch(name):
        kind = {"tier": "Tier", "role": "Role"}.get(found[1] or "")
        return f"principal in {kind}::{quoted(found[2])}" if kind else f"({_by_id(found[2])} || {_named(found[2])})"
    if found := _GROUP.fullmatch(name):
        return f"principal in Group::{quoted(found[1])}"
    raise Unmapped(f"the Principal {name!r} cannot be mapped; {_POSSIBLE}")


def _by_id(name: str) -> str:
    return f"principal == Identity::{quoted(name)}"


def _named(name: str) -> str:
    return f"principal.name == {quoted(name)}"
