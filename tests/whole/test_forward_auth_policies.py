"""Policies and narrowed credentials behind real proxies: the client's own request is judged, and read in one way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

import httpx2
import pytest

from mattegate.config.proxies import Front, rendered
from mattegate.config.settings import Settings
from mattegate.ledger.opening import open_accounts
from mattegate.vocabulary.admission import TOLD, Proxy
from tests.whole.apis import serving
from tests.whole.proxies import caddy, free_port, nginx, upstream
from tests.whole.test_forward_auth import TWO, Street, asked_by
from tests.whole.token_clients import ISSUER, SHOP, bearer, client_id

POLICIES: Final = """
@id("everybody") permit (principal, action, resource);
@id("no-delete") forbid (principal, action == Action::"admit", resource) when { context.method == "DELETE" };
@id("no-admin") forbid (principal, action, resource) when { context.path like "/admin*" };
@id("page") forbid (principal, action, resource)
  when { context has origin && context.origin == "https://other.example" };
@id("tls") forbid (principal, action, resource) when { context.path == "/secure" && !context.tls };
@id("net") forbid (principal, action, resource)
  when { context has address && context.address.isInRange(ip("203.0.113.0/24")) };
"""
_RUN: Final = {Proxy.NGINX: nginx, Proxy.CADDY: caddy}


@pytest.fixture(scope="module", params=_RUN)
def way(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """A proxy as we configure it, a gate with these policies that gives tokens, and a service behind them."""
    proxy: Proxy = request.param
    folder = tmp_path_factory.mktemp(proxy.value)
    (folder / "policies").mkdir()
    (folder / "policies" / "all.cedar").write_text(POLICIES)
    with ExitStack() as stack:
        behind, port = stack.enter_context(upstream()), free_port()
        api = stack.enter_context(
            serving(
                folder / "home",
                policies={"folder": str(folder / "policies")},
                tokens={"enabled": True, "issuer": ISSUER},
                cors={"allowed_origins": [SHOP, "https://other.example"]},
                **asked_by(proxy),
            )
        )
        text = rendered(proxy, Front(api.url, "", f"http://127.0.0.1:{behind.port}", port))
        stack.enter_context(_RUN[proxy](folder, port, text))
        yield Street(proxy, port, api, behind)


@pytest.fixture(scope="module")
def key(way: Street) -> str:
    """A key that may do everything that policies do not forbid."""
    return way.api.key("alice")


@pytest.mark.parametrize(
    ("arguments", "path", "policy"),
    [
        ((), "/a?x=1", ""),
        (("-X", "DELETE"), "/a", "no-delete"),
        ((), "/admin/users", "no-admin"),
        ((), "/%61dmin", "no-admin"),
        (("-H", "Origin: https://other.example"), "/a", "page"),
        (("-H", f"Origin: {SHOP}"), "/a", ""),
        ((), "/secure", "tls"),
    ],
)
def test_policies_see_the_request_of_the_client(
    way: Street, key: str, arguments: tuple[str, ...], path: str, policy: str
) -> None:
    """Its method, its path, its page and whether it came over TLS; the caller and the record name the policy."""
    answer = way.ask(*arguments, key=key, path=path)
    if not policy:
        assert answer.status == 200, answer
        return
    assert (answer.status, answer.json["reason"]) == (403, "policy.denied")
    assert answer.json["detail"].endswith(f": {policy}.")
    told = way.why(answer)
    assert (told["reason"], told["replayed"]) == ("policy.denied", "same")


@pytest.mark.parametrize(
    "lie",
    [
        "X-Forwarded-Method: DELETE", "X-Forwarded-Uri: /admin", "X-Original-Method: DELETE", "X-Original-URI: /admin",
        "X-Forwarded-Proto: https", "Forwarded: for=203.0.113.9;proto=https", "X-HTTP-Method-Override: DELETE",
    ],
)  # fmt: skip
def test_nothing_that_a_client_says_of_itself_reaches_a_policy(way: Street, key: str, lie: str) -> None:
    """Each would turn the answer around: one that is allowed is allowed still, one that needs TLS is refused still."""
    assert way.ask("-H", lie, key=key, path="/a").status == 200
    assert way.ask("-H", lie, key=key, path="/secure").json["detail"].endswith(": tls.")


@pytest.mark.parametrize(
    "path",
    ["//admin/users", "/a/../admin", "/a/%2e%2e/admin", "/.%2fadmin", "/a%5c..%5cadmin", "/a%ff", "/" + "a" * 300],
)
def test_a_path_that_the_service_may_read_otherwise_passes_no_policy_on_paths(way: Street, key: str, path: str) -> None:
    """Python's own HTTP server, which stands behind here, reads ``//admin`` as ``/admin``, and so do others."""
    before = len(way.behind.seen)
    refused = way.ask("--path-as-is", key=key, path=path)
    assert (refused.status, refused.json["reason"]) == (403, "policy.path")
    assert len(way.behind.seen) == before


@pytest.mark.parametrize("odd", ["X_Mattegate_Identity", "X-Mattegate_Identity", "x_mattegate-identity"])
def test_no_spelling_of_a_name_reaches_the_service(way: Street, key: str, odd: str) -> None:
    """Services that read headers as CGI does take an underscore for a hyphen."""
    assert way.ask("-H", f"{odd}: root", key=key, path="/a").status == 200
    got = way.behind.seen[-1]["headers"]
    assert {name for name in got if "mattegate" in name} <= {name.lower() for name in TOLD}
    assert "root" not in got.values()


def test_a_token_for_a_page_is_worth_nothing_where_no_image_is_seen(way: Street, key: str) -> None:
    """Its megapixels could not be held to; it is told so by name, and none of its images is taken."""
    wanted = {"origin": SHOP, "images": 1, "megapixels": 1, "minutes": 5}
    made = httpx2.post(f"{way.api.url}/v1/browser-tokens", json=wanted, headers=bearer(key))
    token = made.json()["token"]
    refused = way.ask("-X", "POST", "-H", f"Origin: {SHOP}", key=token, path="/a")
    assert (refused.status, refused.json["reason"]) == (403, "token.cutouts_only")
    assert refused.headers["access-control-allow-origin"] == SHOP
    sent = bearer(token) | {"Origin": SHOP, "Content-Type": "image/png"}
    cut = httpx2.post(f"{way.api.url}/v1/remove-bg", content=b"no picture", headers=sent, timeout=30)
    assert cut.json()["reason"] == "upload.type"  # let in, as the one image that it is good for


def test_a_key_that_is_bound_to_models_is_refused(way: Street) -> None:
    """Which model the service uses, nobody sees here; what is refused takes nothing from a quota."""
    bound = way.api.key("bound", TWO)
    with open_accounts(Settings(home=way.api.home)) as accounts:
        accounts.desk.update_key(client_id(bound), actor="cli:test", models=("u2netp",))
    refused = [way.ask(key=bound, path="/a") for _ in range(3)]
    assert {(answer.status, answer.json["reason"]) for answer in refused} == {(403, "policy.unseen")}
