"""Stories of handshakes with a real nginx and certificates by OpenSSL: what is wrong, and what is not."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace
from pathlib import Path

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.probe.arrival import _withhold, run_of
from mattegate.doctor.probe.certificate import BadCertificate, parse_certificate
from mattegate.doctor.probe.dns import Address
from mattegate.doctor.probe.plan import ProbePlan, ProbeResult, probe
from mattegate.doctor.probe.sending import Notes
from mattegate.doctor.probe.target import BadTarget
from mattegate.doctor.probe.tls import ClientCertificate
from tests.doctor.probe.houses import KEY, QUICK, Papers, app, door, free_port, nginx


def run(url: str, certificates: Papers, **more: object) -> ProbeResult:
    """A short run: handshake and the request as given."""
    plan = ProbePlan(url, axes=frozenset(), limits=QUICK, ca=certificates.ca, **more)  # type: ignore[arg-type]
    return probe(plan, lambda _: None)


def causes(result: ProbeResult) -> dict[str, Clue]:
    """The clues by their cause."""
    return {clue.cause: clue for clue in result.clues}


def tls_server(port: int, lines: str) -> str:
    """One encrypted server block that answers 200."""
    return f"server {{ listen 127.0.0.1:{port} ssl; {lines} location / {{ return 200 'fine'; }} }}"


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("selfsigned", "tls.self_signed"),
        ("expired", "tls.expired"),
        ("other", "tls.name_mismatch"),
    ],
)
def test_a_bad_certificate_is_named_and_what_lies_behind_is_still_seen(
    name: str, cause: str, certificates: Papers, tmp_path: Path
) -> None:
    """The finding is proven, and the HTTP layer is examined all the same."""
    port = free_port()
    with nginx(tmp_path, tls_server(port, certificates.lines(name))):
        result = run(f"https://localhost:{port}/", certificates)
    clue = causes(result)[cause]
    assert clue.certainty is Certainty.PROVEN
    assert clue.facts["names"] == ("other.example, www.other.example" if name == "other" else "localhost")
    assert [seen.status for seen in result.observations] == [200]
    assert result.observations[0].fields["tls_verified"] == "no"


def test_a_private_authority_is_unknown_until_it_is_given(certificates: Papers, tmp_path: Path) -> None:
    """Without its certificate the chain leads nowhere, with it all is well and nothing is said."""
    port = free_port()
    with nginx(tmp_path, tls_server(port, certificates.lines("server"))):
        plan = ProbePlan(f"https://localhost:{port}/", axes=frozenset(), limits=QUICK)
        unknown = probe(plan, lambda _: None)
        known = run(f"https://localhost:{port}/", certificates)
        by_address = run(f"https://127.0.0.1:{port}/", certificates)
    assert set(causes(unknown)) == {"tls.untrusted_chain"}
    assert not known.clues
    assert not by_address.clues
    assert known.observations[0].fields["tls_verified"] == "yes"
    assert any("it speaks TLSv1.2" in line for line in known.checked)


def test_a_certificate_that_is_asked_for_and_missing_explains_the_refusal(certificates: Papers, tmp_path: Path) -> None:
    """nginx asks in the handshake and refuses in HTTP; with the certificate all is well."""
    port = free_port()
    block = f"{certificates.lines('server')} ssl_client_certificate {certificates.ca}; ssl_verify_client on;"
    shown = ClientCertificate(*certificates.pair("client"))
    with nginx(tmp_path, tls_server(port, block)):
        without = run(f"https://localhost:{port}/", certificates)
        shown_one = run(f"https://localhost:{port}/", certificates, client_certificate=shown)
    clue = causes(without)["client_cert.required"]
    assert (clue.certainty, clue.status) == (Certainty.LIKELY, 400)
    assert [seen.status for seen in shown_one.observations] == [200]
    assert not shown_one.clues


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_server_that_insists_on_a_certificate_breaks_off(version: ssl.TLSVersion, certificates: Papers) -> None:
    """TLS 1.2 fails in the handshake, TLS 1.3 only after it: with the alert that says so, or a mere failure."""
    base = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    base.load_cert_chain(*certificates.pair("server"))
    base.load_verify_locations(certificates.ca)
    base.verify_mode = ssl.CERT_REQUIRED
    base.maximum_version = base.minimum_version = version
    with app(tls=base) as running:
        result = run(f"https://localhost:{running.port}/", certificates)
    found = set(causes(result))
    expected = {
        ssl.TLSVersion.TLSv1_2: "tls.handshake_refused",
        ssl.TLSVersion.TLSv1_3: "client_cert.required",
    }
    assert expected[version] in found


def test_a_name_that_is_not_served_is_told(certificates: Papers, tmp_path: Path) -> None:
    """nginx rejects the handshake by its name."""
    port = free_port()
    with nginx(tmp_path, f"server {{ listen 127.0.0.1:{port} ssl; ssl_reject_handshake on; }}"):
        result = run(f"https://localhost:{port}/", certificates)
    assert set(causes(result)) == {"tls.name_not_served"}
    assert "HTTP: it was not reached" in result.not_checked


def test_plain_http_on_a_tls_port_and_the_reverse(certificates: Papers, tmp_path: Path) -> None:
    """Both are proven by what the port answers to the other one."""
    port = free_port()
    with nginx(tmp_path, tls_server(port, certificates.lines("server"))):
        plain = run(f"http://localhost:{port}/", certificates)
    assert causes(plain)["tls.plain_http_on_tls_port"].certainty is Certainty.PROVEN
    with app() as running:
        encrypted = run(f"https://localhost:{running.port}/", certificates, headers=(("X-API-Key", KEY),))
    assert causes(encrypted)["transport.tls_to_plain"].certainty is Certainty.PROVEN
    assert all("X-API-Key" not in dict(headers) for _, _, headers in running.seen)


def test_a_secret_is_kept_from_whom_the_certificate_does_not_prove() -> None:
    """Beyond this machine an unproven server gets the request without the credential; here it may have it."""
    run = run_of(ProbePlan("https://api.example.com/", headers=(("X-API-Key", KEY),)), Notes(lambda _: None))
    local = door(443, verify=False)
    _withhold(run, local)
    assert run.scene.ask.header("x-api-key") == KEY
    _withhold(run, replace(local, address=Address("192.0.2.7", socket.AF_INET)))
    assert run.scene.ask.header("x-api-key") is None
    assert run.notes.not_checked


def test_certificates_that_cannot_be_loaded_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    """With a sentence, not in the middle of a run."""
    with pytest.raises(BadTarget, match="cannot be loaded"):
        run_of(ProbePlan("https://localhost/", ca=tmp_path / "missing.pem"), Notes(lambda _: None))


@pytest.mark.parametrize("der", [b"", b"0", b"\x30\x80", b"\x30\x03\x30\x01\x02", bytes(range(256)) * 4])
def test_a_broken_certificate_is_unreadable(der: bytes) -> None:
    """It says so, and nothing else happens."""
    with pytest.raises(BadCertificate):
        parse_certificate(der)


def test_the_facts_of_a_certificate(certificates: Papers) -> None:
    """Names, addresses and dates, as OpenSSL wrote them."""
    server = parse_certificate(ssl.PEM_cert_to_DER_cert(certificates.pair("server")[0].read_text()))
    authority = parse_certificate(ssl.PEM_cert_to_DER_cert(certificates.ca.read_text()))
    assert server.names == ("localhost", "127.0.0.1")
    assert authority.names == ("CA",)
    assert 29 <= (server.not_after - server.not_before).days <= 30
