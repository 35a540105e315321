"""Issuers of tokens in the configuration: their words, what is refused, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mattegate.config.issuers import KEYS, IssuerSpellingError, issuer_of, read_issuer, spell_issuer
from mattegate.config.load import examine, load_settings
from mattegate.config.settings import CorsSettings, ServerSettings, Settings, TokenSettings
from mattegate.signing.tokens.algorithms import ALGORITHMS
from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer

FEW: dict[str, Any] = {"issuer": "https://id.example.com", "audiences": ["https://api.example.com"]}
MANY: dict[str, Any] = FEW | {
    "algorithms": ["RS256"],
    "types": ["JWT", ""],
    "leeway_s": 5,
    "lifetime_s": 600,
    "binding": "dpop",
    "claim": "client_id",
    "identities": {"8f3a": "alice"},
    "prefix": "",
    "tier": "vip",
    "roles": ["realm_access.roles"],
    "tiers": {"image-team": "enterprise"},
    "scope_claims": ["scp"],
    "scopes": {"images.write": "cutout", "admin": ["cutout", "usage"]},
    "jwks_uri": "https://id.example.com/keys",
    "inner_hosts": ["id.internal"],
    "stale_s": 60,
}


def faults_of(table: dict[str, Any], name: str = "okta") -> list[tuple[tuple[str | int, ...], str]]:
    """Where each fault is, and what it says."""
    with pytest.raises(ExceptionGroup) as caught:
        read_issuer(name, table)
    return [(bad.at, bad.problem) for bad in caught.value.exceptions if isinstance(bad, IssuerSpellingError)]


def test_two_words_are_enough() -> None:
    """Whoever it names is an identity of the issuer's own; scopes of our names give what they say."""
    issuer = read_issuer("okta", FEW)
    assert issuer == TokenIssuer("okta", FEW["issuer"], ("https://api.example.com",), prefix="okta:")


def test_every_word_means_something() -> None:
    """There is no word without an effect, and every one comes back as it was written."""
    assert MANY.keys() == KEYS.keys()
    issuer = read_issuer("okta", MANY)
    assert spell_issuer(issuer) == MANY
    for word in KEYS.keys() - FEW.keys():
        assert read_issuer("okta", FEW | {word: MANY[word]}) != read_issuer("okta", FEW), word


def test_the_algorithms_are_those_that_are_verified() -> None:
    """The configuration lists them without importing what verifies."""
    for algorithm in ALGORITHMS:
        assert read_issuer("okta", FEW | {"algorithms": [algorithm]}).algorithms == (algorithm,)


@pytest.mark.parametrize(
    ("change", "at", "problem"),
    [
        ({"algorithms": ["HS256"]}, ("algorithms", 0), "not one of"),
        ({"algorithms": ["none"]}, ("algorithms", 0), "not one of"),
        ({"algorithms": []}, ("algorithms",), "must not be empty"),
        ({"audiences": "x"}, ("audiences",), "not a list"),
        ({"audiences": [""]}, ("audiences", 0), "must not be empty"),
        ({"issuer": "id.example.com"}, ("issuer",), "not an address"),
        ({"issuer": "https://id.example.com/?a"}, ("issuer",), "not an address"),
        ({"issuer": "https://user@id.example.com"}, ("issuer",), "not an address"),
        ({"issuer": "http://id.example.com"}, ("issuer",), "without TLS"),
        ({"jwks_uri": "http://id.example.com/k"}, ("jwks_uri",), "without TLS"),
        ({"leeway_s": -1}, ("leeway_s",), "not a number of seconds"),
        ({"leeway_s": True}, ("leeway_s",), "not a number of seconds"),
        ({"lifetime_s": 0}, ("lifetime_s",), "no token could be so short"),
        ({"binding": "tls"}, ("binding",), "not one of"),
        ({"prefix": "okta"}, ("prefix",), "not a name and a colon"),
        ({"scopes": {"all": "*"}}, ("scopes", "all", 0), "a token cannot give *"),
        ({"scopes": {"all": ["cutout", "keys"]}}, ("scopes", "all", 1), "a token cannot give keys"),
        ({"scopes": ["cutout"]}, ("scopes",), "not a table"),
        ({"types": ["dpop+jwt"]}, ("types",), "a proof of possession is no token"),
        ({"inner_hosts": ["http://x"]}, ("inner_hosts", 0), "not a host name"),
        ({"audience": "x"}, ("audience",), "no such word"),
    ],
)
def test_what_cannot_be_meant_is_a_fault_in_its_place(
    change: dict[str, Any], at: tuple[str | int, ...], problem: str
) -> None:
    """Each with the steps that lead to it."""
    ((place, told),) = faults_of(FEW | change)
    assert place == at
    assert problem in told


def test_everything_wrong_with_an_issuer_is_told_at_once() -> None:
    """Its name, what is missing and what is unknown."""
    assert [at for at, _ in faults_of({"issuers": "x"}, "Okta")] == [("issuers",), (), (), ()]


@pytest.mark.parametrize("place", ["http://localhost:3000", "http://127.0.0.1:3000/realm", "http://[::1]:3000"])
def test_an_issuer_on_this_machine_needs_no_tls(place: str) -> None:
    """Nobody is on the way."""
    assert read_issuer("own", FEW | {"issuer": place}).issuer == place


def test_a_named_inner_host_needs_no_tls() -> None:
    """Who names it has said that it is inside."""
    place = "http://id.internal:8080"
    assert read_issuer("own", FEW | {"issuer": place, "inner_hosts": ["id.internal"]}).issuer == place


def test_faults_of_issuers_stand_in_their_lines(tmp_path: Path) -> None:
    """With those that only the whole configuration shows: tiers that are not there, prefixes that two have."""
    file = tmp_path / "m.toml"
    file.write_text(
        '[tokens.issuers.one]\nissuer = "https://one.example"\naudiences = ["a"]\nalgorithms = ["HS256"]\n'
        '[tokens.issuers.two]\nissuer = "https://two.example"\naudiences = []\n'
    )
    told = [(fault.line, fault.setting) for fault in examine(file=file).faults]
    assert told == [(4, "tokens.issuers.one.algorithms"), (7, "tokens.issuers.two.audiences")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('tier = "gold"', "there is no tier 'gold'"),
        ('tiers = { admin = "gold" }', "there is no tier 'gold'"),
        ('prefix = "other:"', "so one could speak for the other's"),
    ],
)
def test_issuers_fit_the_rest_of_the_configuration(tmp_path: Path, text: str, problem: str) -> None:
    """Their tiers are there, and two do not make the same identities."""
    file = tmp_path / "m.toml"
    other = '[tokens.issuers.other]\nissuer = "https://other.example"\naudiences = ["a"]\n'
    file.write_text(f'{other}[tokens.issuers.one]\nissuer = "https://one.example"\naudiences = ["a"]\n{text}\n')
    (fault,) = examine(file=file).faults
    assert problem in fault.problem
    assert fault.origin == str(file)


def test_an_issuer_has_one_table(tmp_path: Path) -> None:
    """Of two, one would say who its users are and the other where its keys lie."""
    file = tmp_path / "m.toml"
    table = 'issuer = "https://id.example"\naudiences = ["a"]\n'
    file.write_text(f"[tokens.issuers.one]\n{table}[tokens.issuers.two]\n{table}")
    (fault,) = examine(file=file).faults
    assert "two tables are about https://id.example" in fault.problem


def test_own_tokens_need_an_address() -> None:
    """What tokens name as their issuer cannot be guessed; another server of that name is a slip."""
    (fault,) = examine(flags={"tokens.enabled": True}).faults
    assert "nobody says what that is" in fault.problem
    for flags in ({"tokens.issuer": "https://api.example.com"}, {"cors.public_urls": "https://api.example.com"}):
        assert issuer_of(load_settings(flags={"tokens.enabled": True, **flags})) == "https://api.example.com"


def test_the_first_public_url_and_the_prefix_are_the_issuer() -> None:
    """Unless it is named."""
    urls = CorsSettings(public_urls=("https://api.example.com", "https://b.example.com"))
    assert issuer_of(Settings(cors=urls, server=ServerSettings(prefix="/api"))) == "https://api.example.com/api"
    assert (
        issuer_of(Settings(cors=urls, tokens=TokenSettings(issuer="https://id.example.com")))
        == "https://id.example.com"
    )
    assert issuer_of(Settings()) == ""


def test_an_issuer_that_is_this_server_is_a_slip(tmp_path: Path) -> None:
    """Its tokens are taken anyway."""
    file = tmp_path / "m.yaml"
    file.write_text(
        "tokens:\n  issuer: https://api.example.com\n  issuers:\n    self:\n      issuer: https://api.example.com\n"
        "      audiences: [a]\n"
    )
    (fault,) = examine(file=file).faults
    assert fault.problem == "self is this server itself"
