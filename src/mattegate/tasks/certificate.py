"""Tell operators that the TLS certificate is about to expire.

Only the dates are needed, so only they are read: RFC 5280, 4.1, by DER's tag-length-value (X.690, 8.1).
"""

from __future__ import annotations

import hashlib
import re
import ssl
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from mattegate.outbound.notice import Notice, NoticeKind, notice_id, rfc3339
from mattegate.tasks.lifetimes import DAY
from mattegate.tasks.reminders import Tell

STEPS_DAYS: Final = (14, 7, 3, 1, 0)
"""Told once at each of these, in days that are left; renewals by ACME are due at about thirty."""

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_SEQUENCE, _VERSION = 0x30, 0xA0


@dataclass(slots=True)
class CertificateWatch:
    """Looks at a PEM file's first certificate, the server's own; remembers what it told until it is renewed."""

    file: Path
    tell: Tell
    _told: set[str] = field(default_factory=set)

    def __call__(self, now: float) -> str:
        """Tell if a step was reached; returns when it expires. Raises ``OSError`` and ``ValueError`` for a bad file."""
        der = first_certificate(self.file.read_text("ascii", "replace"))
        ends = expires_at(der)
        left = (ends - now) / DAY
        if reached := [step for step in STEPS_DAYS if left <= step]:
            notice = self._notice(hashlib.sha256(der).hexdigest(), min(reached), ends, now)
            if notice.id not in self._told and self.tell(notice):
                self._told.add(notice.id)
        return f"expires {rfc3339(ends)}"

    def _notice(self, fingerprint: str, step: int, ends: float, now: float) -> Notice:
        state = "has expired" if ends <= now else "expires soon"
        return Notice(
            kind=NoticeKind.CERTIFICATE_EXPIRING,
            subject=f"The TLS certificate {state}",
            text=f"The certificate in {self.file} is good until {rfc3339(ends)}. Clients refuse to connect from then "
            "on. Put a renewed one into the same file: it is read again when it changes.",
            at=now,
            id=notice_id(NoticeKind.CERTIFICATE_EXPIRING, fingerprint, step),
            about=str(self.file),
            facts={"file": str(self.file), "expires": rfc3339(ends), "sha256": fingerprint},
        )


def first_certificate(text: str) -> bytes:
    """The DER bytes of the first certificate in a PEM file. Raises ``ValueError``."""
    found = _PEM.search(text)
    if found is None:
        raise ValueError("there is no certificate in it")
    return ssl.PEM_cert_to_DER_cert(found.group())


def expires_at(der: bytes) -> float:
    """The ``notAfter`` of a certificate, in Unix seconds. Raises ``ValueError`` for bytes that are none."""
    _, certificate, _ = _element(der)
    _, to_be_signed, _ = _element(certificate)
    tag, _, rest = _element(to_be_signed)
    for _skipped in range(3 if tag == _VERSION else 2):  # [version,] serial number, algorithm, issuer
        tag, _, rest = _element(rest)
    tag, validity, _ = _element(rest)
    if tag != _SEQUENCE:
        raise ValueError("this is no X.509 certificate")
    _, _, rest = _element(validity)
    tag, not_after, _ = _element(rest)
    return _time(tag, not_after)


def _element(data: bytes) -> tuple[int, bytes, bytes]:
    """The tag and contents of the first element, and what comes behind it."""
    if len(data) < 2:
        raise ValueError("the certificate is cut short")
    length, at = data[1], 2
    if length & 0x80:
        size = length & 0x7F
        length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    if not 0 <= length <= len(data) - at:
        raise ValueError("the certificate is cut short")
    return data[0], data[at : at + length], data[at + length :]


def _time(tag: int, text: bytes) -> float:
    """RFC 5280, 4.1.2.5: two digits of a year below 50 are of this century."""
    if tag not in {_UTC_TIME, _GENERALIZED_TIME}:
        raise ValueError("this is no X.509 certificate")
    digits = text.decode("ascii", "replace")
    if tag == _UTC_TIME:
        digits = ("20" if digits[:2] < "50" else "19") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()
