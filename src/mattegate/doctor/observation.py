"""What was seen, before anybody says what it means: one exchange, one line of a log, one sentence of a console.

Readers and probes make observations; signatures and attribution look at them. Every text in one is already free of
control characters and of secrets (:mod:`mattegate.doctor.redact`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

Headers = tuple[tuple[str, str], ...]
"""In their order; names in lower case; doubled ones stand twice."""

_NO_FIELDS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Place:
    """Where it was read: the name of the input as it was given, and the line from 1 (0 where lines mean nothing)."""

    source: str
    line: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Observation:
    """One thing that was seen. A member that was not seen is empty or ``None``."""

    format: str
    """What it was read as: ``exchange`` (a request and its answer, whoever saw them), ``client-error`` (no answer, and
    what the client said), ``console`` (a browser's), ``setting`` (something configured), or the name of a log:
    ``nginx-error``, ``nginx-access``, ``haproxy-log``, ``aws-apigw-access`` …"""
    place: Place
    at: float | None = None
    """Unix seconds."""
    method: str = ""
    scheme: str = ""
    host: str = ""
    path: str = ""
    """With the query, its values redacted."""
    http_version: str = ""
    """``1.1``, ``2`` …"""
    request_headers: Headers = ()
    client: str = ""
    """The caller's address."""
    status: int | None = None
    reason_phrase: str = ""
    response_headers: Headers = ()
    body: str = ""
    """The first 16 KiB of the answer's body as text."""
    message: str = ""
    """What the log, the console or the client said."""
    fields: Mapping[str, str] = field(default_factory=lambda: _NO_FIELDS)
    """What else the format has, by its own names: ``upstream_status``, ``terminatingRuleId`` …"""
    via: str = ""
    """How it was asked, where a probe varied that: ``direct``, ``proxy``, ``axis host=…``; empty for what was read."""
    count: int = 1
    """How often the like of it was seen; the place is that of the first."""

    @property
    def request(self) -> str:
        """``METHOD /path`` without the query; empty where no request is known."""
        bare = self.path.partition("?")[0]
        return f"{self.method} {bare}".strip()

    def header(self, name: str) -> str | None:
        """The values of a response header, joined by a comma; ``None`` where it is absent."""
        return _joined(self.response_headers, name)

    def request_header(self, name: str) -> str | None:
        """The values of a request header, joined by a comma; ``None`` where it is absent."""
        return _joined(self.request_headers, name)


def _joined(headers: Headers, name: str) -> str | None:
    values = [value for key, value in headers if key == name.lower()]
    return ", ".join(values) if values else None
