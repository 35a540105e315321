"""Stories of proxy variables: each client's reading is compared with the client's own."""

from __future__ import annotations

import shutil
import subprocess
import urllib.request

import pytest
from requests.utils import get_environ_proxies, select_proxy

from mattegate.doctor.answer import Certainty
from mattegate.doctor.probe.environment import environment_clues, proxy_use
from mattegate.doctor.probe.plan import ProbePlan, probe
from mattegate.doctor.probe.target import parse_target
from tests.doctor.probe.houses import QUICK, app, free_port, squid

PROXY = "http://127.0.0.1:9"
"""Nobody listens there."""
CASES = [
    ("http://api.example/", {"HTTP_PROXY": PROXY}),
    ("http://api.example/", {"http_proxy": PROXY}),
    ("https://api.example/", {"HTTPS_PROXY": PROXY}),
    ("http://api.example/", {"all_proxy": PROXY}),
    ("http://api.example/", {"http_proxy": PROXY, "no_proxy": "example"}),
    ("http://api.example/", {"http_proxy": PROXY, "NO_PROXY": ".api.example, other"}),
    ("http://notapi.example/", {"http_proxy": PROXY, "no_proxy": "api.example"}),
    ("http://10.1.2.3/", {"http_proxy": PROXY, "no_proxy": "10.0.0.0/8"}),
    ("http://10.1.2.3/", {"http_proxy": PROXY, "no_proxy": "10.1.2.3"}),
    ("http://api.example/", {"http_proxy": PROXY, "no_proxy": "*"}),
    ("http://api.example:8080/", {"http_proxy": PROXY, "no_proxy": "api.example:8080"}),
    ("http://api.example/", {}),
]
_VARIABLES = [f"{kind}_proxy" for kind in ("http", "https", "all", "no")]


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(("url", "environ"), CASES)
def test_requests_and_urllib_read_them_like_this(
    url: str, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their own functions say the same."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    target = parse_target(url)
    use = proxy_use(target, environ)
    assert use.requests == (select_proxy(url, get_environ_proxies(url)) or "")
    authority = f"{target.host}:{target.port}"
    straight = urllib.request.proxy_bypass_environment(authority)  # type: ignore[attr-defined]
    assert use.urllib == ("" if straight else urllib.request.getproxies_environment().get(target.scheme, ""))


@pytest.mark.parametrize(("url", "environ"), CASES)
def test_curl_reads_them_like_this(url: str, environ: dict[str, str]) -> None:
    """It says whether it takes a proxy."""
    program = shutil.which("curl")
    if not program:
        pytest.skip("curl is not installed")
    target = parse_target(url)
    command = [
        program,
        "-q",
        "-svo/dev/null",
        "--max-time",
        "1",
        "--resolve",
        f"{target.host}:{target.port}:127.0.0.1",
        url,
    ]
    if target.host == "10.1.2.3":
        command[4:4] = ["--connect-timeout", "0.2"]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert bool(proxy_use(target, environ).curl) is ("port 9 " in done.stderr or "127.0.0.1:9" in done.stderr)


def test_disagreeing_clients_are_a_hint_and_agreeing_ones_are_none() -> None:
    """HTTP_PROXY in capitals moves Python and not curl."""
    target = parse_target("http://api.example.com/")
    clues = list(environment_clues(target, proxy_use(target, {"HTTP_PROXY": "http://u:secret@proxy.example:3128"})))
    assert [(clue.cause, clue.certainty) for clue in clues] == [("proxy_env.clients_differ", Certainty.POSSIBLE)]
    assert "secret" not in repr(clues)
    assert not list(environment_clues(target, proxy_use(target, {"http_proxy": PROXY, "HTTP_PROXY": PROXY})))
    near = parse_target("http://localhost/")
    found = environment_clues(near, proxy_use(near, {"http_proxy": PROXY}))
    assert "proxy_env.local_name_proxied" in [clue.cause for clue in found]


def test_a_real_squid_that_refuses_is_told_from_the_server() -> None:
    """Straight there all is well; through the client's own proxy it is 403, by the proxy."""
    with app() as running, squid("http_access deny all") as port:
        environ = {"http_proxy": f"http://127.0.0.1:{port}"}
        plan = ProbePlan(f"http://127.0.0.1:{running.port}/", axes=frozenset(), limits=QUICK, environ=environ)
        result = probe(plan, lambda _: None)
    clue = next(clue for clue in result.clues if clue.cause == "transport.proxy_denies")
    assert (clue.certainty, clue.status) == (Certainty.LIKELY, 403)
    through = next(seen for seen in result.observations if seen.via == "client proxy")
    assert "squid" in (through.header("server") or "")


def test_squid_refuses_a_tunnel_before_the_server_is_reached() -> None:
    """Where there is no straight way the run takes the proxy, and its answer to CONNECT is proof."""
    with squid("http_access deny all") as port:
        environ = {"https_proxy": f"http://127.0.0.1:{port}"}
        plan = ProbePlan(f"https://127.0.0.1:{free_port()}/", axes=frozenset(), limits=QUICK, environ=environ)
        result = probe(plan, lambda _: None)
    refused = next(clue for clue in result.clues if clue.cause == "transport.proxy_denies")
    assert (refused.certainty, refused.status) == (Certainty.PROVEN, 403)
    assert result.observations[-1].method == "CONNECT"
