"""Client certificates: what of them stands for an identity, and how that is written.

A match is one of three texts: ``sha256:`` with the fingerprint of the whole certificate, ``san:`` with one subject
alternative name (``san:dns:gpu-1.example.com``, ``san:uri:spiffe://example.com/worker``, ``san:email:ops@example.com``,
RFC 5280, section 4.2.1.6), or ``subject:`` with the whole subject as RFC 4514 writes it. Who may *issue* such
certificates is the trust store's business, not this module's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from typing import Final

from cryptography.x509 import (
    Certificate,
    DNSName,
    DuplicateExtension,
    ExtendedKeyUsage,
    ExtensionNotFound,
    InvalidVersion,
    Name,
    RFC822Name,
    SubjectAlternativeName,
    UniformResourceIdentifier,
    UnsupportedGeneralNameType,
    load_der_x509_certificate,
)
from cryptography.x509.oid import ExtendedKeyUsageOID

_FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")
_KINDS: Final = ("dns", "uri", "email")
_LONGEST: Final = 1_024


@dataclass(frozen=True, slots=True)
class CertificateView:
    """A client certificate as far as decisions and records care; nothing of it is secret."""

    fingerprint: str
    """SHA-256 of its DER, lower-case hex; ``cnf.x5t#S256`` is the same in base64url (RFC 8705, section 3.1)."""
    subject: str
    """RFC 4514, at most 256 characters."""
    matches: tuple[str, ...]
    """Every text that may stand for it, the most exact first."""
    not_before: float
    """Unix seconds."""
    not_after: float
    client_use: bool
    """Whether its extended key usage allows the authentication of clients (RFC 5280, section 4.2.1.12)."""


def read_match(text: str) -> str:
    """A match, spelled in one way. Raises ``ValueError`` with what is wrong with it."""
    kind, colon, rest = text.strip().partition(":")
    if not colon or not rest or len(text) > _LONGEST:
        raise ValueError("write sha256:FINGERPRINT, san:dns:NAME, san:uri:URI, san:email:ADDRESS or subject:CN=…")
    if kind == "sha256":
        return f"sha256:{_fingerprint(rest)}"
    if kind == "san":
        return f"san:{_alternative(rest)}"
    if kind == "subject":
        return f"subject:{_subject(rest)}"
    raise ValueError(f"a certificate is not matched by {kind[:20]!r}, but by sha256, san or subject")


def view_certificate(der: bytes) -> CertificateView:
    """What a certificate says of itself. Raises ``ValueError`` for bytes that are none, or none that can be read."""
    try:
        return _viewed(der)
    except (DuplicateExtension, InvalidVersion, UnsupportedGeneralNameType) as error:
        raise ValueError(str(error)) from None


@lru_cache(maxsize=256)
def _viewed(der: bytes) -> CertificateView:
    certificate = load_der_x509_certificate(der)
    fingerprint, subject = sha256(der).hexdigest(), certificate.subject.rfc4514_string()
    matches = [f"sha256:{fingerprint}", *_alternatives(certificate)]
    if subject:
        matches.append(f"subject:{subject}")
    return CertificateView(
        fingerprint,
        subject[:256],
        tuple(matches),
        _seconds(certificate.not_valid_before_utc),
        _seconds(certificate.not_valid_after_utc),
        _for_clients(certificate),
    )


def _fingerprint(text: str) -> str:
    digits = text.replace(":", "").replace(" ", "").lower()
    if not _FINGERPRINT.fullmatch(digits):
        raise ValueError("a fingerprint is 64 hex digits: openssl x509 -noout -fingerprint -sha256 -in FILE")
    return digits


def _alternative(text: str) -> str:
    kind, _, value = text.partition(":")
    if kind not in _KINDS or not value or not value.isascii() or not value.isprintable():
        raise ValueError("an alternative name is dns:NAME, uri:URI or email:ADDRESS")
    return f"{kind}:{value.lower() if kind == 'dns' else value}"


def _subject(text: str) -> str:
    try:
        return Name.from_rfc4514_string(text).rfc4514_string()
    except ValueError:
        raise ValueError("a subject reads CN=worker 7,O=Example (RFC 4514)") from None


def _alternatives(certificate: Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except ExtensionNotFound:
        return []
    return [
        *(f"san:dns:{name.lower()}" for name in names.get_values_for_type(DNSName)),
        *(f"san:uri:{uri}" for uri in names.get_values_for_type(UniformResourceIdentifier)),
        *(f"san:email:{address}" for address in names.get_values_for_type(RFC822Name)),
    ]


def _for_clients(certificate: Certificate) -> bool:
    try:
        usages = certificate.extensions.get_extension_for_class(ExtendedKeyUsage).value
    except ExtensionNotFound:
        return True  # an absent extension restricts nothing
    return any(
        usage in (ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE) for usage in usages
    )


def _seconds(moment: datetime) -> float:
    return moment.astimezone(UTC).timestamp()
