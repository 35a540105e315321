"""What values keep to, one by one and together."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.load import examine, load_settings
from mattegate.config.networks import NetworkSpellingError, read_network, shown_network
from mattegate.config.origins import OriginSpellingError, normal_origin
from mattegate.config.rules import problems_of
from mattegate.config.schema import SETTINGS, TABLES, coerce, example_of


def _first_fault(**flags: object) -> tuple[str, str]:
    faults = examine(flags={name.replace("__", "."): value for name, value in flags.items()}).faults
    return faults[0].problem, faults[0].fix


@pytest.mark.parametrize(
    "setting",
    [name for name in SETTINGS if name not in TABLES and not name.startswith(("server.tls", "certificates."))],
)
def test_every_example_is_a_right_value(setting: str) -> None:
    """What a remedy tells people to write would be accepted."""
    value = example_of(setting)
    assert list(problems_of(setting, coerce(setting, value) if value is not None else None)) == []


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("network.trusted_proxies", "*"),
        ("network.allow", "localhost"),
        ("network.allow", "192.168.0.0/33"),
        ("network.deny", "fe80::1%eth0"),
        ("hosts.names", "api.example.com:443"),
        ("hosts.names", "api.*.com"),
        ("hosts.names", "-a.example.com"),
        ("hosts.private_networks", "10.0.0.1/8"),
        ("admin.host", "0.0.0.0"),
        ("admin.host", "::"),
        ("admin.host", "gate.example.com"),
        ("admin.hosts", "http://localhost"),
        ("flood.ipv4_prefix", 33),
        ("flood.ipv6_prefix", 129),
        ("flood.ipv4_prefix", 0),
        ("flood.failures_per_minute", 0),
        ("cors.allowed_origins", "*,https://a.example.com"),
        ("cors.allowed_origins", "https://*"),
        ("cors.allowed_headers", "X Y"),
        ("cors.max_age_s", 86_401),
        ("cors.public_urls", "https://*.example.com"),
        ("cors.public_urls", "https://api.example.com/v1"),
        ("keys.prefix_prod", "sk"),
        ("keys.prefix_prod", "sk:prod_"),
        ("keys.environments", "prod,staging"),
        ("signatures.skew_s", 0),
        ("signatures.skew_s", 3_601),
        ("signatures.region", ""),
        ("signatures.service", "a/b"),
        ("signatures.components", "@nonsense"),
        ("signatures.components", "Content-Type"),
        ("signatures.tag", 'a"b'),
        ("require.cutout", "key,password"),
        ("keys.environments", ""),
        ("keys.unknown_status", 404),
        ("keys.import_tier", "gold"),
        ("keys.unsafe_anonymous", "gold"),
        ("keys.prefix_test", "sk_prod_test_"),
        ("limits.store", "postgres"),
        ("limits.store", "redis"),
        ("limits.redis_url", "redis://cache:6379/0"),
        ("limits.redis_url", "cache:6379"),
        ("limits.on_loss", "allow"),
        ("limits.near", 0),
        ("limits.near", 1.01),
        ("records.days", 0),
        ("notices.webhook_url", "hooks.example.com"),
        ("notices.mail_to", "operator"),
        ("notices.mail_to", "operator@example.com"),
        ("notices.smtp_host", "mail.example.com"),
        ("notices.smtp_host", "mail.example.com:25"),
        ("notices.smtp_port", 0),
        ("server.tls_certificate", "/nowhere/chain.pem"),
        ("server.tls_key", "/"),
        ("server.tls_certificate", __file__),
        ("admin.port", 8000),
        ("log.file", "/"),
        ("server.docs", "perhaps"),
        ("server.port", True),
        ("api_keys", "RMBG-PROD-abc123XYZ,RMBG-PROD-abc123XYZ"),
        ("api_keys", "Bearer RMBG-PROD-abc123XYZ"),
        ("api_keys", "sk_prod_abc123XYZ000"),
        ("api_keys", "schlüssel-123456"),
        ("api_keys", "k" * 513),
    ],
)
def test_what_would_not_work_is_refused_with_a_remedy(setting: str, value: object) -> None:
    """One fault, at the setting that was given, with something to type or to do."""
    (fault,) = examine(flags={setting: value}).faults
    assert fault.setting == setting
    assert fault.fix or "too long" in fault.problem


@pytest.mark.parametrize(
    "flags",
    [
        {"cors.allowed_origins": "*"},
        {"cors.allowed_origins": "http://localhost:*,https://*.preview.example.com,http://[::1]:3000"},
        {"cors.allowed_origins": "https://app.example.com", "cors.credentials": True},
        {"network.trusted_proxies": "0.0.0.0/0"},
        {"network.trusted_proxies": "127.0.0.1", "network.allow": "203.0.113.7,2001:db8::/32"},
        {"limits.store": "redis", "limits.redis_url": "rediss://user:word@cache:6380/1"},
        {"limits.store": "redis", "limits.redis_url": "unix:///run/redis.sock"},
        {"admin.enabled": False, "admin.port": 8000},
        {"server.port": 0, "admin.port": 0},
        {"admin.host": "::1"},
        {"admin.host": "localhost"},
        {"keys.unknown_status": "401"},
        {"keys.prefix_prod": "RMBG-PROD-", "keys.prefix_test": "RMBG-TEST-"},
        {"keys.unsafe_anonymous": "free"},
        {"keys.prefix_prod": "mg_", "api_keys": "sk_prod_abc123XYZ000"},
        {"notices.mail_to": "a@example.com, b@example.com", "notices.smtp_host": "mail"},
        {"hosts.names": "API.example.com,*.example.com,[::1]"},
    ],
)
def test_what_people_mean_is_accepted(flags: dict[str, object]) -> None:
    """The shapes that the documentation shows."""
    assert examine(flags=flags).faults == ()


def test_trusting_everybody_and_judging_addresses_do_not_go_together() -> None:
    """With 0.0.0.0/0 as proxies every allowed address can be forged."""
    problem, fix = _first_fault(network__trusted_proxies="0.0.0.0/0", network__allow="203.0.113.7")
    assert "can forge" in problem
    assert fix.startswith("name the proxies")


def test_both_tls_files_or_none() -> None:
    """A certificate without its key serves nobody."""
    assert examine(flags={"server.tls_certificate": __file__, "server.tls_key": __file__}).faults == ()
    problem, fix = _first_fault(server__tls_key=__file__)
    assert (problem, fix) == ("TLS needs a certificate and its key", "set server.tls_certificate too, or neither")


def test_rules_over_several_settings_wait_for_each_of_them_to_be_right() -> None:
    """One slip is one fault, not three."""
    faults = examine(flags={"limits.store": "reddis", "limits.redis_url": "redis://cache"}).faults
    assert [fault.setting for fault in faults] == ["limits.store"]


def test_a_repeated_key_is_told_with_both_lines(tmp_path: Path) -> None:
    """Two customers with one key would be one customer."""
    file = tmp_path / "m.yaml"
    file.write_text("api_keys:\n  - ACME-first-000001\n  - ACME-other-000002\n  - ACME-first-000001\n")
    (fault,) = examine(file=file).faults
    assert (fault.line, fault.problem) == (4, "the same key stands as number 1 of the list too")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("https://App.Example.com", "https://app.example.com"),
        ("https://app.example.com:443", "https://app.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:0080", "http://localhost"),
        ("https://app.example.com:8443", "https://app.example.com:8443"),
        ("http://[0:0::1]:3000", "http://[::1]:3000"),
        ("http://localhost:*", "http://localhost:*"),
        ("https://*.Preview.example.com", "https://*.preview.example.com"),
        ("http://*.localhost:*", "http://*.localhost:*"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("*", "*"),
    ],
)
def test_origins_are_brought_to_the_form_that_browsers_send(text: str, normal: str) -> None:
    """Lower case, no default port."""
    assert normal_origin(text) == normal


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from(list("htps:/*.[]localexm0123456789@?#-_ A")), max_size=30) | st.text(max_size=12))
def test_an_origin_in_normal_form_stays_as_it_is(text: str) -> None:
    """Any text is an origin or an objection; the remedies that name one are right."""
    try:
        normal = normal_origin(text)
    except OriginSpellingError as error:
        suggested = re.fullmatch(r"write (https?://[^ *]+)", error.fix)
        told = str(error)
        assert told
        if suggested and "scheme is missing" not in told:
            assert normal_origin(suggested[1])
    else:
        assert normal_origin(normal) == normal


@settings(max_examples=300, deadline=None)
@given(st.ip_addresses().map(str) | st.text(st.sampled_from(list("0123456789.:/abf%*")), max_size=18))
def test_a_network_is_shown_as_it_can_be_given(text: str) -> None:
    """Any text is a network or an objection, and what is shown is read as the same."""
    try:
        network = read_network(text)
    except NetworkSpellingError as error:
        told = str(error)
        assert told
    else:
        assert read_network(shown_network(network)) == network


def test_an_ipv4_address_in_ipv6_clothes_is_undressed() -> None:
    """::ffff:10.0.0.0/104 would match nobody."""
    with pytest.raises(NetworkSpellingError) as caught:
        read_network("::ffff:10.0.0.0/104")
    assert caught.value.fix == "write 10.0.0.0/8"


def test_a_number_may_be_zero_where_that_means_something() -> None:
    """Reminders and disabling can be switched off."""
    assert load_settings(flags={"keys.remind_days": 0, "keys.unused_days": 0}).keys.remind_days == 0


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ({"certificates__mode": "required"}, "nobody is trusted to issue"),
        ({"certificates__mode": "required", "certificates__trust_store": __file__}, "nobody could show"),
        ({"certificates__mode": "always"}, "off, optional or required"),
        ({"certificates__header": "x-client-cert"}, "client-cert or x-ssl-client-cert"),
        ({"certificates__header": "client-cert"}, "only declared proxies may pass certificates on"),
        ({"certificates__revocation_lists": "/nowhere/crl.pem"}, "there is no file"),
    ],
)
def test_client_certificates_that_nobody_could_show_or_judge_are_faults(flags: dict[str, object], problem: str) -> None:
    """Otherwise a server would start that refuses everybody, or believes anybody."""
    assert problem in _first_fault(**flags)[0]
