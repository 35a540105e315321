"""Stories of a gate in front of somebody else's service: nginx and Caddy as they are configured by us, really run."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from mattegate.config.proxies import Front, rendered
from mattegate.config.settings import Settings
from mattegate.ledger.desk_keys import Terms
from mattegate.ledger.opening import open_accounts
from mattegate.ledger.usage_book import UsageBook
from mattegate.ledger.usage_database import UsageDatabase
from mattegate.vocabulary.admission import TOLD, Proxy
from mattegate.vocabulary.rulebook import Limit
from tests.whole.apis import Api, serving
from tests.whole.proxies import Answer, Upstream, caddy, curl, free_port, nginx, upstream

PICTURE: Final = "/api/remove?model=u2net&x=%2Fa%20b"
TWO: Final = Limit("two", "quota", 2, 86_400)


@dataclass
class Street:
    """A client's way: the proxy, the gate that it asks, and the service behind it."""

    proxy: Proxy
    port: int
    api: Api
    behind: Upstream

    def ask(self, *arguments: str, key: str = "", path: str = PICTURE) -> Answer:
        """One request to the proxy."""
        credential = ("-H", f"Authorization: Bearer {key}") if key else ()
        return curl(*credential, *arguments, f"http://localhost:{self.port}{path}")

    def why(self, answer: Answer) -> dict[str, Any]:
        """What ``mattegate why`` says of an answer's id."""
        request_id = answer.headers["x-request-id"]
        command = [sys.executable, "-m", "mattegate", "--home", str(self.api.home), "why", request_id, "--json"]
        told = subprocess.run(command, capture_output=True, timeout=60, check=True).stdout
        document: dict[str, Any] = json.loads(told)
        return document


Open = Callable[..., Street]
_RUN: Final = {Proxy.NGINX: nginx, Proxy.CADDY: caddy}


def asked_by(proxy: Proxy, **more: Any) -> dict[str, dict[str, Any]]:
    """Settings of a gate that a proxy on this machine may ask."""
    return {"authz": {"enabled": True, "proxy": proxy.value, **more}, "network": {"trusted_proxies": ["127.0.0.1"]}}


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Open]:
    """Opens streets: a proxy, and settings of the gate."""
    with ExitStack() as stack:

        def opened(proxy: Proxy, **settings: dict[str, Any]) -> Street:
            behind, port = stack.enter_context(upstream()), free_port()
            api = stack.enter_context(serving(tmp_path / "home", **(asked_by(proxy) | settings)))
            text = rendered(proxy, Front(api.url, "", f"http://127.0.0.1:{behind.port}", port))
            stack.enter_context(_RUN[proxy](tmp_path, port, text))
            return Street(proxy, port, api, behind)

        yield opened


@pytest.mark.parametrize("proxy", _RUN)
def test_whoever_may_passes_and_is_named_to_the_service(street: Open, proxy: Proxy) -> None:
    """Method, target, body and host are the client's; what names the caller is the gate's, whatever the client sent."""
    way = street(proxy)
    key = way.api.key("alice", TWO)
    smuggled = [text for name in TOLD for text in ("-H", f"{name}: root")]
    answer = way.ask("-X", "PUT", "--data-binary", "x" * 100_000, *smuggled, key=key)
    assert answer.status == 200, answer
    got = way.behind.seen[-1]
    assert (got["method"], got["path"], got["bytes"]) == ("PUT", PICTURE, 100_000)
    assert got["headers"]["x-mattegate-identity"].startswith("i")
    assert got["headers"]["x-mattegate-tier"] == "vip"
    assert "root" not in str({name: got["headers"].get(name.lower()) for name in TOLD})
    record = next(each for each in way.api.records(0) if each.request_id == got["headers"]["x-mattegate-request-id"])
    assert (record.attempt.method, record.attempt.path, record.status) == ("PUT", "/api/remove", 200)
    assert (record.address, record.attempt.host) == ("127.0.0.1", f"localhost:{way.port}")
    assert record.facts.claim is not None
    assert record.facts.claim.limits[0].remaining == 1


@pytest.mark.parametrize("proxy", _RUN)
def test_every_no_is_explained_through_the_proxy(street: Open, proxy: Proxy) -> None:
    """Status, problem document, challenge and waiting time are the gate's own; and ``why`` knows each by its id."""
    way = street(proxy)
    key, closed = way.api.key("bob", TWO), way.api.key("carol")
    with open_accounts(Settings(home=way.api.home)) as accounts:
        accounts.desk.update_identity("carol", actor="cli:test", scopes=("self",))
    without, wrong = way.ask(), way.ask(key=key[:-1] + ("a" if key[-1] != "a" else "b"))
    scope = way.ask(key=closed)
    over = [way.ask(key=key) for _ in range(3)][-1]
    expected = {
        (401, "credential.missing"): without,
        (401, "credential.checksum"): wrong,
        (403, "policy.scope"): scope,
        (429, "quota.exceeded"): over,
    }
    for (status, reason), answer in expected.items():
        assert (answer.status, answer.json["reason"], answer.headers["x-mattegate-reason"]) == (status, reason, reason)
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json["status"] == status
        assert answer.json["request_id"] == answer.headers["x-request-id"]
        told = way.why(answer)
        assert (told["status"], told["reason"], told["replayed"]) == (status, reason, "same")
    assert without.headers["www-authenticate"] == 'Bearer realm="mattegate"'
    assert int(over.headers["retry-after"]) > 0
    assert len(way.behind.seen) == 2  # bob's two


@pytest.mark.parametrize("proxy", _RUN)
def test_a_store_that_is_down_is_503_and_not_no(street: Open, proxy: Proxy) -> None:
    """nginx, which knows 401 and 403 only, is made to say so too."""
    limits = {"store": "redis", "redis_url": f"redis://127.0.0.1:{free_port()}/0"}
    way = street(proxy, limits=limits)
    answer = way.ask(key=way.api.key("dave", TWO))
    assert (answer.status, answer.json["reason"]) == (503, "dependency.unavailable")
    assert answer.headers["retry-after"]
    assert way.why(answer)["reason"].startswith("dependency.")


def test_nginx_says_so_when_the_gate_is_gone(street: Open) -> None:
    """An unreachable gate lets nobody through, and its silence is not taken for the service's own fault."""
    way = street(Proxy.NGINX)
    key = way.api.key("eve")
    assert way.ask(key=key).status == 200
    text = rendered(Proxy.NGINX, Front(f"http://127.0.0.1:{free_port()}", "", f"http://127.0.0.1:{way.behind.port}"))
    folder, port = way.api.home / "gone", free_port()
    folder.mkdir()
    with nginx(folder, port, text.replace("listen 8080", f"listen 127.0.0.1:{port}")):
        answer = curl("-H", f"Authorization: Bearer {key}", f"http://localhost:{port}/")
    assert (answer.status, answer.json["title"]) == (503, "The gate does not answer")
    assert len(way.behind.seen) == 1


@pytest.mark.parametrize("proxy", _RUN)
def test_what_is_taken_is_an_admission_in_the_usage_book(street: Open, proxy: Proxy) -> None:
    """Settled at once, of its own kind, and no image."""
    way = street(proxy)
    assert way.ask(key=way.api.key("frank", TWO)).status == 200
    database = UsageDatabase(Settings(home=way.api.home).ledger_dir / "usage.db")
    with closing(database):
        rows = list(UsageBook(database).rows())
    assert [(row.kind, row.state, row.units, row.usage.images) for row in rows] == [("admission", "settled", 1, 0)]


@pytest.mark.parametrize("proxy", _RUN)
def test_a_signature_counts_as_far_as_a_head_can_prove_it(street: Open, proxy: Proxy) -> None:
    """curl's SigV4 over the hash in the head: let in, and the service is told; over the body itself: refused."""
    way = street(proxy)
    with open_accounts(Settings(home=way.api.home)) as accounts:
        owner = accounts.desk.create_identity("signer", tier="vip", actor="cli:test").view.id
        minted = accounts.desk.create_signing_key(owner, actor="cli:test", terms=Terms())
    signing = ("--aws-sigv4", "aws:amz:local:mattegate", "--user", f"{minted.id}:{minted.text}")
    body = ("-H", "Content-Type: application/octet-stream", "--data-binary", "x" * 1_000)
    stated = ("-H", f"x-amz-content-sha256: {hashlib.sha256(b'x' * 1_000).hexdigest()}")
    passed = way.ask(*signing, *body, *stated, path="/api/remove")
    assert passed.status == 200, passed
    assert way.behind.seen[-1]["headers"]["x-mattegate-body"] == "unverified"
    assert way.behind.seen[-1]["headers"]["x-mattegate-key"] == minted.id
    refused = way.ask(*signing, *body, path="/api/remove")
    assert (refused.status, refused.json["reason"]) == (403, "signature.body_unread")
    assert way.why(refused)["reason"] == "signature.body_unread"


# --- who may ask ------------------------------------------------------------------------------------------------


def _asked(way_to_gate: str, key: str, *headers: str) -> Answer:
    lines = [text for header in headers for text in ("-H", header)]
    return curl("-H", f"Authorization: Bearer {key}", *lines, way_to_gate)


NGINX: Final = ("X-Original-Method: POST", "X-Original-URI: /api/remove?x=1")


def test_nobody_but_a_declared_proxy_asks_for_others(tmp_path: Path) -> None:
    """What an undeclared peer says of a request is not even read."""
    authz = {"enabled": True, "proxy": "nginx"}
    with serving(tmp_path / "home", authz=authz, network={"trusted_proxies": ["10.9.8.7"]}) as api:
        answer = _asked(api.url + "/authz", api.key("alice"), *NGINX)
        assert (answer.status, answer.headers["x-mattegate-status"]) == (403, "403")
        assert answer.json["reason"] == "network.not_a_proxy"
        record = api.records(0)[0]
        assert (record.attempt.method, record.attempt.path) == ("GET", "/authz")


def test_where_it_is_not_wanted_there_is_no_such_path(tmp_path: Path) -> None:
    """Off by default."""
    with serving(tmp_path / "home", network={"trusted_proxies": ["127.0.0.1"]}) as api:
        assert _asked(api.url + "/authz", api.key("alice"), *NGINX).json["reason"] == "route.unknown"


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A gate that a proxy on loopback may ask in the way of nginx, about paths below /api."""
    with serving(tmp_path_factory.mktemp("asked") / "home", **asked_by(Proxy.NGINX, paths=["/api"])) as running:
        yield running


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ((), "x-original-method is missing"),
        (NGINX[:1], "x-original-uri is missing"),
        ((*NGINX, "X-Original-URI: /other"), "stands there 2 times"),
        ((NGINX[0], "X-Original-URI: http://evil.test/api"), "does not begin with a path"),
        ((NGINX[0], "X-Original-URI: /api#x"), "belong encoded"),
        (("X-Original-Method: P OST", NGINX[1]), "the method is none"),
        (("X-Forwarded-Method: POST", "X-Forwarded-Uri: /api"), "is missing"),
    ],
)
def test_a_proxy_that_does_not_say_what_it_means_is_told_so(asked: Api, headers: tuple[str, ...], problem: str) -> None:
    """The fields of another proxy are not read, because this one would pass them on from its client."""
    answer = _asked(asked.url + "/authz", asked.key(f"p{hash(headers)}"), *headers)
    assert (answer.status, answer.headers["x-mattegate-status"]) == (403, "400")
    document = json.loads(answer.headers["x-mattegate-problem"])
    assert (document["reason"], document["status"]) == ("request.original", 400)
    assert problem in document["detail"]


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("/api", True),
        ("/api/a/b", True),
        ("/apish", False),
        ("/other", False),
        ("/api/../admin", False),
        ("/api/%2e%2e/admin", False),
        ("/api//x", False),
        ("/api/..;/admin", False),
        ("/api/%5c..%5cadmin", False),
    ],
)
def test_only_paths_that_are_listed_and_mean_one_thing_are_let_in(asked: Api, target: str, found: bool) -> None:
    """A path that the service may read as another one begins with nothing."""
    answer = _asked(asked.url + "/authz", asked.key(f"t{target}"), NGINX[0], f"X-Original-URI: {target}")
    assert answer.status == (200 if found else 403)
    assert answer.headers.get("x-mattegate-status", "200") == ("200" if found else "404")


def test_a_preflight_is_let_through_and_names_nobody(tmp_path: Path) -> None:
    """The service answers it; every header that names a caller is there, and empty."""
    cors = {"allowed_origins": ["https://app.example.com"]}
    with serving(tmp_path / "home", cors=cors, **asked_by(Proxy.NGINX)) as api:
        asking = ("X-Original-Method: OPTIONS", NGINX[1], "Access-Control-Request-Method: POST")
        for origin, status in (("https://app.example.com", 200), ("https://evil.test", 403)):
            lines = [text for header in (*asking, f"Origin: {origin}") for text in ("-H", header)]
            answer = curl(*lines, api.url + "/authz")
            assert answer.status == status
            if status == 200:
                assert {name: answer.headers[name.lower()] for name in TOLD[:4]} == dict.fromkeys(TOLD[:4], "")


# --- the other two ways of asking ---------------------------------------------------------------------------------


def test_traefik_names_the_host_itself(tmp_path: Path) -> None:
    """``X-Forwarded-Host``: the Host of its question is the gate's."""
    with serving(tmp_path / "home", **asked_by(Proxy.TRAEFIK)) as api:
        asking = ("X-Forwarded-Method: POST", "X-Forwarded-Uri: /api?x=1", "X-Forwarded-Host: app.example.com")
        answer = _asked(api.url + "/authz", api.key("alice"), *asking)
        assert (answer.status, answer.headers["x-mattegate-tier"]) == (200, "vip")
        attempt = api.records(0)[0].attempt
        assert (attempt.host, attempt.method, attempt.path) == ("app.example.com", "POST", "/api")
        refused = curl(*[text for header in asking for text in ("-H", header)], api.url + "/authz")
        assert (refused.status, refused.json["reason"]) == (401, "credential.missing")


def test_envoy_asks_below_the_path_and_takes_200_alone_for_a_yes(tmp_path: Path) -> None:
    """Method and host are those of the question, the target is what stands behind ``/authz``."""
    with serving(tmp_path / "home", **asked_by(Proxy.ENVOY)) as api:
        key = api.key("alice")
        answer = curl("-X", "DELETE", "-H", f"X-API-Key: {key}", api.url + "/authz/api/jobs/7?force=1")
        assert answer.status == 200
        attempt = api.records(0)[0].attempt
        assert (attempt.method, attempt.path) == ("DELETE", "/api/jobs/7")
        assert curl("-X", "DELETE", api.url + "/authz/api/jobs/7").status == 401
