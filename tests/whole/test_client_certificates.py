"""Stories of client certificates: on our own port for TLS, and behind real proxies, with curl, nginx and Caddy."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from mattegate.config.settings import Settings
from mattegate.ledger.opening import open_accounts
from mattegate.signing.certificates import view_certificate
from mattegate.signing.trust import Trust
from tests.serving.bare import until
from tests.serving.served import read_all
from tests.signing.authority import SERVER, Issued
from tests.whole.apis import Api, serving
from tests.whole.certified import WHOAMI, House, ask, binary, bind, founded, nginx_for, through
from tests.whole.proxies import caddy, curl, free_port, nginx


@pytest.fixture
def house(tmp_path: Path) -> House:
    """Authorities, and a list that revokes nothing yet."""
    return founded(tmp_path)


@pytest.fixture
def api(house: House) -> Iterator[Api]:
    """A server with TLS that wants a certificate."""
    certificates = house.certificate_settings("required")
    with serving(house.folder / "home", server=house.server_settings(), certificates=certificates) as running:
        yield running


def refused_before_asgi(api: Api) -> list[str]:
    """The reasons of connections that ended before a request."""
    prefix = "mattegate.access "
    lines = [line for line in (api.home / "log").read_text().splitlines() if line.startswith(prefix)]
    told = [json.loads(line.removeprefix(prefix)) for line in lines]
    return [line["reason"] for line in told if line["reason"].startswith("transport.") and "method" not in line]


# --- our own port -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("match", ["sha256", "san", "uri", "subject"])
def test_a_certificate_stands_for_an_account(house: House, api: Api, match: str) -> None:
    """By its fingerprint, by a name or an address in it, by its whole subject; no key is needed then."""
    names = [x509.DNSName("GPU-1.example.com"), x509.UniformResourceIdentifier("spiffe://example.com/worker")]
    alice = house.trusted.issue("alice", alternative=names)
    texts = {
        "sha256": f"sha256:{alice.fingerprint}",
        "san": "san:dns:gpu-1.example.com",
        "uri": "san:uri:spiffe://example.com/worker",
        "subject": "subject:CN=alice",
    }
    bind(api, "alice", texts[match])
    answer = ask(house, api, shown=alice)
    assert (answer.status, answer.json["identity"]["name"]) == (200, "alice")


def test_one_that_came_through_others_counts_with_its_chain(house: House, api: Api) -> None:
    """The client sends along what leads to an authority of the store."""
    bind(api, "bob", "subject:CN=bob")
    assert ask(house, api, shown=house.below.issue("bob")).status == 200


def test_nobody_without_a_certificate_is_heard_and_is_told_why(house: House, api: Api) -> None:
    """The handshake goes through, so that there is an answer; a key does not help, a health check needs none."""
    answer = ask(house, api)
    assert (answer.status, answer.json["reason"]) == (403, "transport.client_cert_missing")
    key = api.key("carol")
    assert ask(house, api, WHOAMI, "-H", f"X-API-Key: {key}").json["reason"] == "transport.client_cert_missing"
    assert ask(house, api, "/health").status == 200


def test_a_certificate_of_no_account_is_named_to_its_holder(house: House, api: Api) -> None:
    """It was proven, so the answer is precise; with a key beside it the key's account is meant."""
    dave = house.trusted.issue("dave")
    answer = ask(house, api, shown=dave)
    assert (answer.status, answer.json["reason"]) == (403, "credential.certificate_unknown")
    key = api.key("dave")
    assert ask(house, api, WHOAMI, "-H", f"X-API-Key: {key}", shown=dave).status == 200


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("stranger", "transport.client_cert_untrusted"),
        ("expired", "transport.client_cert_expired"),
        ("young", "transport.client_cert_not_yet"),
        ("for servers", "transport.client_cert_usage"),
    ],
)
def test_a_bad_one_dies_in_the_handshake_and_the_log_says_of_what(
    house: House, api: Api, kind: str, reason: str
) -> None:
    """The client sees the connection end; the operator reads the reason."""
    shown = {
        "stranger": house.stranger.issue("eve"),
        "expired": house.trusted.issue("old", days=(-9, -1)),
        "young": house.trusted.issue("young", days=(1, 9)),
        "for servers": house.trusted.issue("web", usage=(SERVER,)),
    }[kind]
    answer = ask(house, api, shown=shown)
    assert (answer.status, bool(answer.failed)) == (0, True)
    until(lambda: refused_before_asgi(api) == [reason])


def test_a_revoked_one_is_refused_on_the_next_connection(house: House, api: Api) -> None:
    """The list is read again without a restart, and back; others are not disturbed."""
    alice, bob = house.trusted.issue("alice"), house.trusted.issue("bob")
    bind(api, "both", "subject:CN=alice", "subject:CN=bob")
    assert ask(house, api, shown=alice).status == 200
    house.lists.write_bytes(house.trusted.revocations(alice))
    until(lambda: ask(house, api, shown=alice).status == 403)
    assert ask(house, api, shown=alice).json["reason"] == "transport.client_cert_revoked"
    assert ask(house, api, shown=bob).status == 200
    house.lists.write_bytes(house.trusted.revocations())
    until(lambda: ask(house, api, shown=alice).status == 200)


def test_a_list_that_is_out_of_date_is_our_fault(house: House, api: Api) -> None:
    """503, not 403; rubbish in its place changes nothing but the log."""
    alice = house.trusted.issue("alice")
    bind(api, "alice", "subject:CN=alice")
    house.lists.write_bytes(b"rubbish")
    until(
        lambda: "the new trust store is not used" in (ask(house, api, shown=alice), (api.home / "log").read_text())[1]
    )
    assert ask(house, api, shown=alice).status == 200
    house.lists.write_bytes(house.trusted.revocations(days=(-9, -1)))
    until(lambda: ask(house, api, shown=alice).status == 503)
    answer = ask(house, api, shown=alice)
    assert answer.json["reason"] == "dependency.unavailable"
    until(lambda: api.records(0)[0].reason == "dependency.revocations")


def test_an_authority_that_is_trusted_from_now_on_needs_no_restart(house: House, api: Api) -> None:
    """Neither does one that no longer is."""
    eve, alice = house.stranger.issue("eve"), house.trusted.issue("alice")
    bind(api, "both", "subject:CN=alice", "subject:CN=eve")
    assert ask(house, api, shown=eve).status == 0
    house.lists.write_bytes(house.stranger.revocations())
    house.store.write_bytes(house.stranger.pem)
    until(lambda: ask(house, api, shown=eve).status == 200)
    assert ask(house, api, shown=alice).status == 0


def test_a_connection_that_stays_open_is_judged_by_what_is_trusted_now(house: House, api: Api) -> None:
    """A certificate that is revoked meanwhile is refused on the very next request of the same connection."""
    alice = house.below.issue("alice")
    bind(api, "alice", "subject:CN=alice")
    certificate, key = alice.write(house.folder, "lasting")
    context = ssl.create_default_context(cadata=house.trusted.pem.decode())
    context.load_cert_chain(certificate, key)
    connection = HTTPSConnection("localhost", int(api.url.rpartition(":")[2]), context=context, timeout=10)

    def status() -> int:
        connection.request("GET", WHOAMI)
        response = connection.getresponse()
        response.read()
        return response.status

    assert status() == 200
    house.store.write_bytes(house.trusted.pem + house.below.pem)
    house.lists.write_bytes(house.trusted.revocations() + house.below.revocations(alice))
    until(lambda: status() == 403)
    connection.close()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_outlives_what_it_was_trusted_on(house: House, api: Api, version: ssl.TLSVersion) -> None:
    """A client that brings an old session is asked for its certificate again, and refused if that is revoked by now."""
    alice, issuer = house.below.issue("alice"), Issued(house.below.certificate, house.below.key)
    bind(api, "alice", "subject:CN=alice")
    certificate, key = alice.write(house.folder, "resuming")
    context = ssl.create_default_context(cadata=house.trusted.pem.decode())
    context.load_cert_chain(certificate, key)
    context.minimum_version = context.maximum_version = version
    address = ("localhost", int(api.url.rpartition(":")[2]))

    def answered(session: ssl.SSLSession | None) -> tuple[str, ssl.SSLSession | None]:
        raw = socket.create_connection(address, timeout=10)
        with context.wrap_socket(raw, server_hostname="localhost", session=session) as peer:
            peer.sendall(f"GET {WHOAMI} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
            return read_all(peer).split(b" ", 2)[1].decode(), peer.session

    status, session = answered(None)
    assert (status, answered(session)[0]) == ("200", "200")
    house.lists.write_bytes(house.trusted.revocations(issuer))
    until(lambda: answered(session)[0] == "403")


def test_a_key_that_needs_its_owners_certificate_does_not_go_alone(house: House) -> None:
    """Where certificates are optional: with the account's own it passes, with another's or none it does not."""
    certificates = house.certificate_settings("optional")
    with serving(house.folder / "home", server=house.server_settings(), certificates=certificates) as api:
        bind(api, "alice", "subject:CN=alice")
        bind(api, "bob", "subject:CN=bob")
        with open_accounts(Settings(home=api.home)) as accounts:
            key = accounts.desk.create_key("alice", actor="cli:test", require=("certificate",)).text
        header = ("-H", f"X-API-Key: {key}")
        assert ask(house, api, WHOAMI, *header, shown=house.trusted.issue("alice")).status == 200
        for shown in (None, house.trusted.issue("bob"), house.trusted.issue("nobody")):
            assert ask(house, api, WHOAMI, *header, shown=shown).json["reason"] == "credential.certificate_required"


# --- behind a proxy ---------------------------------------------------------------------------------------------


@pytest.fixture
def behind(house: House) -> Iterator[Api]:
    """A server without TLS that believes a proxy on loopback, in the spelling of the standard."""
    with _behind(house, "client-cert") as running:
        yield running


def _behind(house: House, header: str, proxies: str = "127.0.0.1/32") -> Any:
    certificates = house.certificate_settings("required", header=header)
    return serving(house.folder / "home", network={"trusted_proxies": [proxies]}, certificates=certificates)


def test_nginx_passes_on_what_its_client_showed(house: House) -> None:
    """In its own spelling; without a certificate, or with a header that the client made up, nobody passes."""
    port = free_port()
    with _behind(house, "x-ssl-client-cert") as api, nginx(house.folder, port, nginx_for(house, api, port, "optional")):
        bind(api, "alice", "subject:CN=alice")
        alice = house.trusted.issue("alice")
        answer = through(house, port, shown=alice)
        assert (answer.status, answer.json["identity"]["name"]) == (200, "alice")
        forged = quote(alice.certificate.public_bytes(Encoding.PEM).decode(), safe="")
        for arguments in ((), ("-H", f"X-SSL-Client-Cert: {forged}")):
            assert through(house, port, *arguments).json["reason"] == "transport.client_cert_missing"
        house.lists.write_bytes(house.trusted.revocations(alice))
        until(lambda: through(house, port, shown=alice).status == 403)
        assert through(house, port, shown=alice).json["reason"] == "transport.client_cert_revoked"


def test_what_nginx_does_not_check_is_checked_here(house: House) -> None:
    """``optional_no_ca`` passes on what nobody issued that anybody trusts; here it proves nothing."""
    port, config = free_port(), "optional_no_ca"
    with _behind(house, "x-ssl-client-cert") as api, nginx(house.folder, port, nginx_for(house, api, port, config)):
        bind(api, "alice", "subject:CN=alice")
        answer = through(house, port, shown=house.stranger.issue("alice"))
        assert (answer.status, answer.json["reason"]) == (403, "transport.client_cert_untrusted")
        assert through(house, port, shown=house.trusted.issue("alice")).status == 200


def test_whatever_is_wrong_with_one_that_was_passed_on_has_its_own_reason(house: House, behind: Api) -> None:
    """Each in words for the caller, and on record under the id that the caller has."""
    cases = {
        "transport.client_cert_untrusted": house.stranger.issue("alice"),
        "transport.client_cert_expired": house.trusted.issue("alice", days=(-9, -1)),
        "transport.client_cert_not_yet": house.trusted.issue("alice", days=(1, 9)),
        "transport.client_cert_usage": house.trusted.issue("alice", usage=(SERVER,)),
    }
    bind(behind, "alice", "subject:CN=alice")
    for reason, shown in cases.items():
        answer = curl("-H", f"Client-Cert: {binary(shown)}", behind.url + WHOAMI)
        assert (answer.status, answer.json["reason"]) == (403, reason)
        record = next(each for each in behind.records(0) if each.request_id == answer.json["request_id"])
        assert record.reason == reason
    assert curl("-H", f"Client-Cert: {binary(house.trusted.issue('alice'))}", behind.url + WHOAMI).status == 200


_CADDY = """
https://localhost:{port} {{
	bind 127.0.0.1
	tls {certificate} {key} {{
		client_auth {{
			mode request
		}}
	}}
	reverse_proxy {upstream} {{
		header_up -Client-Cert-Chain
		header_up Client-Cert ":{{http.request.tls.client.certificate_der_base64}}:"
	}}
}}
"""


def test_caddy_passes_on_what_its_client_showed_by_the_standard(house: House, behind: Api) -> None:
    """``Client-Cert`` of RFC 9440, which a client cannot make up."""
    port = free_port()
    certificate, key = house.trusted.server().write(house.folder, "caddy")
    text = _CADDY.format(port=port, certificate=certificate, key=key, upstream=behind.url.removeprefix("http://"))
    with caddy(house.folder, port, text):
        bind(behind, "alice", "subject:CN=alice")
        alice = house.trusted.issue("alice")
        answer = through(house, port, shown=alice)
        assert (answer.status, answer.json["identity"]["name"]) == (200, "alice")
        shown = through(house, port, shown=house.stranger.issue("alice"))
        assert shown.json["reason"] == "transport.client_cert_untrusted"
        without = through(house, port, "-H", f"Client-Cert: {binary(alice)}")
        assert without.status in {400, 403}  # an empty byte sequence is what Caddy makes of no certificate
        assert without.json["reason"] in {"transport.client_cert_malformed", "transport.client_cert_missing"}


def test_headers_of_a_peer_that_is_no_proxy_are_nothing(house: House) -> None:
    """The same header that would open everything through a declared proxy is not even read from anybody else."""
    alice = house.trusted.issue("alice")
    with _behind(house, "client-cert", "10.9.8.7/32") as api:
        bind(api, "alice", "subject:CN=alice")
        answer = curl("-H", f"Client-Cert: {binary(alice)}", api.url + WHOAMI)
        assert (answer.status, answer.json["reason"]) == (403, "transport.client_cert_missing")
        assert api.records(0)[0].attempt.certificate is None


def test_a_declared_proxy_that_sends_rubbish_is_told_so(house: House, behind: Api) -> None:
    """With what is wrong, in the answer and on record."""
    for value, problem in {"rubbish": "byte sequence", ":AAAA:": "cannot be read", '"x"': "byte sequence"}.items():
        answer = curl("-H", f"Client-Cert: {value}", behind.url + WHOAMI)
        assert (answer.status, answer.json["reason"]) == (400, "transport.client_cert_malformed")
        assert problem in answer.json["detail"] or "error" in answer.json["detail"]


def test_a_proxy_passes_the_chain_on_too(house: House, behind: Api) -> None:
    """``Client-Cert-Chain``: without it the path to the authority is not found."""
    bind(behind, "bob", "subject:CN=bob")
    bob = house.below.issue("bob")
    chain = ", ".join(binary(Issued(each, bob.key)) for each in bob.chain)
    alone = curl("-H", f"Client-Cert: {binary(bob)}", behind.url + WHOAMI)
    assert alone.json["reason"] == "transport.client_cert_untrusted"
    whole = curl("-H", f"Client-Cert: {binary(bob)}", "-H", f"Client-Cert-Chain: {chain}", behind.url + WHOAMI)
    assert whole.status == 200


# --- the guide --------------------------------------------------------------------------------------------------


def test_the_guides_authority_works(tmp_path: Path) -> None:
    """Its lines, pasted into a shell, make a store, a list and a certificate that the gate takes."""
    guide = (Path(__file__).parents[2] / "docs" / "guide" / "client-certificates.md").read_text()
    block = guide.partition("```sh\n")[2].partition("```")[0]
    assert "openssl ca" in block
    subprocess.run(["bash", "-euc", block], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    trust = Trust.of((tmp_path / "clients-ca.pem").read_bytes(), [(tmp_path / "clients-crl.pem").read_bytes()])
    der = ssl.PEM_cert_to_DER_cert((tmp_path / "gpu-1.pem").read_text())
    view = view_certificate(der)
    assert (view.client_use, "san:dns:gpu-1.example.com" in view.matches) == (True, True)
    assert trust.objection(der, (), view.not_before + 1) is None
