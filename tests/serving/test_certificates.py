"""Stories of certificates as requests bring them: whose headers count, what an application sees, what is on record."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from cryptography import x509

from mattegate.gate.rules import Rules
from mattegate.serving.proving.certificates import CertificateReader
from mattegate.serving.reading import Reading, read_attempt
from mattegate.serving.routes import WHOAMI, Match
from mattegate.serving.tls import CHAIN_KEY
from mattegate.signing.trust import Trust
from mattegate.vocabulary.proofs import CertificateFlaw
from mattegate.vocabulary.rulebook import CertificateRules, NetworkRules, Rulebook
from tests.signing.authority import Authority, Issued

ROOT = Authority("root")
ALICE = ROOT.issue("alice", alternative=[x509.DNSName("alice.example.com")])
PROXY = ROOT.issue("the proxy itself")
TRUST = Trust.of(ROOT.pem)
PROXIES = NetworkRules(trusted_proxies=("10.0.0.1",))


def _field(issued: Issued) -> bytes:
    return b":" + base64.b64encode(issued.der) + b":"


def _scope(peer: str, *shown: Issued, **headers: bytes) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "scheme": "https", "headers": pairs}
    return scope | {"client": (peer, 1)} | ({CHAIN_KEY: tuple(each.der for each in shown)} if shown else {})


def _read(scope: dict[str, Any], mode: str = "optional", header: str = "client-cert") -> Reading:
    rules = Rules.of(Rulebook(certificate=CertificateRules(mode, header), network=PROXIES))
    match, at = Match(WHOAMI, {}), time.time()
    reading = read_attempt(scope, match, rules.rulebook.credential, request_id="req_1", at=at)
    return CertificateReader(lambda: TRUST).read(reading, scope, rules)


def test_a_handshake_shows_a_certificate() -> None:
    """What is kept of it holds no secret; the bytes stay with what is never recorded."""
    reading = _read(_scope("203.0.113.9", ALICE))
    shown = reading.attempt.certificate
    assert shown is not None
    assert (shown.subject, shown.fingerprint, shown.by_proxy, shown.flaw) == ("CN=alice", ALICE.fingerprint, False, "")
    assert shown.matches == (f"sha256:{ALICE.fingerprint}", "san:dns:alice.example.com", "subject:CN=alice")
    assert reading.evidence.certificate == ALICE.der


def test_what_a_declared_proxy_passes_on_is_its_clients_and_not_its_own() -> None:
    """Its own certificate never stands for a client, also where it passes none on."""
    reading = _read(_scope("10.0.0.1", PROXY, client_cert=_field(ALICE)))
    assert reading.attempt.certificate is not None
    assert (reading.attempt.certificate.subject, reading.attempt.certificate.by_proxy) == ("CN=alice", True)
    assert _read(_scope("10.0.0.1", PROXY)).attempt.certificate is None
    own = _read(_scope("10.0.0.1", PROXY), header="").attempt.certificate
    assert own is not None
    assert own.subject == "CN=the proxy itself"


@pytest.mark.parametrize("peer", ["203.0.113.9", "127.0.0.1", ""])
def test_nobody_else_passes_anything_on(peer: str) -> None:
    """Neither the gate nor an application behind it sees what somebody else wrote."""
    scope = _scope(
        peer, client_cert=_field(ALICE), client_cert_chain=_field(ALICE), x_ssl_client_cert=b"x", x_other=b"y"
    )
    assert _read(scope).attempt.certificate is None
    assert scope["headers"] == [(b"x-other", b"y")]


def test_of_a_declared_proxy_only_the_field_that_was_agreed_on_is_passed_to_an_application() -> None:
    """The other spelling would come from its client."""
    scope = _scope("10.0.0.1", client_cert=_field(ALICE), x_ssl_client_cert=b"forged")
    _read(scope)
    assert [name for name, _ in scope["headers"]] == [b"client-cert"]


def test_where_nobody_is_asked_nothing_is_touched() -> None:
    """An application of its own may make of such headers what it wants."""
    scope = _scope("203.0.113.9", ALICE, client_cert=b"x")
    assert _read(scope, mode="off").attempt.certificate is None
    assert len(scope["headers"]) == 1


@pytest.mark.parametrize("value", [b"rubbish", b":AAAA:", b'"x"', b":" + base64.b64encode(ALICE.der[:-9]) + b":"])
def test_what_is_no_certificate_is_a_flaw_with_a_sentence(value: bytes) -> None:
    """Never an error, and no proof."""
    reading = _read(_scope("10.0.0.1", client_cert=value))
    shown = reading.attempt.certificate
    assert shown is not None
    assert (shown.flaw, bool(shown.problem), shown.matches) == (CertificateFlaw.MALFORMED, True, ())
    assert reading.evidence.certificate == b""


def test_a_stranger_is_shown_and_proves_nothing() -> None:
    """The operator reads who it was."""
    shown = _read(_scope("203.0.113.9", Authority("stranger").issue("eve"))).attempt.certificate
    assert shown is not None
    assert (shown.flaw, shown.subject) == (CertificateFlaw.UNTRUSTED, "CN=eve")
