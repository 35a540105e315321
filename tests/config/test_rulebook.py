"""From settings to the rulebook, and what a change of settings changes."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.changes import AT_ONCE, changed
from mattegate.config.load import SETTINGS, load_settings
from mattegate.config.rulebook import build_rulebook, foreign_prefix
from mattegate.config.schema import TABLES, coerce, example_of, value_of
from mattegate.config.settings import Settings
from mattegate.serving import routes
from mattegate.vocabulary.attempt import RouteView
from mattegate.vocabulary.rulebook import NetworkRule, Rulebook
from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer


def test_the_defaults_of_settings_and_rulebook_agree() -> None:
    """Nobody who sets nothing gets other rules than the vocabulary shows."""
    built = build_rulebook(Settings())
    plain = Rulebook()
    assert (built.transport, built.flood, built.cors) == (plain.transport, plain.flood, plain.cors)
    assert (built.signature, built.require) == (plain.signature, plain.require)
    assert built.credential == dataclasses.replace(plain.credential, environments=("prod", "test"))
    assert built.tiers == Settings().tiers


def test_denials_come_before_allowances_and_trials_behind_both() -> None:
    """The order in which the rules are asked."""
    network = load_settings(
        flags={
            "network.allow": "10.0.0.0/8",
            "network.deny": "10.0.0.1",
            "network.shadow_deny": "10.2.0.0/16",
            "network.shadow_allow": "2001:DB8::/32,2001:db8::/32",
        }
    )
    assert build_rulebook(network).network.rules == (
        NetworkRule("10.0.0.1", allow=False),
        NetworkRule("10.0.0.0/8", allow=True),
        NetworkRule("10.2.0.0/16", allow=False, shadow=True),
        NetworkRule("2001:db8::/32", allow=True, shadow=True),
    )


def test_origins_headers_and_hosts_are_in_the_form_they_are_compared_in() -> None:
    """Lower case, no default port, each once."""
    flags = {
        "cors.allowed_origins": "https://App.example.com:443,https://app.example.com,http://localhost:*",
        "cors.allowed_headers": "Authorization,AUTHORIZATION,X-API-Key",
        "cors.public_urls": "HTTPS://api.example.com",
        "hosts.names": "API.example.com.,*.Example.com",
    }
    book = build_rulebook(load_settings(flags=flags))
    assert book.cors.origins == ("https://app.example.com", "http://localhost:*")
    assert book.cors.headers == ("authorization", "x-api-key")
    assert book.cors.public_urls == ("https://api.example.com",)
    assert book.host.names == ("api.example.com", "*.example.com")


def test_keys_from_elsewhere_are_known_by_their_brand_alone() -> None:
    """From the configuration and from the ledger; nothing of a key is in the book."""
    loaded = load_settings(environ={"MATTEGATE_API_KEYS": "RMBG-PROD-abc123XYZ,plainwithoutbrand1"})
    book = build_rulebook(loaded, foreign_prefixes={"OLD_", "RMBG-PROD-", ""})
    assert book.credential.foreign_prefixes == ("OLD_", "RMBG-PROD-")
    assert book.credential.foreign_keys
    assert "abc123XYZ" not in json.dumps(dataclasses.asdict(book))
    assert build_rulebook(Settings(), foreign_keys=True).credential.foreign_keys
    assert not build_rulebook(Settings()).credential.foreign_keys


@pytest.mark.parametrize(
    ("key", "prefix"),
    [
        ("RMBG-PROD-abc123XYZ", "RMBG-PROD-"),
        ("sk_live_51HabcdefG", "sk_live_"),
        ("ghp_16C7e42F292c6912E7", "ghp_"),
        ("abc123XYZabc123XYZ", ""),
        ("correct-horse-battery-staple", ""),
        ("correct-horse-batterystaple", ""),
        ("deadbeef-cafe-4bad-9bad-c0ffee000000", ""),
        ("xoxb-123456789012-abcdefghijkl", ""),
        ("RMBG-PROD-abc1", ""),
        ("one_two_three_abc12345", ""),
        ("prefixtoolong_abc12345", ""),
        ("_abc12345", ""),
        ("", ""),
    ],
)
def test_a_brand_is_told_from_a_secret(key: str, prefix: str) -> None:
    """Rather none than a piece of a passphrase."""
    assert foreign_prefix(key) == prefix


@settings(max_examples=300, deadline=None)
@given(st.text(st.sampled_from(list("abZ019-_.")), max_size=40))
def test_a_brand_never_gives_away_what_looks_random(key: str) -> None:
    """At least eight characters stay behind it, and no digit is in it."""
    prefix = foreign_prefix(key)
    assert key.startswith(prefix)
    assert not any(char.isdigit() for char in prefix)
    assert not prefix or len(key) - len(prefix) >= 8


def test_what_is_required_is_told_by_the_names_of_routes() -> None:
    """One setting stands for every route about keys, proofs are in one order, and what is not set is not there."""
    flags = {"require.keys": "signature,key", "require.cutout": "certificate,certificate"}
    assert build_rulebook(load_settings(flags=flags)).require == (
        ("cutout", ("certificate",)),
        ("keys", ("key", "signature")),
        ("key", ("key", "signature")),
        ("key_rotate", ("key", "signature")),
    )


def test_something_can_be_required_on_every_route_that_asks_who_is_calling() -> None:
    """A route that is added gets its setting too."""
    everything = {setting: "key" for setting in SETTINGS if setting.startswith("require.")}
    required = dict(build_rulebook(load_settings(flags=everything)).require)
    private = {view.name for view in vars(routes).values() if isinstance(view, RouteView) and not view.public}
    assert private - {""} <= required.keys()


def test_the_same_settings_have_the_same_revision() -> None:
    """Whatever the order in which sets and environments come."""
    one = build_rulebook(load_settings(flags={"keys.environments": "test,prod"}), foreign_prefixes=["B_", "A_"])
    other = build_rulebook(load_settings(flags={"keys.environments": "prod,test"}), foreign_prefixes={"A_", "B_"})
    assert one.revision() == other.revision()
    assert one.revision() != build_rulebook(Settings()).revision()


# --- changes ------------------------------------------------------------------------------------------------------

_OTHER = {
    "server.require_tls": True,
    "hosts.default_endpoint": False,
    "hosts.private_networks": ("10.0.0.0/8",),
    "flood.enabled": False,
    "cors.allowed_headers": ("X-Other",),
    "cors.credentials": True,
    "cors.explain": True,
    "cors.shadow": True,
    "keys.prefix_prod": "mg_",
    "keys.prefix_test": "mt_",
    "keys.environments": ("prod",),
    "keys.unknown_status": 401,
    "keys.import_tier": "vip",
    "authorizer.sources": ("key",),
    "signatures.region": "eu-west-1",
    "signatures.service": "cutouts",
    "signatures.components": ("@method", "@target-uri"),
    "tokens.binding": "dpop",
    "tokens.scopes": ("cutout",),
    "tokens.issuers": (TokenIssuer("okta", "https://id.example.com", ("https://api.example.com",)),),
    "tiers": (),
}


def _changed(setting: str) -> Settings:
    """The defaults with one setting changed."""
    section, _, name = setting.rpartition(".")
    settings: Any = Settings()
    change: dict[str, Any] = {name: _other(setting)}
    if section:
        change = {section: dataclasses.replace(getattr(settings, section), **change)}
    changed_settings: Settings = dataclasses.replace(settings, **change)
    return changed_settings


def _other(setting: str) -> object:
    value = _OTHER.get(setting, example_of(setting))
    if value == value_of(Settings(), setting):
        value = not value if isinstance(value, bool) else value + 1 if isinstance(value, int | float) else value
    return value if setting in TABLES else coerce(setting, value)


@pytest.mark.parametrize("setting", sorted(AT_ONCE - {"keys.import_tier", "policies.folder"}))
def test_what_takes_effect_at_once_is_in_the_rulebook(setting: str) -> None:
    """Replacing the rulebook is all that such a change needs."""
    new = _changed(setting)
    assert changed(Settings(), new) == ((setting,), ())
    assert build_rulebook(new).revision() != build_rulebook(Settings()).revision()


@pytest.mark.parametrize("setting", sorted(set(SETTINGS) - AT_ONCE))
def test_what_needs_a_restart_is_not_in_the_rulebook(setting: str) -> None:
    """A change that the rulebook does not carry is not promised."""
    assert build_rulebook(_changed(setting)).revision() == build_rulebook(Settings()).revision()


def test_changes_are_told_apart() -> None:
    """Names in the order of the settings; nothing where nothing changed."""
    new = load_settings(
        flags={"home": Settings().home, "server.port": 9000, "network.deny": "10.0.0.1", "log.file": "/l"}
    )
    assert changed(Settings(), new) == (("network.deny",), ("server.port", "log.file"))
    assert changed(new, new) == ((), ())
