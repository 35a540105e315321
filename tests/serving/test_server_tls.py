"""Stories of TLS on our own port: what is spoken, who is turned away, and how a certificate is renewed."""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.load import ConfigurationError
from mattegate.config.settings import ServerSettings
from mattegate.serving.tls import TlsKeeper, validity_of
from tests.serving.bare import MIRROR, BareServer, Pair, bare_server, make_pair, until
from tests.serving.served import problem_in, read_all

CLOSE = MIRROR.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pair, Pair]:
    """Two certificates of the same name."""
    folder = tmp_path_factory.mktemp("pairs")
    return make_pair(folder, "first"), make_pair(folder, "second", days=60)


@pytest.fixture
def pair(pairs: tuple[Pair, Pair], tmp_path: Path) -> Pair:
    """The first one, where a test may replace it."""
    mine = Pair(tmp_path / "server.crt", tmp_path / "server.key")
    shutil.copy(pairs[0].certificate, mine.certificate)
    shutil.copy(pairs[0].key, mine.key)
    return mine


@pytest.fixture
def server(pair: Pair, tmp_path: Path) -> Iterator[BareServer]:
    """A server with that certificate."""
    with bare_server(tmp_path, server=_files(pair)) as running:
        yield running


def _files(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"tls_certificate": pair.certificate, "tls_key": pair.key, **more}


def _trusting(*pairs: Pair) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for pair in pairs:
        context.load_verify_locations(pair.certificate)
    return context


def _encrypted(server: BareServer, context: ssl.SSLContext, name: str = "localhost") -> ssl.SSLSocket:
    return context.wrap_socket(server.connect(), server_hostname=name)


def _ask(peer: ssl.SSLSocket, request: bytes = CLOSE) -> dict[str, Any]:
    peer.sendall(request)
    answer = read_all(peer)
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    return problem_in(answer)


def _shown(server: BareServer) -> str:
    """The fingerprint of the certificate that a new connection gets."""
    context = ssl._create_unverified_context()
    with _encrypted(server, context) as peer:
        return hashlib.sha256(peer.getpeercert(binary_form=True) or b"").hexdigest()


def _fingerprint(pair: Pair) -> str:
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pair.certificate.read_text())).hexdigest()


# --- what is spoken -----------------------------------------------------------------------------------------


def test_a_client_that_trusts_the_certificate_is_served_over_https(server: BareServer, pair: Pair) -> None:
    """The application learns the scheme, the version, the protocol and the name that was asked for."""
    context = _trusting(pair)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with _encrypted(server, context) as peer:
        assert peer.selected_alpn_protocol() == "http/1.1"
        told = _ask(peer)
    assert server.url.startswith("https://")
    assert told["scheme"] == "https"
    assert told["tls"] == {
        "version": "TLSv1.3",
        "cipher": told["tls"]["cipher"],
        "protocol": "http/1.1",
        "name": "localhost",
    }


def test_a_client_that_names_no_server_is_served_too(server: BareServer) -> None:
    """Clients that call by address send no name (RFC 6066, section 3)."""
    context = ssl._create_unverified_context()
    with context.wrap_socket(server.connect()) as peer:
        assert _ask(peer)["tls"]["name"] == ""


def test_curl_speaks_to_it(server: BareServer, pair: Pair) -> None:
    """With the certificate given, and without any flag that switches checking off."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not installed")
    line = [curl, "-sS", "--fail", "--cacert", str(pair.certificate), f"https://localhost:{server.port}/mirror"]
    line += ["--resolve", f"localhost:{server.port}:127.0.0.1", "--noproxy", "*"]
    ended = subprocess.run(line, capture_output=True, timeout=20, check=False)
    assert ended.returncode == 0, ended.stderr
    assert b'"https"' in ended.stdout


@pytest.mark.parametrize("ciphers", ["ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"])
def test_tls_1_2_is_spoken_with_good_ciphers(server: BareServer, pair: Pair, ciphers: str) -> None:
    """Forward secrecy and authenticated encryption (RFC 9325, section 4.2)."""
    context = _trusting(pair)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(ciphers)
    with _encrypted(server, context) as peer:
        told = _ask(peer)["tls"]
    assert (told["version"], told["cipher"]) == ("TLSv1.2", ciphers)


@pytest.mark.parametrize(
    ("highest", "ciphers"),
    [(ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"), (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0")],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_versions_and_weak_ciphers_are_turned_away(server: BareServer, highest: Any, ciphers: str) -> None:
    """The handshake ends, is counted under its own reason, and the log says what was wrong."""
    context = ssl._create_unverified_context()
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = highest
    context.set_ciphers(ciphers)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        _encrypted(server, context)
    until(lambda: server.refusals() == ["transport.handshake"])
    assert server.says("access denied")


def test_a_client_that_does_not_trust_us_is_named_in_the_log(server: BareServer) -> None:
    """The operator reads that the caller knows no such authority, instead of nothing at all."""
    with pytest.raises(ssl.SSLCertVerificationError):
        _encrypted(server, ssl.create_default_context())
    until(lambda: server.refusals() == ["transport.handshake"])
    assert server.says("unknown ca")


# --- who is turned away -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sent",
    [
        MIRROR,
        b"POST /remove HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + bytes(500_000),
        b"GET /mirror HTTP/1.0\r\n\r\n",
        b"NONSENSE\r\n\r\n",
    ],
    ids=["get", "with a body", "1.0", "garbage"],
)  # fmt: skip
def test_plain_http_on_the_port_for_tls_is_told_so(server: BareServer, sent: bytes) -> None:
    """The answer is readable HTTP, so that nobody searches for the cause of a reset; the application sees nothing."""
    answer = server.talk(sent)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert problem_in(answer)["reason"] == "transport.plain_http"
    assert "https://" in problem_in(answer)["remedy"]
    assert server.refusals() == ["transport.plain_http"]


def test_noise_is_no_handshake(server: BareServer) -> None:
    """Bytes of neither protocol end the connection, counted and logged."""
    server.talk(b"\x16\x03\x01\x00\x05hello" + bytes(64))
    server.talk(b"\x80" + bytes(64))
    until(lambda: server.refusals() == ["transport.handshake"] * 2)


def test_a_caller_who_says_nothing_is_no_refusal(server: BareServer, pair: Pair) -> None:
    """Load balancers knock on the port and leave; the count of who is here goes back."""
    for _ in range(5):
        server.connect().close()
    with _encrypted(server, _trusting(pair)) as peer:
        told = _ask(peer)
    assert (told["refused"], told["open"]) == ({}, 1)


def test_a_handshake_that_never_ends_is_cut(pair: Pair, tmp_path: Path) -> None:
    """One that begins and falls silent, and one that does not even begin, both after the time of a head."""
    with bare_server(tmp_path, server=_files(pair, head_s=0.4)) as server:
        assert server.talk(b"\x16\x03\x01\x02\x00\x01") == b""
        assert server.talk(b"") == b""
        until(lambda: server.refusals() == ["transport.handshake"])
        assert server.says("did not finish within 0.4 s")
        with _encrypted(server, _trusting(pair)) as peer:
            assert _ask(peer)["open"] == 1


def test_a_head_that_never_ends_is_cut_under_tls_too(pair: Pair, tmp_path: Path) -> None:
    """The limits of the connection hold behind the handshake as well."""
    with bare_server(tmp_path, server=_files(pair, head_s=0.4)) as server:
        with _encrypted(server, _trusting(pair)) as peer:
            peer.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            assert problem_in(read_all(peer))["reason"] == "request.head_timeout"
        assert server.refusals() == ["request.head_timeout"]


def test_a_server_with_handshakes_in_hand_stops_at_once(server: BareServer) -> None:
    """Whoever hangs in a handshake does not keep the process from its end."""
    with closing(server.connect()) as peer:
        peer.sendall(b"\x16\x03\x01\x02\x00\x01")
        time.sleep(0.2)
        server.process.terminate()
        assert server.process.wait(8) == 0


# --- how a certificate is renewed ---------------------------------------------------------------------------


def test_a_new_certificate_is_shown_without_a_restart(server: BareServer, pair: Pair, pairs: tuple[Pair, Pair]) -> None:
    """New connections get the new one, and one that was open before goes on."""
    first, second = pairs
    with _encrypted(server, _trusting(first)) as lasting:
        lasting.sendall(MIRROR)
        answer = bytearray()
        while not answer.endswith(b"}"):
            answer += lasting.recv(65_536)
        pair.replace_by(second)
        until(lambda: _shown(server) == _fingerprint(second))
        assert _ask(lasting)["certificate"][0] == _fingerprint(second)


def test_a_broken_pair_changes_nothing_but_the_log(server: BareServer, pair: Pair, pairs: tuple[Pair, Pair]) -> None:
    """A key that does not belong, then rubbish, then nothing: the old one goes on; a good pair heals it."""
    first, second = pairs
    shutil.copy(second.key, pair.key)
    until(lambda: server.says(f"the key {pair.key} does not belong to the certificate {pair.certificate}"))
    pair.certificate.write_text("rubbish")
    until(lambda: server.says("cannot be read as PEM"))
    pair.certificate.unlink()
    until(lambda: server.says("No such file"))
    assert _shown(server) == _fingerprint(first)
    with _encrypted(server, _trusting(first)) as peer:
        assert "No such file" in _ask(peer)["certificate"][2]
    pair.replace_by(second)
    until(lambda: _shown(server) == _fingerprint(second))
    with _encrypted(server, _trusting(second)) as peer:
        assert _ask(peer)["certificate"][2] == ""


def test_a_renewal_behind_a_symbolic_link_is_seen(pairs: tuple[Pair, Pair], tmp_path: Path) -> None:
    """Mounted secrets are swapped by turning one link; the names of the files never change."""
    for name, each in zip(("one", "two"), pairs, strict=True):
        (tmp_path / name).mkdir()
        shutil.copy(each.certificate, tmp_path / name / "tls.crt")
        shutil.copy(each.key, tmp_path / name / "tls.key")
    link, turned = tmp_path / "now", tmp_path / "turned"
    link.symlink_to("one")
    keeper = TlsKeeper(link / "tls.crt", link / "tls.key")
    assert not keeper.refresh()
    turned.symlink_to("two")
    turned.replace(link)
    assert keeper.refresh()
    assert keeper.status().fingerprint == _fingerprint(pairs[1])


def test_the_status_tells_when_the_certificate_expires(pair: Pair) -> None:
    """It is what the openssl program says."""
    status = TlsKeeper(pair.certificate, pair.key).status()
    told = subprocess.run(
        ["openssl", "x509", "-in", pair.certificate, "-noout", "-enddate"], capture_output=True, text=True, check=True
    ).stdout
    end = datetime.strptime(told.strip().removeprefix("notAfter="), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=UTC)
    assert status.not_after == end.timestamp()
    assert 29 < status.days_left(time.time()) <= 30


def test_a_certificate_near_its_end_is_told_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Two weeks before, the log warns."""
    soon = make_pair(tmp_path, "soon", days=3)
    with caplog.at_level(logging.INFO, logger="mattegate.tls"):
        TlsKeeper(soon.certificate, soon.key)
    assert re.search(r"expires on \d{4}-\d\d-\d\d, in [23] days", caplog.text)


def test_a_key_that_everybody_can_read_is_told(pair: Pair, caplog: pytest.LogCaptureFixture) -> None:
    """It is used, since containers mount secrets so, but the log says how to close it."""
    for mode, told in ((0o640, False), (0o644, True)):
        pair.key.chmod(mode)
        TlsKeeper(pair.certificate, pair.key)
        assert ("every user of this machine" in caplog.text) is told


@pytest.mark.parametrize(
    ("certificate", "key", "setting", "problem"),
    [
        ("server.crt", None, "server.tls_key", "is missing"),
        (None, "server.key", "server.tls_certificate", "is missing"),
        ("none.crt", "server.key", "server.tls_certificate", "No such file"),
        ("server.key", "server.key", "server.tls_certificate", "cannot be read as PEM"),
        ("server.crt", "other.key", "server.tls_certificate", "does not belong"),
        ("locked.crt", "locked.key", "server.tls_certificate", "pass phrase"),
    ],
)
def test_files_that_cannot_be_used_end_the_start(
    pair: Pair, pairs: tuple[Pair, Pair], certificate: str | None, key: str | None, setting: str, problem: str
) -> None:
    """Each with the setting and a sentence, and nobody is asked for a pass phrase."""
    folder = pair.key.parent
    shutil.copy(pairs[1].key, folder / "other.key")
    if certificate == "locked.crt":
        make_pair(folder, "locked", password="hunter2")
    with pytest.raises(ConfigurationError) as fault:
        TlsKeeper.of(
            ServerSettings(
                tls_certificate=folder / certificate if certificate else None, tls_key=folder / key if key else None
            )
        )
    (only,) = fault.value.faults
    assert only.setting == setting
    assert problem in only.problem
    if problem in ("No such file", "cannot be read as PEM", "does not belong"):
        assert str(folder / str(certificate)) in only.problem


def test_a_server_without_files_has_no_tls() -> None:
    """That is the ordinary case on loopback."""
    assert TlsKeeper.of(ServerSettings()) is None


@given(data=st.data())
def test_a_damaged_certificate_is_a_value_error(data: st.DataObject, pairs: tuple[Pair, Pair]) -> None:
    """Cut short or with a byte changed: times, or ``ValueError``; never another error, never a hang."""
    der = ssl.PEM_cert_to_DER_cert(pairs[0].certificate.read_text())
    cut = data.draw(st.integers(0, len(der)))
    damaged = bytearray(der[:cut])
    if damaged:
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        begin, end = validity_of(bytes(damaged))
    except ValueError:
        return
    assert isinstance(begin, float)
    assert isinstance(end, float)


def test_years_of_both_spellings_are_read(tmp_path: Path) -> None:
    """From 2050 on certificates spell the year with four digits (RFC 5280, section 4.1.2.5)."""
    far = make_pair(tmp_path, "far", days=36_500)
    status = TlsKeeper(far.certificate, far.key).status()
    assert datetime.fromtimestamp(status.not_after, UTC).year > 2100


def test_a_socket_that_is_reset_in_the_middle_of_a_handshake_leaves_no_trace_in_the_count(
    server: BareServer, pair: Pair
) -> None:
    """Fifty of them later the only connection is the one that asks."""
    for _ in range(50):
        with closing(server.connect()) as peer:
            peer.sendall(b"\x16\x03\x01\x02\x00\x01")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")

    def here() -> int:
        with _encrypted(server, _trusting(pair)) as peer:
            count: int = _ask(peer)["open"]
            return count

    until(lambda: here() == 1)
