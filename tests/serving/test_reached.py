"""The address that the docs show: the one the page was asked by, but never one that only a caller says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.settings import CorsSettings, HostSettings, ServerSettings
from mattegate.gate.rules import Rules
from mattegate.serving.reached import reached_at
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.rulebook import CorsRules, HostRules, NetworkRules, Rulebook
from tests.gate.situations import SOUND
from tests.serving.planes import planes_of

HERE = ("192.168.1.5", 8000)
PUBLIC = "https://api.example.com"
NAMED = Rulebook(host=HostRules(names=("*.inner.example", "api.example.com")), cors=CorsRules(public_urls=(PUBLIC,)))
CLOSED = replace(NAMED, host=replace(NAMED.host, default_endpoint=False))
PROXIED = replace(NAMED, network=NetworkRules(trusted_proxies=("10.0.0.1",)))
PLAIN = Rulebook()


def _asked(host: str, **more: object) -> Attempt:
    bare = replace(SOUND.attempt, host=host, tls=False, peer="203.0.113.9")
    return replace(bare, **more)  # type: ignore[arg-type]


BY_PROXY = {"peer": "10.0.0.1", "forwarded_proto": "https"}


@pytest.mark.parametrize(
    ("rulebook", "attempt", "shown"),
    [
        (PLAIN, _asked("localhost:8000"), "http://localhost:8000"),
        (PLAIN, _asked("127.0.0.1:9000", tls=True), "https://127.0.0.1:9000"),
        (PLAIN, _asked("[::1]:8000"), "http://[::1]:8000"),
        (PLAIN, _asked("192.168.1.5:8000"), "http://192.168.1.5:8000"),
        (PLAIN, _asked("6.6.6.6"), "http://192.168.1.5:8000"),
        (PLAIN, _asked("evil.example"), "http://192.168.1.5:8000"),
        (PLAIN, _asked("localhost.evil.example"), "http://192.168.1.5:8000"),
        (PLAIN, _asked(""), "http://192.168.1.5:8000"),
        (NAMED, _asked("evil.example"), PUBLIC),
        (NAMED, _asked("Cut.Inner.Example:8080"), "http://cut.inner.example:8080"),
        (NAMED, _asked("<script>.inner.example"), PUBLIC),
        (NAMED, _asked("x@cut.inner.example"), PUBLIC),
        (NAMED, _asked("localhost:8000"), "http://localhost:8000"),
        (CLOSED, _asked("localhost:8000"), PUBLIC),
        (NAMED, _asked("api.example.com"), PUBLIC),
        (
            PROXIED,
            _asked("localhost:8000", forwarded_host="cut.inner.example", **BY_PROXY),
            "https://cut.inner.example",
        ),
        (PROXIED, _asked("localhost:8000", forwarded_host="evil.example", **BY_PROXY), PUBLIC),
        (NAMED, _asked("evil.example", forwarded_host="cut.inner.example", forwarded_proto="https"), PUBLIC),
    ],
    ids=str,
)
def test_only_what_is_served_is_shown(rulebook: Rulebook, attempt: Attempt, shown: str) -> None:
    """Names of the settings and this machine as they were asked for; else the public URL; else where it listens."""
    assert reached_at({"server": HERE}, attempt, Rules.of(rulebook)) == shown


@given(st.text(max_size=40))
def test_nothing_made_up_is_shown(host: str) -> None:
    """Whatever stands in Host: a name of ours comes out, or our own address."""
    shown = reached_at({"server": HERE}, _asked(f"{host}evil.example"), Rules.of(NAMED))
    assert shown == PUBLIC


def test_an_ipv6_listener_is_spelled_as_a_url() -> None:
    """Its address stands in brackets."""
    assert (
        reached_at({"server": ("2001:db8::5", 80)}, _asked("evil.example"), Rules.of(PLAIN)) == "http://[2001:db8::5]"
    )


def test_the_docs_can_be_pasted(tmp_path: Path) -> None:
    """Their examples name the address the page was asked by, under the prefix; an unknown Host is nowhere in it."""
    settings = {
        "server": ServerSettings(prefix="/cutouts"),
        "cors": CorsSettings(public_urls=(PUBLIC,)),
        "hosts": HostSettings(private_names=("cut.inner.example",), private_networks=("0.0.0.0/0",)),
    }
    with planes_of("memory", tmp_path, **settings) as planes:
        for host, shown in (("localhost:8000", "http://localhost:8000"), ("evil.example", PUBLIC)):
            page = planes.api.get("/cutouts/docs", headers={"Host": host}).text
            assert page.count(f"curl -sS {shown}/cutouts/v1/remove-bg ") == 3
            assert "evil" not in page
