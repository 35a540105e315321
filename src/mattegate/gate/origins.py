"""Web origins and the patterns that they are held against (RFC 6454; Fetch, section 3.2).

Three shapes of pattern: an exact origin; ``http://localhost:*`` for every port; ``https://*.example.com`` for every
name below. ``*`` alone stands for every origin but ``null``, which any page can give itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_PATTERN: Final = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])"
    r"(?::(?P<port>[0-9]{1,5}|\*))?",
    re.ASCII,
)
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_LABELS: Final = r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\."


@dataclass(frozen=True, slots=True)
class Origins:
    """A set of origins."""

    exact: frozenset[str] = frozenset()
    patterns: tuple[re.Pattern[str], ...] = ()
    every: bool = False

    @classmethod
    def of(cls, texts: Iterable[str], setting: str) -> Origins:
        """Compile every pattern. Raises ``ValueError`` naming ``setting`` and the bad one."""
        exact: set[str] = set()
        patterns: list[re.Pattern[str]] = []
        every = False
        for text in texts:
            if text == "*":
                every = True
            elif "*" in text:
                patterns.append(_compiled(text, setting))
            else:
                exact.add(_exact(text, setting))
        return cls(frozenset(exact), tuple(patterns), every)

    def __bool__(self) -> bool:
        return self.every or bool(self.exact) or bool(self.patterns)

    def hold(self, origin: str) -> bool:
        """Whether ``origin``, as a browser sends it, belongs to the set."""
        if origin in self.exact:
            return True
        if self.every and origin not in {"null", ""}:
            return True
        return any(pattern.fullmatch(origin) for pattern in self.patterns)


def _parts(text: str, setting: str) -> re.Match[str]:
    match = _PATTERN.fullmatch(text.lower())
    if match is None or int((match["port"] or "0").replace("*", "0")) > 65_535:
        raise ValueError(
            f"{setting}: {text!r} is not an origin; write scheme://host or scheme://host:port without a path or a "
            "final slash, such as https://shop.example, http://localhost:* or https://*.preview.example.com"
        )
    return match


def _exact(text: str, setting: str) -> str:
    parts = _parts(text, setting)
    port = parts["port"] or ""
    if port == _DEFAULT_PORTS.get(parts["scheme"]):
        port = ""
    return f"{parts['scheme']}://{parts['host']}" + (f":{port}" if port else "")


def _compiled(text: str, setting: str) -> re.Pattern[str]:
    parts = _parts(text, setting)
    host, port = parts["host"], parts["port"] or ""
    name = _LABELS + re.escape(host[2:]) if host.startswith("*.") else re.escape(host)
    if port == "*":
        tail = r"(?::[0-9]{1,5})?"
    elif port in {"", _DEFAULT_PORTS.get(parts["scheme"])}:
        tail = ""
    else:
        tail = f":{port}"
    return re.compile(f"{re.escape(parts['scheme'])}://{name}{tail}", re.ASCII)


@lru_cache(maxsize=1024)
def bound_origins(texts: tuple[str, ...]) -> Origins:
    """The origins that a key is bound to. Raises ``ValueError`` for a text that is none."""
    return Origins.of(texts, "origins of the key")
