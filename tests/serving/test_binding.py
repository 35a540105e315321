"""Stories of addresses: which are listened on, by which plane, and how many may come from one of them."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.load import ConfigurationError
from mattegate.config.settings import AdminSettings, NetworkSettings, ServerSettings, Settings
from mattegate.serving.connections import Connections, unmapped
from mattegate.serving.server import bind, bind_admin, serve
from tests.serving.bare import MIRROR, ROOT, bare_server, until
from tests.serving.run_bare import Bare as BareApp
from tests.serving.served import problem_in, read_all

NOWHERE = NetworkSettings()
PROXIED = NetworkSettings(trusted_proxies=("10.0.0.0/8",))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.77"])
def test_an_address_that_others_can_reach_is_refused_with_all_three_ways_out(host: str) -> None:
    """Whoever wants it reads in one sentence what would make it safe, or how to say that it is meant."""
    with pytest.raises(ConfigurationError) as fault:
        bind(ServerSettings(host=host, port=0), NOWHERE)
    (only,) = fault.value.faults
    assert only.setting == "server.host"
    for way in ("server.tls_certificate", "network.trusted_proxies", "server.insecure", "--insecure"):
        assert way in only.problem


@pytest.mark.parametrize(
    ("settings", "network"),
    [
        (ServerSettings(host="0.0.0.0", port=0, insecure=True), NOWHERE),
        (ServerSettings(host="0.0.0.0", port=0), PROXIED),
        (ServerSettings(host="0.0.0.0", port=0, tls_certificate=Path("c"), tls_key=Path("k")), NOWHERE),
        (ServerSettings(host="127.0.0.1", port=0), NOWHERE),
        (ServerSettings(host="localhost", port=0), NOWHERE),
    ],
)
def test_each_of_the_ways_opens_the_address(settings: ServerSettings, network: NetworkSettings) -> None:
    """Loopback needs none of them."""
    with bind(settings, network) as listener:
        assert listener.getsockname()[1] > 0


def test_a_name_of_loopback_and_another_address_counts_as_reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that resolves to both is judged by the one that others can reach."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in ("127.0.0.1", "192.0.2.77")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(ConfigurationError, match=r"server\.insecure"):
        bind(ServerSettings(host="both", port=0), NOWHERE)


def test_a_name_that_is_none_is_told() -> None:
    """A host that cannot be resolved is a fault, not a trace."""
    with pytest.raises(ConfigurationError, match=r"server\.host.*not an address"):
        bind(ServerSettings(host="example.invalid", port=0), NOWHERE)


def test_a_taken_port_is_told() -> None:
    """A port that somebody else has is a configuration fault that names the setting and the flag to choose another."""
    with bind(ServerSettings(port=0), NOWHERE) as listener, pytest.raises(ConfigurationError) as fault:
        bind(ServerSettings(port=listener.getsockname()[1]), NOWHERE)
    (only,) = fault.value.faults
    assert only.setting == "server.port"
    assert "another with --port" in only.fix


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.77"])
def test_the_admin_plane_never_leaves_loopback(host: str) -> None:
    """There is no word that opens it to others."""
    with pytest.raises(ConfigurationError, match=r"admin\.host"):
        bind_admin(AdminSettings(host=host, port=0))


def test_every_fault_is_told_at_once_and_nothing_stays_taken(tmp_path: Path) -> None:
    """A missing certificate, a bad address and a bad admin address come in one list."""
    no = tmp_path / "no.pem"
    settings = Settings(
        server=ServerSettings(host="192.0.2.77", port=0, tls_certificate=no, tls_key=no),
        admin=AdminSettings(host="0.0.0.0", port=0),
    )
    app = object.__new__(BareApp)
    with pytest.raises(ConfigurationError) as fault:
        serve(app, settings, admin=app)
    assert [each.setting for each in fault.value.faults] == ["server.tls_certificate", "server.host", "admin.host"]


def test_a_refused_address_ends_the_start_with_the_sentence() -> None:
    """The process says why and leaves; nothing listens."""
    line = [sys.executable, "-m", "tests.serving.run_bare", '{"server": {"host": "0.0.0.0"}}']
    ended = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert "network.trusted_proxies" in ended.stderr


def test_two_planes_stand_in_one_process(tmp_path: Path) -> None:
    """Each answers at its own port, both are there before it is said to be ready, and both end with one signal."""
    with bare_server(tmp_path, admin={}) as server:
        until(lambda: server.says("ready"))
        assert httpx2.get(server.admin_url).text == "the admin plane"
        assert httpx2.get(server.url + "/mirror").json()["path"] == "/mirror"
        assert server.url != server.admin_url
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        for url in (server.url, server.admin_url):
            with pytest.raises(httpx2.ConnectError):
                httpx2.get(url)


def test_the_admin_plane_answers_while_the_data_plane_drains(tmp_path: Path) -> None:
    """A request in hand is finished after SIGTERM, and until then the admin plane can be asked how it goes."""
    with bare_server(tmp_path, admin={}, pause_s=1.5) as server, closing(server.connect()) as peer:
        peer.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: server.says("begun"))
        server.process.send_signal(signal.SIGTERM)
        assert httpx2.get(server.admin_url).status_code == 200
        assert read_all(peer).startswith(b"HTTP/1.1 200 ")
        assert server.process.wait(15) == 0


def test_the_admin_plane_has_the_same_limits(tmp_path: Path) -> None:
    """Two Hosts are refused there too, and counted with the others."""
    with bare_server(tmp_path, admin={}) as server:
        port = httpx2.URL(server.admin_url).port
        answer = server.talk(b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", port=port or 0)
        assert problem_in(answer)["reason"] == "request.http"
        assert httpx2.get(server.url + "/mirror").json()["refused"] == {"request.http": 1}


def test_one_caller_cannot_take_the_whole_room(tmp_path: Path) -> None:
    """The 257th connection of one address is refused with a reason; loopback, where proxies stand, goes on."""
    address = _own_address()
    with ExitStack() as stack:
        server = stack.enter_context(bare_server(tmp_path, server={"host": "0.0.0.0", "insecure": True}))
        for _ in range(256):
            stack.enter_context(closing(server.connect(address)))
        until(lambda: _open(server.url) > 256)
        with closing(server.connect(address)) as one_more:
            assert problem_in(read_all(one_more))["reason"] == "capacity.connections"
        assert server.talk(MIRROR.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
        assert "capacity.connections" in server.refusals()
        stack.pop_all().close()


def test_a_declared_proxy_has_no_cap_of_its_own(tmp_path: Path) -> None:
    """Behind it stand many callers."""
    address = _own_address()
    settings = {"server": {"host": "0.0.0.0"}, "trusted_proxies": [address]}
    with ExitStack() as stack:
        server = stack.enter_context(bare_server(tmp_path, **settings))
        for _ in range(258):
            peer = stack.enter_context(closing(server.connect(address)))
        peer.sendall(MIRROR.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        assert read_all(peer).startswith(b"HTTP/1.1 200 ")


def test_a_socket_of_both_families_tells_ipv4_addresses_as_such(tmp_path: Path) -> None:
    """Else an address rule for 192.0.2.0/24 would not know ::ffff:192.0.2.7."""
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    with bare_server(tmp_path, server={"host": "::", "insecure": True}) as server:
        told = httpx2.get(f"http://127.0.0.1:{server.port}/mirror").json()
        assert told["client"][0] == "127.0.0.1"


def _open(url: str) -> int:
    count: int = httpx2.get(url + "/mirror").json()["open"]
    return count


def _own_address() -> str:
    """An address of this machine that is not loopback; found without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address: str = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no address but loopback")
    return address


# --- counting, as values ------------------------------------------------------------------------------------


def test_a_whole_ipv6_site_counts_as_one_caller() -> None:
    """Whoever has one address of a /64 has them all; another site is another caller."""
    crowd = Connections(room=100, per_peer=2)
    assert crowd.enter("2001:db8:1::1") is None
    assert crowd.enter("2001:db8:1::2") is None
    refusal = crowd.enter("2001:db8:1::3")
    assert refusal is not None
    assert refusal.facts["limit"] == 2
    assert crowd.enter("2001:db8:2::1") is None


def test_a_mapped_address_counts_as_the_address_it_maps() -> None:
    """The cap holds over both spellings."""
    crowd = Connections(room=100, per_peer=1)
    assert crowd.enter("192.0.2.7") is None
    assert crowd.enter("::ffff:192.0.2.7") is not None
    assert unmapped("fe80::1%eth0") == "fe80::1"


@given(st.lists(st.tuples(st.sampled_from(["192.0.2.1", "192.0.2.2", "2001:db8::1", "127.0.0.1", ""]), st.booleans())))
def test_whoever_has_left_is_forgotten(steps: list[tuple[str, bool]]) -> None:
    """However they come and go, the count is of those who are here, and an empty house remembers nobody."""
    crowd = Connections(room=1_000, per_peer=3)
    here: Counter[str] = Counter()
    for address, comes in steps:
        if comes:
            capped = address.startswith(("192", "2001"))
            assert (crowd.enter(address) is not None) == (capped and here[address] >= 3)
            here[address] += 1
        elif here[address]:
            crowd.leave(address)
            here[address] -= 1
    assert crowd.open == here.total()
    for address in here.elements():
        crowd.leave(address)
    assert (crowd.open, len(crowd._of_peer)) == (0, 0)


async def test_networks_that_are_none_are_a_fault() -> None:
    """A typing error in the list of proxies ends the start with the name of the setting."""
    settings = Settings(server=ServerSettings(port=0), network=NetworkSettings(trusted_proxies=("10.0.0.0/99",)))
    with pytest.raises(ConfigurationError, match=r"network\.trusted_proxies"):
        await asyncio.to_thread(serve, object.__new__(BareApp), settings)
