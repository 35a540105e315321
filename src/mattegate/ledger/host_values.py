"""The hosts that images may be fetched from for a key: names, ``*.name`` for every name below one, and addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import Final

from mattegate.ledger.account_values import invalid

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*")
_MOST: Final = 100


def checked_hosts(hosts: Iterable[str]) -> tuple[str, ...]:
    """Hosts in the one spelling in which addresses are compared with them: small letters, no port, no brackets.

    Raises :class:`~mattegate.vocabulary.refusal.Refusal` ``account.invalid``.
    """
    if isinstance(hosts, str):
        raise invalid("url_hosts", hosts, "it must be a list")
    given = tuple(dict.fromkeys(map(_checked, hosts)))
    if len(given) > _MOST:
        raise invalid("url_hosts", given[_MOST], f"there are more than {_MOST}")
    return given


def covers_host(patterns: Iterable[str], host: str) -> bool:
    """Whether every host of ``host``, which may be a pattern itself, is one of ``patterns``."""
    return any(_covers(pattern, host) for pattern in patterns)


def _covers(pattern: str, host: str) -> bool:
    return pattern == host or (pattern.startswith("*.") and host.endswith(pattern[1:]))


def _checked(host: str) -> str:
    plain = host.lower()
    try:
        return str(ip_address(plain.strip("[]")))
    except ValueError:
        pass
    if len(plain) > 253 or _NAME.fullmatch(plain) is None or plain.rpartition(".")[2].isdigit():
        raise invalid("url_hosts", host[:100], "a host reads images.example.com or *.example.com: no scheme, no port")
    return plain
