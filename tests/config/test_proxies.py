"""Configurations of proxies: what must be in each, and what cannot get in. That they work is tried by running them."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from mattegate.config.proxies import RESTORED, Front, rendered
from mattegate.vocabulary.admission import TOLD, Proxy
from mattegate.vocabulary.reasons import REASONS

FRONT = Front("http://127.0.0.1:8000", "/cutouts", "http://10.0.0.5:7000/", 8443, "api.example.com")


@pytest.mark.parametrize("proxy", Proxy)
def test_each_asks_the_gate_and_passes_on_to_the_service(proxy: Proxy) -> None:
    """Under the gate's prefix, on the port and for the host that were named; nothing is left to be filled in."""
    text = rendered(proxy, FRONT)
    assert "/cutouts/authz" in text
    assert "~{" not in text
    for part in ("10.0.0.5", "7000", "127.0.0.1", "8000"):
        assert part in text
    assert "api.example.com" in text


@pytest.mark.parametrize("proxy", [Proxy.NGINX, Proxy.CADDY, Proxy.TRAEFIK])
def test_no_header_that_names_a_caller_is_left_to_the_client(proxy: Proxy) -> None:
    """Each is written, or taken away, by name."""
    text = rendered(proxy, FRONT)
    assert all(name in text for name in TOLD)


def test_traefik_and_envoy_are_sound_yaml() -> None:
    """With the fields where their documentation has them; Envoy overwrites all that begins like ours."""
    traefik: dict[str, Any] = yaml.safe_load(rendered(Proxy.TRAEFIK, FRONT))
    asking = traefik["http"]["middlewares"]["mattegate"]["forwardAuth"]
    assert asking["address"] == "http://127.0.0.1:8000/cutouts/authz"
    assert (asking["trustForwardHeader"], asking["authResponseHeaders"]) == (False, list(TOLD))
    envoy: dict[str, Any] = yaml.safe_load(rendered(Proxy.ENVOY, FRONT))
    manager = envoy["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    asking = manager["http_filters"][0]["typed_config"]
    assert (asking["failure_mode_allow"], asking["http_service"]["path_prefix"]) == (False, "/cutouts/authz")
    names = asking["http_service"]["authorization_response"]["allowed_upstream_headers"]["patterns"]
    assert all(name.lower().startswith(names[0]["prefix"]) for name in TOLD)


def test_nginx_gives_back_every_status_that_the_gate_can_refuse_a_head_with() -> None:
    """But for 403, which it passes on itself; those that only a body or an engine ends in cannot come."""
    bodily = {"upload", "engine", "model", "option", "capacity", "idempotency", "account", "admin", "file", "request"}
    statuses = {reason.status for reason in REASONS.values() if reason.layer not in bodily}
    assert statuses - {403} <= set(RESTORED), sorted(statuses)


@pytest.mark.parametrize("proxy", Proxy)
@pytest.mark.parametrize(
    "front",
    [
        Front("http://127.0.0.1:8000", "", "http://a;b:1"),
        Front("http://127.0.0.1:8000", "", "http://a:1/path"),
        Front("http://127.0.0.1:8000", "", "ftp://a:1"),
        Front("http://a}\nserver{:1", "", "http://a:1"),
        Front("http://127.0.0.1:8000", "", "http://a:1", name="a b"),
        Front("http://127.0.0.1:8000", "", "http://a:1", name="a;b"),
    ],
)
def test_nothing_that_ends_a_directive_gets_in(proxy: Proxy, front: Front) -> None:
    """Addresses have a scheme, a host and a port; names are names."""
    with pytest.raises(ValueError, match="is not"):
        rendered(proxy, front)
