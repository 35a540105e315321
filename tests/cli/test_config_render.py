"""``mattegate config render``: a proxy's configuration for this very gate."""

from __future__ import annotations

import pytest

from tests.cli.at_home import At


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik", "envoy"])
def test_a_configuration_is_printed_for_the_gate_as_it_is_set(at: At, proxy: str) -> None:
    """Address and prefix come from the settings; an address that others reach the gate by can be given."""
    config = at.home / "render.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text('[server]\nhost = "0.0.0.0"\nport = 9000\nprefix = "/cut"\ninsecure = true\n')
    ended = at("--config", config, "config", "render", proxy, "--upstream", "http://127.0.0.1:7000")
    assert (ended.code, ended.err) == (0, "")
    assert "127.0.0.1" in ended.out
    assert "9000" in ended.out
    assert "/cut/authz" in ended.out
    given = at("config", "render", proxy, "--upstream", "http://10.0.0.5:7000", "--gate", "http://gate.internal:8000")
    assert "gate.internal" in given.out


@pytest.mark.parametrize(
    "words",
    [
        ("apache", "--upstream", "http://127.0.0.1:7000"),
        ("nginx",),
        ("nginx", "--upstream", "127.0.0.1:7000"),
        ("nginx", "--upstream", "http://127.0.0.1:7000", "--name", "a b"),
    ],
)
def test_what_cannot_stand_in_a_configuration_is_a_usage_error(at: At, words: tuple[str, ...]) -> None:
    """Nothing is printed that somebody could put in place."""
    ended = at("config", "render", *words)
    assert (ended.code, ended.out) == (2, "")
