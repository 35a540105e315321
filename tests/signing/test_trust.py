"""Stories of trust: which paths lead to an authority, what a revocation list does, and what it must not be."""

from __future__ import annotations

import time

import pytest
from cryptography import x509

from mattegate.signing.trust import Trust
from mattegate.vocabulary.proofs import CertificateFlaw
from tests.signing.authority import SERVER, Authority, Issued

ROOT = Authority("root")
BELOW = Authority("below", issuer=ROOT)
STRANGER = Authority("stranger")


def _flaw(trust: Trust, shown: Issued, at: float | None = None) -> CertificateFlaw:
    found = trust.objection(shown.der, shown.chain_der, time.time() if at is None else at)
    return found.flaw if found else CertificateFlaw.NONE


@pytest.mark.parametrize(
    ("shown", "flaw"),
    [
        (ROOT.issue("alice"), CertificateFlaw.NONE),
        (ROOT.issue(""), CertificateFlaw.NONE),
        (BELOW.issue("bob"), CertificateFlaw.NONE),
        (ROOT.issue("a server", usage=(SERVER,)), CertificateFlaw.NONE),  # the gate names that one
        (ROOT.issue("old", days=(-9, -2)), CertificateFlaw.NONE),  # and that one
        (ROOT.issue("young", days=(2, 9)), CertificateFlaw.NONE),
        (STRANGER.issue("mallory"), CertificateFlaw.UNTRUSTED),
        (Authority("root").issue("a namesake's"), CertificateFlaw.UNTRUSTED),
        (Issued(BELOW.issue("alone").certificate, BELOW.key), CertificateFlaw.UNTRUSTED),
    ],
    ids=lambda value: value.certificate.subject.rfc4514_string() if isinstance(value, Issued) else str(value),
)
def test_a_path_to_an_authority_of_the_store_is_needed(shown: Issued, flaw: CertificateFlaw) -> None:
    """Through others that were sent along, too; validity and purpose of the certificate itself are named elsewhere."""
    assert _flaw(Trust.of(ROOT.pem), shown) is flaw


def _usage(*, signs: bool) -> x509.KeyUsage:
    flags = dict.fromkeys(("content_commitment", "key_encipherment", "data_encipherment", "key_agreement"), False)
    return x509.KeyUsage(
        digital_signature=True, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False, **flags
    )


_OUTSIDE = x509.NameConstraints([x509.DNSName("example.com")], None)


@pytest.mark.parametrize(
    "issuer",
    [
        Authority("no authority", issuer=ROOT, constraints=x509.BasicConstraints(ca=False, path_length=None)),
        Authority("no issuer", issuer=ROOT, more=((_usage(signs=False), True),)),
        Authority(
            "too deep",
            issuer=Authority("last", issuer=ROOT, constraints=x509.BasicConstraints(ca=True, path_length=0)),
        ),
        Authority("elsewhere", issuer=ROOT, more=((_OUTSIDE, True),)),
    ],
    ids=lambda authority: authority.name,
)
def test_whoever_may_not_issue_does_not(issuer: Authority) -> None:
    """Whoever holds a certificate cannot make others, nor more than the authority above allowed."""
    shown = issuer.issue("forged", alternative=[x509.DNSName("evil.test")])
    assert _flaw(Trust.of(ROOT.pem), shown) is CertificateFlaw.UNTRUSTED


def test_an_authority_may_be_trusted_without_the_one_above_it() -> None:
    """Whom the operator put into the store needs nobody else."""
    shown = BELOW.issue("carol")
    assert _flaw(Trust.of(BELOW.pem), Issued(shown.certificate, shown.key)) is CertificateFlaw.NONE
    assert _flaw(Trust.of(BELOW.pem), ROOT.issue("dave")) is CertificateFlaw.UNTRUSTED


def test_an_extension_that_nobody_understands_and_must_not_be_ignored_is_not_ignored() -> None:
    """RFC 5280, section 4.2."""
    strange = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
    assert _flaw(Trust.of(ROOT.pem), ROOT.issue("odd", more=((strange, True),))) is CertificateFlaw.UNTRUSTED
    assert _flaw(Trust.of(ROOT.pem), ROOT.issue("fine", more=((strange, False),))) is CertificateFlaw.NONE


def test_bytes_that_are_no_certificate_are_malformed() -> None:
    """Never an error."""
    trust = Trust.of(ROOT.pem)
    for damaged in (b"", b"abc", ROOT.issue("cut").der[:-5]):
        found = trust.objection(damaged, (), time.time())
        assert found is not None
        assert found.flaw is CertificateFlaw.MALFORMED


def test_a_revoked_certificate_and_whatever_a_revoked_authority_issued_are_refused() -> None:
    """Everybody else's are not, and an authority without a list revokes nothing."""
    alice, bob, carol = ROOT.issue("alice"), ROOT.issue("bob"), BELOW.issue("carol")
    trust = Trust.of(ROOT.pem + STRANGER.pem, [ROOT.revocations(alice)])
    assert _flaw(trust, alice) is CertificateFlaw.REVOKED
    assert [_flaw(trust, each) for each in (bob, carol, STRANGER.issue("eve"))] == [CertificateFlaw.NONE] * 3
    fallen = Issued(BELOW.certificate, BELOW.key)
    assert _flaw(Trust.of(ROOT.pem, [ROOT.revocations(fallen)]), carol) is CertificateFlaw.REVOKED


def test_a_list_that_is_out_of_date_is_no_longer_believed() -> None:
    """Nobody knows who was revoked since, so nobody of that authority passes; who is in it stays revoked."""
    alice, bob = ROOT.issue("alice"), ROOT.issue("bob")
    trust = Trust.of(ROOT.pem + STRANGER.pem, [ROOT.revocations(alice, days=(-9, -1))])
    assert _flaw(trust, bob) is CertificateFlaw.OUTDATED
    assert _flaw(trust, alice) is CertificateFlaw.REVOKED
    assert _flaw(trust, STRANGER.issue("eve")) is CertificateFlaw.NONE


def test_of_two_lists_the_newer_one_counts() -> None:
    """Whatever the order in which they are named."""
    alice = ROOT.issue("alice")
    old, new = ROOT.revocations(days=(-9, -1)), ROOT.revocations(alice)
    for lists in ([old, new], [new, old], [old + new]):
        assert _flaw(Trust.of(ROOT.pem, lists), alice) is CertificateFlaw.REVOKED


_PARTIAL = x509.IssuingDistributionPoint(None, None, True, False, None, False, False)


@pytest.mark.parametrize(
    ("authorities", "lists", "problem"),
    [
        (b"", [], "no certificate in PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", [], "cannot be read"),
        (ROOT.pem, [b"rubbish"], "holds none in PEM"),
        (ROOT.pem, [b"-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"], "cannot be read"),
        (ROOT.pem, [STRANGER.revocations()], "signed by nobody in the trust store"),
        (ROOT.pem, [Authority("root").revocations()], "signed by nobody in the trust store"),
        (ROOT.pem, [ROOT.revocations(more=((_PARTIAL, True),))], "not a whole one"),
        (ROOT.pem, [ROOT.revocations(more=((x509.DeltaCRLIndicator(1), True),))], "not a whole one"),
    ],
)
def test_what_cannot_be_believed_is_not_taken(authorities: bytes, lists: list[bytes], problem: str) -> None:
    """With a sentence about what is wrong."""
    with pytest.raises(ValueError, match=problem):
        Trust.of(authorities, lists)
