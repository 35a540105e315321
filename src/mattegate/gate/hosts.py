"""Host names: what ``Host`` says, without port, case and trailing dot, and the patterns it is held against."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mattegate.gate.networks import parse_address

_NAME: Final = re.compile(r"(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)


@lru_cache(maxsize=1024)
def plain_host(host: str) -> str:
    """``Host`` without port and trailing dot, in small letters; addresses in their canonical form, without brackets."""
    text = host.strip().lower()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    address = parse_address(text)
    return address.text if address else text.removesuffix(".")


@lru_cache(maxsize=1024)
def is_default_endpoint(name: str) -> bool:
    """Whether a plain host is an address, ``localhost`` or a name below it (RFC 6761, section 6.3).

    What ends in a number is an address for every browser (URL Standard, "ends in a number checker"): ``127.1``,
    ``0x7f000001``.
    """
    last = name.rpartition(".")[2]
    return last == "localhost" or parse_address(name) is not None or bool(_NUMBER.fullmatch(last))


@dataclass(frozen=True, slots=True)
class Hosts:
    """A set of host names."""

    exact: frozenset[str] = frozenset()
    suffixes: tuple[str, ...] = ()
    """Each with its leading dot."""

    @classmethod
    def of(cls, texts: Iterable[str], setting: str) -> Hosts:
        """Compile names and ``*.example.com``. Raises ``ValueError`` naming ``setting`` and the bad one."""
        names = [_checked(text, setting) for text in texts]
        return cls(
            frozenset(name for name in names if not name.startswith("*")),
            tuple(name[1:] for name in names if name.startswith("*")),
        )

    def __bool__(self) -> bool:
        return bool(self.exact or self.suffixes)

    def hold(self, name: str) -> bool:
        """Whether a plain host belongs to the set."""
        if name in self.exact:
            return True
        return any(name.endswith(suffix) and len(name) > len(suffix) for suffix in self.suffixes)


def _checked(text: str, setting: str) -> str:
    name = text.strip().lower().removesuffix(".").removeprefix("[").removesuffix("]")
    if address := parse_address(name):
        return address.text
    if not _NAME.fullmatch(name):
        raise ValueError(f"{setting}: {text!r} is not a host name; write it without scheme, port and path")
    return name
