"""Operators of rules, ``@rx`` and its like, with three answers (``src/operators``)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from mattegate.doctor.nginx.addresses import parse_address, parse_network
from mattegate.doctor.nginx.modsecurity.values import AtLeast, Value, number
from mattegate.doctor.nginx.regex import Untranslated, search

_FROM_HERE: Final = re.compile(r"(\^?(?:\[[^\]]*\]|[\w/ -])*)\(\?i\)([^|]*)")
_BYTES: Final = re.compile(r"(\d+)(?:-(\d+))?")


@dataclass(frozen=True, slots=True)
class Compared:
    """What an operator says of one value."""

    holds: bool | None
    """``None``: nobody can tell."""
    captures: tuple[str, ...] = ()


def compared(name: str, value: Value, operand: Value) -> Compared:
    """Whether ``@name operand`` holds for ``value``."""
    name = name.lower()
    if name in {"unconditionalmatch", "nomatch"}:
        return Compared(name == "unconditionalmatch")
    if operand is None or value is None:
        return Compared(None)
    if name in _ORDERS:
        return Compared(_ordered(name, value, operand))
    if isinstance(value, AtLeast) or isinstance(operand, AtLeast):
        return Compared(None)
    if name == "rx":
        return _matched(value, operand)
    test = _TESTS.get(name)
    return Compared(None if test is None else test(value, operand))


def _ordered(name: str, value: str | AtLeast, operand: str | AtLeast) -> bool | None:
    """A comparison of numbers; one that is known from below decides only where more of it changes nothing."""
    compare = _ORDERS[name]
    if isinstance(operand, AtLeast):
        return None
    limit = number(operand)
    if isinstance(value, str):
        return compare(number(value), limit)
    beyond = value.number >= limit if name in {"ge", "lt"} else value.number > limit
    return compare(value.number, limit) if beyond else None


def _matched(value: str, pattern: str) -> Compared:
    try:
        found = search(f"(?ms){_ignoring_case(pattern)}", value)
    except Untranslated:
        return Compared(None)
    return Compared(found is not None, (found[0], *(group or "" for group in found.groups())) if found else ())


def _ignoring_case(pattern: str) -> str:
    """``(?i)`` behind a simple beginning holds from there on, which Python spells as a group."""
    found = _FROM_HERE.fullmatch(pattern)
    return f"{found[1]}(?i:{found[2]})" if found is not None else pattern


def _in_networks(value: str, operand: str) -> bool | None:
    address = parse_address(value)
    networks = [parse_network(part.strip()) for part in operand.split(",") if part.strip()]
    if address is None:
        return False
    if any(network is not None and network.version == address.version and address in network for network in networks):
        return True
    return None if None in networks else False


def _any_of(value: str, operand: str) -> bool | None:
    if re.search(r"[|\"\\]", operand):
        return None  # bytes in hexadecimal
    return any(word.lower() in value.lower() for word in operand.split())


def _outside_bytes(value: str, operand: str) -> bool | None:
    """``@validateByteRange`` holds where a byte is none of those listed."""
    allowed: set[int] = set()
    for part in operand.split(","):
        found = _BYTES.fullmatch(part.strip())
        if found is None:
            return None
        allowed |= set(range(int(found[1]), int(found[2] or found[1]) + 1))
    return any(ord(char) not in allowed for char in value)


_ORDERS: Final[Mapping[str, Callable[[int, int], bool]]] = MappingProxyType(
    {"eq": operator.eq, "ge": operator.ge, "gt": operator.gt, "le": operator.le, "lt": operator.lt}
)
_TESTS: Final[Mapping[str, Callable[[str, str], bool | None]]] = MappingProxyType(
    {
        "streq": operator.eq,
        "contains": lambda value, operand: operand in value,
        "beginswith": str.startswith,
        "endswith": str.endswith,
        "within": lambda value, operand: value in operand,
        "ipmatch": _in_networks,
        "pm": _any_of,
        "validatebyterange": _outside_bytes,
    }
)
