"""The settings of what is counted, kept, told and sent.

See :mod:`mattegate.config.settings` for its rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from mattegate.vocabulary.rulebook import Limit, Tier


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Where limits are counted."""

    store: str = "sqlite"
    """memory, sqlite or redis."""
    redis_url: str = field(default="", repr=False)
    """redis://… when the store is redis."""
    on_loss: str = "refuse"
    """When redis does not answer: refuse (503), or local (count rates in this process until it is back)."""
    timeout_ms: int = 25
    """How long redis may take."""
    legacy_headers: bool = False
    """Send X-RateLimit-Limit, -Remaining and -Reset too."""
    near: float = 0.8
    """The share of a quota from which its owner is told."""


FREE = Tier(
    "free",
    (Limit("burst", "rate", 20, 60, burst=20), Limit("hourly", "quota", 100, 3600)),
)
ENTERPRISE = Tier("enterprise", (Limit("daily", "quota", 10_000, 86_400),))
VIP = Tier("vip", (), priority="vip")


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What is kept of decisions."""

    days: int = 30
    """How long a record is kept."""
    unproven_mb: int = 256
    """What the records of callers who proved nothing may take."""


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """Where notices go: about old keys, unused keys, quotas nearly used up."""

    webhook_url: str = field(default="", repr=False)
    """Posted to as Standard Webhooks."""
    mail_to: tuple[str, ...] = ()
    """Operators' addresses."""
    mail_from: str = "mattegate@localhost"
    """The sender."""
    smtp_host: str = ""
    """The mail server; empty: no mail."""
    smtp_port: int = 25
    """Its port."""


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """Where this server may send requests: webhooks, authorizers, key sets, images. Closed: the public web alone."""

    allow_networks: tuple[str, ...] = ()
    """Inner networks that addresses set here may lead into under any name; never images of callers."""
    allow_hosts: tuple[str, ...] = ()
    """Names that may lead to inner addresses; images of callers only where upload.url_hosts names them too."""
    ports: tuple[int, ...] = (80, 443)
    """Ports that may be asked, beside those of addresses set here."""
    connect_s: float = 5.0
    """How long a look-up may take, and again connection and TLS together."""
    stall_s: float = 10.0
    """The longest silence within an answer."""
    total_s: float = 30.0
    """How long a request may take with its redirects; images of callers no longer than upload.total_s."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where the access log goes."""

    file: Path | None = None
    """One JSON line a request; empty: stderr. Opened again on SIGHUP."""
