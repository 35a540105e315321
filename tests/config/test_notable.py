"""What is worth knowing, what is masked, and the example to start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.example import example_toml, meanings
from mattegate.config.load import SETTINGS, load_settings
from mattegate.config.masking import masked, masked_url, shown_name
from mattegate.config.notable import exposed, notable
from mattegate.config.schema import TABLES
from mattegate.config.settings import Settings


def _noted(**flags: object) -> str:
    loaded = load_settings(flags={name.replace("__", "."): value for name, value in flags.items()})
    return "\n".join(f"{note.setting}: {note.what}" for note in notable(loaded))


def test_the_defaults_are_nothing_to_write_home_about() -> None:
    """Closed by default means silent by default."""
    assert notable(Settings()) == ()


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"server__host": "0.0.0.0"}, "server.host: serve refuses to listen on 0.0.0.0"),
        ({"server__host": "0.0.0.0", "server__insecure": True}, "server.insecure: keys and images cross"),
        ({"cors__allowed_origins": "*"}, "any web page may call this server and send a key"),
        ({"cors__shadow": True}, "none is refused"),
        ({"cors__max_age_s": 86_400}, "Chromium"),
        ({"keys__unsafe_anonymous": "vip"}, "keys.unsafe_anonymous: tier vip has no limit"),
        ({"signatures__unsafe_unsigned_payload": True}, "another body under a good signature"),
        ({"signatures__unsafe_body_timestamp_hmac": True}, "fit every path and method"),
        ({"signatures__aws_exact": True}, "which ids of signing keys exist"),
        ({"network__trusted_proxies": "::/0"}, "can be forged"),
        ({"network__deny": "203.0.113.7"}, "always the proxy"),
        ({"network__allow": "203.0.113.7"}, "no IPv6 address"),
        ({"flood__enabled": False}, "not limited"),
        ({"limits__store": "memory"}, "begin anew"),
        ({"limits__store": "redis", "limits__redis_url": "redis://:x@cache", "limits__on_loss": "local"}, "for itself"),
        ({"limits__store": "redis", "limits__redis_url": "redis://:x@cache"}, "limits.redis_url: it crosses"),
        ({"notices__webhook_url": "http://hooks.example.com"}, "notices.webhook_url: it crosses"),
        ({"api_keys": "RMBG-PROD-abc123XYZ"}, "everybody knows it"),
        ({"api_keys": "ACME-abc123XYZ", "keys__import_tier": "vip"}, "keys.import_tier: tier vip has no limit"),
    ],
)
def test_what_is_open_is_said(flags: dict[str, object], said: str) -> None:
    """Each permissive choice has its sentence, and none of them a key."""
    told = _noted(**flags)
    assert said in told
    assert "abc123XYZ" not in told


@pytest.mark.parametrize(
    "flags",
    [
        {"server.host": "127.0.0.2"},
        {"server.host": "::1"},
        {"server.host": "0.0.0.0", "network.trusted_proxies": "10.0.0.1"},
        {"server.host": "0.0.0.0", "server.tls_certificate": __file__, "server.tls_key": __file__},
    ],
)
def test_loopback_tls_and_a_declared_proxy_are_no_exposure(flags: dict[str, object]) -> None:
    """Nobody reads along."""
    assert not exposed(load_settings(flags=flags))


def test_a_given_tier_without_limits_is_said_and_the_built_in_one_is_not(tmp_path: Path) -> None:
    """Who writes unlimited sees once more what that means."""
    file = tmp_path / "m.toml"
    file.write_text("[tiers.gold]\nunlimited = true\n")
    (note,) = notable(load_settings(file=file), given={"tiers.gold"}, file=file)
    assert (note.setting, note.what) == ("tiers.gold", "tier gold has no limit")


def test_a_file_of_keys_that_others_can_read_is_said(tmp_path: Path) -> None:
    """0600 is quiet, 0644 is not."""
    file = tmp_path / "m.yaml"
    file.write_text("api_keys: [ACME-0123456789abcdef0123456789]\n")
    loaded = load_settings(file=file)
    file.chmod(0o600)
    assert "(file)" not in [note.setting for note in notable(loaded, file=file)]
    file.chmod(0o644)
    assert "(file)" in [note.setting for note in notable(loaded, file=file)]


# --- masking ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("", ""),
        ("redis://cache:6379/0", "redis://cache:6379/0"),
        ("redis://:word@cache:6379/0", "redis://***@cache:6379/0"),
        ("rediss://user:word@cache/1?password=word", "rediss://***@cache/1?***"),
        ("unix:///run/redis.sock?password=word", "unix:///run/redis.sock?***"),
        ("redis://:pa#word@cache", "(a URL)"),
        ("redis://:pa/word@cache", "(a URL)"),
        ("redis://:word", "(a URL)"),
        ("word@cache:6379", "(a URL)"),
        ("redis://[word", "(a URL)"),
    ],
)
def test_urls_are_shown_without_what_opens_the_door(url: str, shown: str) -> None:
    """Whatever cannot be taken apart for certain is not shown at all."""
    assert masked_url(url) == shown


def test_a_webhook_is_shown_by_its_host() -> None:
    """Its path is what grants access."""
    assert (
        masked("notices.webhook_url", "https://hooks.example.com/T0/secret?x=1") == "https://hooks.example.com/***?***"
    )
    assert masked("api_keys", ("RMBG-PROD-abc123XYZ",)) == ("(a key of 19 characters)",)
    assert masked("server.port", 8000) == 8000


@settings(max_examples=300, deadline=None)
@given(
    user=st.text(st.sampled_from(list("abc:/?#@[]%. ")), max_size=8),
    scheme=st.sampled_from(["redis://", "rediss://", "https://", "", "redis:"]),
)
def test_no_password_survives_masking(user: str, scheme: str) -> None:
    """However it is mangled, the word in front of the host is gone."""
    assert "hunter2" not in masked_url(f"{scheme}{user}:hunter2@cache:6379/0")


def test_names_are_shown_unless_they_look_like_keys() -> None:
    """A typing error is worth seeing, a key under api_keys: as a name is not."""
    for name in ("max_byte", "max-bytes", "ipv4_prefx", "port"):
        assert shown_name(name) == name
    for name in ("RMBG-PROD-abc123XYZ", "sk_live_51HabcdefG", "a\x1b[2J", "word word"):
        assert shown_name(name) == f"(a name of {len(name)} characters)"


# --- the example --------------------------------------------------------------------------------------------------


def test_the_example_changes_nothing(tmp_path: Path) -> None:
    """Who starts from it starts from the defaults."""
    file = tmp_path / "m.toml"
    file.write_text(example_toml())
    assert load_settings(file=file) == Settings()


def test_the_example_with_every_default_uncommented_says_the_same(tmp_path: Path) -> None:
    """Each line can be used by removing the # in front of it."""
    example = example_toml()
    lines = [line.removeprefix("# ") if _is_setting(line) else line for line in example.split("\n")]
    file = tmp_path / "m.toml"
    file.write_text("\n".join(lines))
    loaded = load_settings(file=file, flags={"home": Settings().home})
    assert {name for name in SETTINGS if f"\n# {name.rpartition('.')[2]} = " not in example} == {*TABLES}
    plain = [[(limit.kind, limit.amount, limit.window_s) for limit in tier.limits] for tier in loaded.tiers]
    assert plain == [[(limit.kind, limit.amount, limit.window_s) for limit in tier.limits] for tier in Settings().tiers]
    assert (loaded.server, loaded.cors, loaded.keys) == (Settings().server, Settings().cors, Settings().keys)


def _is_setting(line: str) -> bool:
    return (line.startswith("# ") and (" = " in line or line.startswith("# [")) and line[2] not in " f") or line in _F


_F = frozenset({"# failures_per_minute = 30", '# file = ""'})


def test_every_setting_has_a_meaning() -> None:
    """No setting without a sentence."""
    told = meanings()
    assert [name for name in SETTINGS if not told[name]] == []
