"""Stories of clients: what is sent in their name is what they really send."""

from __future__ import annotations

import shutil
import socket
import subprocess

import pytest
import requests

from mattegate.doctor.probe.exchange import Ask, exchange
from mattegate.doctor.probe.profiles import PROFILES, browser, preflight, unsafe_headers
from mattegate.doctor.probe.target import parse_target
from tests.doctor.probe.houses import QUICK, door, speaking, veil

BODY = b"abc"
GIVEN = (("X-API-Key", "k"), ("Content-Type", "image/png"))


def heard_by(port_is: list[list[tuple[str, str]]]) -> object:
    """What takes one request down and answers 204."""

    def answer(sock: socket.socket) -> None:
        data = b""
        while not data.endswith(BODY):
            data += sock.recv(65_536)
        lines = data.decode().split("\r\n\r\n")[0].split("\r\n")[1:]
        port_is.append([(name, value) for name, _, value in (line.partition(": ") for line in lines)])
        sock.sendall(b"HTTP/1.1 204 Fine\r\nConnection: close\r\n\r\n")

    return answer


def unversioned(headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without the versions in the name of the client, and without the port."""
    return [(name, value.partition("/")[0] if name == "User-Agent" else value) for name, value in headers]


@pytest.mark.parametrize("name", ["curl", "python-requests"])
def test_a_profile_is_what_the_client_itself_sends(name: str) -> None:
    """The same request by the real client and in its name: same headers, same spelling, same order."""
    heard: list[list[tuple[str, str]]] = []
    with speaking(heard_by(heard)) as port:  # type: ignore[arg-type]
        url = f"http://127.0.0.1:{port}/"
        if name == "curl":
            _curl(url)
        else:
            requests.post(url, data=BODY, headers=dict(GIVEN), timeout=5)
        base = Ask("POST", "/", (("Host", f"127.0.0.1:{port}"), ("User-Agent", "x"), *GIVEN), BODY)
        profile = next(one for one in PROFILES if one.name == name)
        assert exchange(door(port), profile.ask(base), veil=veil(), limits=QUICK).status == 204
    real, ours = (unversioned(one) for one in heard)
    assert ours == real


def _curl(url: str) -> None:
    program = shutil.which("curl")
    if not program:
        pytest.skip("curl is not installed")
    headers = [word for name, value in GIVEN for word in ("-H", f"{name}: {value}")]
    subprocess.run([program, "-q", "-sS", "-X", "POST", *headers, "--data-binary", BODY.decode(), url], check=True)


TARGET = parse_target("https://api.example/v1/x")
PAGE = "https://shop.example"


@pytest.mark.parametrize(
    ("method", "headers", "asks"),
    [
        ("GET", (), False),
        ("GET", (("Authorization", "Bearer k"),), True),
        ("POST", (("Content-Type", "multipart/form-data; boundary=x"),), False),
        ("POST", (("Content-Type", "application/json"),), True),
        ("POST", (("Content-Type", "image/png"),), True),
        ("PUT", (), True),
    ],
)  # fmt: skip
def test_a_browser_asks_first_when_it_must(method: str, headers: tuple[tuple[str, str], ...], asks: bool) -> None:
    """As the Fetch standard has it; within one origin never."""
    base = Ask(method, "/v1/x", (("Host", "api.example"), ("User-Agent", "x"), *headers))
    assert (preflight(base, TARGET, PAGE) is not None) is asks
    assert preflight(base, TARGET, TARGET.origin) is None


def test_the_preflight_names_what_it_asks_for_and_carries_nothing() -> None:
    """Names sorted, in small letters, without spaces, as Chromium 156 sends them; and no credential."""
    base = Ask(
        "POST", "/v1/x", (("Host", "api.example"), ("Content-Type", "application/json"), ("Authorization", "B k"))
    )
    assert unsafe_headers(base) == ("authorization", "content-type")
    asked = preflight(base, TARGET, PAGE)
    assert asked is not None
    assert asked.header("access-control-request-headers") == "authorization,content-type"
    assert (asked.method, asked.header("origin"), asked.header("authorization")) == ("OPTIONS", PAGE, None)


def test_a_browser_names_the_page() -> None:
    """Origin across origins always; within one only where something may change."""
    base = Ask("GET", "/v1/x", (("Host", "api.example"),))
    assert browser(base, TARGET, PAGE).header("origin") == PAGE
    assert browser(base, TARGET, TARGET.origin).header("origin") is None
