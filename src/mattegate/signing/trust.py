"""Whom client certificates are trusted from: authorities, what they revoked, and the chain from one to the other.

Rules of this file: the path is validated as RFC 5280, section 6 has it, by ``cryptography``; what that leaves to its
user is decided here.

1. Any certificate of the trust store ends a path, be it self-signed or not.
2. Certificates of private authorities often lack what the public web asks for (an authority key identifier, an
   alternative name), so those are not asked for. What limits an authority (``cA``, ``keyCertSign``, path length, names)
   always counts.
3. Validity and purpose of the client's own certificate are the gate's to judge, which names them. So a path is looked
   for at a moment within its validity.
4. A revocation list counts only when an authority of the store signed it. It stands for its issuer's whole population:
   delta, indirect and partial lists are refused. An issuer without any list revokes nothing; one whose list is out of
   date can no longer be believed, and neither can its certificates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.x509 import (
    AuthorityKeyIdentifier,
    BasicConstraints,
    Certificate,
    CertificateRevocationList,
    ExtendedKeyUsage,
    KeyUsage,
    Name,
    SubjectAlternativeName,
    load_der_x509_certificate,
    load_pem_x509_certificates,
    load_pem_x509_crl,
)
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from mattegate.vocabulary.proofs import CertificateFlaw

MOST_PATH: Final = 8
"""Certificates between the client's and an authority of the store."""
_REMEMBERED_S: Final = 60
"""How long a finding holds; certificates end more slowly than that."""
_LIST: Final = re.compile(rb"-----BEGIN X509 CRL-----.*?-----END X509 CRL-----", re.DOTALL)
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a certificate proves nothing."""

    flaw: CertificateFlaw
    problem: str


@dataclass(frozen=True, eq=False)
class Trust:
    """Authorities and their newest revocation lists, by the issuer's name."""

    authorities: tuple[Certificate, ...]
    revoked: dict[Name, CertificateRevocationList]

    @classmethod
    def of(cls, authorities: bytes, lists: Iterable[bytes] = ()) -> Trust:
        """Read them from PEM. Raises ``ValueError`` with what is wrong."""
        try:
            trusted = tuple(load_pem_x509_certificates(authorities))
        except ValueError:
            raise ValueError("the trust store holds no certificate in PEM, or one that cannot be read") from None
        newest: dict[Name, CertificateRevocationList] = {}
        for each in (found for pem in lists for found in _lists_in(pem)):
            _check_list(each, trusted)
            before = newest.get(each.issuer)
            if before is None or before.last_update_utc < each.last_update_utc:
                newest[each.issuer] = each
        return cls(trusted, newest)

    def objection(self, certificate: bytes, chain: Sequence[bytes], at: float) -> Objection | None:
        """What is to be said against a certificate (DER), with what was sent beside it, at ``at`` (Unix seconds)."""
        return _objection(self, certificate, tuple(chain), int(at) // _REMEMBERED_S)


def _lists_in(pem: bytes) -> list[CertificateRevocationList]:
    blocks = _LIST.findall(pem)
    if not blocks:
        raise ValueError("a file of revocation lists holds none in PEM (openssl crl -inform DER -in FILE)")
    try:
        return [load_pem_x509_crl(block) for block in blocks]
    except ValueError:
        raise ValueError("a revocation list cannot be read") from None


def _check_list(each: CertificateRevocationList, authorities: Iterable[Certificate]) -> None:
    issuer = each.issuer.rfc4514_string()
    for extension in each.extensions:
        if extension.critical:
            oid = extension.oid.dotted_string
            raise ValueError(f"the revocation list of {issuer} is not a whole one: it has the critical extension {oid}")
    if not any(_signed(each, one) for one in authorities if one.subject == each.issuer):
        raise ValueError(f"the revocation list of {issuer} is signed by nobody in the trust store")


def _signed(each: CertificateRevocationList, authority: Certificate) -> bool:
    try:
        return each.is_signature_valid(authority.public_key())  # type: ignore[arg-type]  # other kinds of keys raise
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False


@lru_cache(maxsize=1_024)
def _objection(trust: Trust, certificate: bytes, chain: tuple[bytes, ...], minute: int) -> Objection | None:
    try:
        leaf, others = load_der_x509_certificate(certificate), [load_der_x509_certificate(each) for each in chain]
        path = _path(trust, leaf, others, _within(leaf, datetime.fromtimestamp(minute * _REMEMBERED_S, UTC)))
    except ValueError as error:
        return Objection(CertificateFlaw.MALFORMED, f"it cannot be read: {error}"[:_LONGEST])
    except VerificationError as error:
        return Objection(CertificateFlaw.UNTRUSTED, _told(error))
    now = datetime.fromtimestamp(minute * _REMEMBERED_S, UTC)
    return next((found for each in path[:-1] if (found := _revocation(trust, each, now))), None)


def _within(leaf: Certificate, at: datetime) -> datetime:
    """The moment within the validity of ``leaf`` that is nearest to ``at``."""
    return min(max(at, leaf.not_valid_before_utc), leaf.not_valid_after_utc)


def _path(trust: Trust, leaf: Certificate, others: list[Certificate], at: datetime) -> list[Certificate]:
    """From ``leaf`` to an authority of the store. Raises ``VerificationError`` where there is no such path."""
    builder = (
        PolicyBuilder().store(Store(list(trust.authorities))).time(at.replace(tzinfo=None)).max_chain_depth(MOST_PATH)
    )
    verifier = builder.extension_policies(ca_policy=_AUTHORITIES, ee_policy=_CLIENTS).build_client_verifier()
    return verifier.verify(leaf, others).chain


def _revocation(trust: Trust, certificate: Certificate, now: datetime) -> Objection | None:
    known = trust.revoked.get(certificate.issuer)
    if known is None:
        return None
    entry = known.get_revoked_certificate_by_serial_number(certificate.serial_number)
    if entry is not None:
        since = entry.revocation_date_utc.isoformat()
        return Objection(CertificateFlaw.REVOKED, f"revoked by {known.issuer.rfc4514_string()} at {since}"[:_LONGEST])
    if known.next_update_utc is not None and known.next_update_utc < now:
        problem = f"the revocation list of {known.issuer.rfc4514_string()} was due to be renewed by "
        return Objection(CertificateFlaw.OUTDATED, problem[:_LONGEST] + known.next_update_utc.isoformat())
    return None


def _told(error: VerificationError) -> str:
    """The library's words without those that say nothing to anybody but its authors."""
    text = str(error).removeprefix("validation failed: ").removeprefix("candidates exhausted: ")
    if "no interior errors" in text:
        return "no authority of the trust store issued it, or what leads to one was not sent along"
    return text.partition(" (encountered processing")[0][:_LONGEST]


def _may_sign(_: Policy, __: Certificate, usage: KeyUsage | None) -> None:
    if usage is not None and not usage.key_cert_sign:
        raise ValueError("the key usage of its issuer does not let it issue certificates")


_ANY: Final = Criticality.AGNOSTIC
_AUTHORITIES: Final = (
    ExtensionPolicy.webpki_defaults_ca()
    .require_present(BasicConstraints, _ANY, None)
    .may_be_present(KeyUsage, _ANY, _may_sign)
    .may_be_present(AuthorityKeyIdentifier, _ANY, None)
)
_CLIENTS: Final = (
    ExtensionPolicy.webpki_defaults_ee()
    .may_be_present(BasicConstraints, _ANY, None)
    .may_be_present(KeyUsage, _ANY, None)
    .may_be_present(ExtendedKeyUsage, _ANY, None)
    .may_be_present(AuthorityKeyIdentifier, _ANY, None)
    .may_be_present(SubjectAlternativeName, _ANY, None)
)
