"""Notices by webhook, signed as the Standard Webhooks specification 1.0 says.

The receiver checks ``webhook-signature`` over ``id.timestamp.body`` with any of the secrets it shares with us, refuses
stale timestamps and tells repetitions by ``webhook-id``. While a secret is rotated, both sign.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import secrets as random
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mattegate.outbound.channel import Delivered, Gone, Outcome, TryAgain
from mattegate.outbound.notice import Notice, event_json
from mattegate.outbound.posting import Post, Posted, Unreachable, checked_url, place
from mattegate.outbound.retry_after import retry_after

_PREFIX: Final = "whsec_"
_SHORTEST, _LONGEST = 24, 64
"""Bytes of a secret, by the specification."""
_MAX_WAIT_S: Final = 36_000.0
"""The longest a receiver may have us wait: as long as the longest step of the schedule."""


@dataclass(frozen=True, slots=True)
class WebhookSecret:
    """What signatures are made with; shared with the receiver."""

    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, text: str) -> WebhookSecret:
        """From ``whsec_`` and base64 of 24 to 64 bytes. Raises ``ValueError`` that does not quote it."""
        try:
            raw = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if not text.startswith(_PREFIX) or not _SHORTEST <= len(raw) <= _LONGEST:
            raise ValueError(f"a webhook secret is {_PREFIX} and the base64 of {_SHORTEST} to {_LONGEST} bytes")
        return cls(raw)

    @classmethod
    def new(cls) -> WebhookSecret:
        """A fresh one of 32 random bytes."""
        return cls(random.token_bytes(32))

    @property
    def text(self) -> str:
        """As the receiver is given it."""
        return _PREFIX + base64.b64encode(self.raw).decode()


def load_secrets(file: Path) -> tuple[WebhookSecret, ...]:
    """The secrets in ``file``, one a line, blank lines and those with ``#`` left out; each signs every notice.

    Raises ``ValueError`` for a file that others may read, an empty one, or a line that is no secret (by its number),
    and ``OSError`` where it cannot be read.
    """
    if file.stat().st_mode & 0o077:
        raise ValueError(f"{file}: others may read it; chmod 600 it, and change the secrets if others may have")
    found = []
    for number, line in enumerate(file.read_text("ascii", "replace").splitlines(), 1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        try:
            found.append(WebhookSecret.parse(text))
        except ValueError as error:
            raise ValueError(f"{file}:{number}: {error}") from None
    if not found:
        raise ValueError(f"{file}: there is no secret in it")
    return tuple(found)


def signatures(secrets: Sequence[WebhookSecret], message_id: str, timestamp: int, body: bytes) -> str:
    """The ``webhook-signature`` header: ``v1,`` and the base64 of an HMAC-SHA-256 for each secret, blanks between."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    macs = (hmac.digest(secret.raw, signed, hashlib.sha256) for secret in secrets)
    return " ".join("v1," + base64.b64encode(mac).decode() for mac in macs)


class Webhook:
    """A :class:`~mattegate.outbound.channel.Channel` to one address.

    Raises ``ValueError`` for an address that cannot be posted to, and for no secret at all: an unsigned notice could
    be anybody's.
    """

    name: Final = "webhook"

    def __init__(self, url: str, secrets: Sequence[WebhookSecret], post: Post, *, source: str = "mattegate") -> None:
        if not secrets:
            raise ValueError("a webhook needs a secret to sign with")
        self._url, self._secrets, self._post, self._source = checked_url(url), tuple(secrets), post, source

    def targets(self, notice: Notice) -> tuple[str, ...]:
        """Scheme, host and port: the rest of the address may be a secret and is not kept with letters."""
        return (place(self._url),)

    async def send(self, notice: Notice, target: str, at: float) -> Outcome:
        """Post it once."""
        body = event_json(notice, source=self._source)
        timestamp = math.floor(at)
        headers = {
            "content-type": "application/json",
            "user-agent": "mattegate-webhook/1",
            "webhook-id": notice.id,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(self._secrets, notice.id, timestamp, body),
        }
        try:
            return outcome(await self._post(self._url, headers=headers, body=body), target, at)
        except Unreachable as error:
            return TryAgain(f"{target}: {error}", unreachable=True)


def outcome(posted: Posted, target: str, at: float) -> Outcome:
    """What a status means: 2xx taken, 410 never again, anything else later (the specification's rules)."""
    if 200 <= posted.status < 300:
        return Delivered()
    if posted.status == 410:
        return Gone(f"{target} answered 410 Gone: it wants no more notices")
    why = " (redirects are not followed: configure the final address)" if 300 <= posted.status < 400 else ""
    return TryAgain(f"{target} answered {posted.status}{why}", after_s=wait_asked(posted.retry_after, at))


def wait_asked(text: str, at: float) -> float:
    """Seconds that a ``Retry-After`` header asks for, in either of its forms; 0 for anything else, capped at 10 h."""
    return min(retry_after(text, at) or 0.0, _MAX_WAIT_S)
