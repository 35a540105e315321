"""Guessing the secrets of clients at the token endpoint: limited as every failed credential is, and explained."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from mattegate.config.settings import Settings
from mattegate.gate.replay import replay
from mattegate.gate.rules import Rules
from mattegate.ledger.records_reading import RecordReader
from tests.whole.token_clients import GIVING, TokenApi, client_id, giving

STRICT = {"unproven_per_minute": 100_000, "failures_per_minute": 3, "verifications_per_minute": 3}


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[TokenApi]:
    """A server that has little patience."""
    settings: dict[str, Any] = GIVING | {"flood": STRICT}
    with giving(tmp_path / "home", b"", **settings) as made:
        yield made


def guessed(key: str) -> str:
    """Another secret of the same shape."""
    return key[:-1] + ("a" if key[-1] != "a" else "b")


def asked(gate: TokenApi, key: str, secret: str, how: str) -> httpx2.Response:
    """One try, as either of the two ways to send a secret has it."""
    if how == "basic":
        return gate.form((client_id(key), secret))
    return gate.form(client_id=client_id(key), client_secret=secret)


@pytest.mark.parametrize("how", ["basic", "form"])
def test_guesses_end_soon_and_are_told_why(gate: TokenApi, how: str) -> None:
    """401 for the first, then 429 with the time to wait, whatever the secret; on record as what it is."""
    key = gate.api.key("guessed")
    answers = [asked(gate, key, guessed(key), how) for _ in range(20)]
    statuses = [answer.status_code for answer in answers]
    assert statuses == sorted(statuses)
    assert 3 <= statuses.count(401) <= 9
    last = answers[-1]
    assert (last.status_code, last.json()["reason"]) == (429, "flood.failed_credentials")
    assert int(last.headers["retry-after"]) >= 1
    assert gate.reason(last) == "flood.failed_credentials"
    assert asked(gate, key, key, how).status_code == 429  # nobody is told that this one is right
    record = next(one for one in gate.api.records(0) if one.request_id == last.headers["x-request-id"])
    reader = RecordReader(Settings(home=gate.api.home).ledger_dir, seal_key=None)
    rulebook = reader.rulebook(record.revision)
    reader.close()
    assert rulebook is not None
    assert replay(record.attempt, record.facts, record.findings, Rules.of(rulebook)) == "same"


def test_who_was_here_before_is_not_locked_out_by_a_neighbour(gate: TokenApi) -> None:
    """A client that got a token from this network lately gets the next; guesses at its secret look like all others."""
    good, other = gate.api.key("good"), gate.api.key("other")
    gate.token(good)
    for _ in range(12):
        asked(gate, other, guessed(other), "form")
    assert asked(gate, other, other, "form").status_code == 429
    for _ in range(3):
        refused = asked(gate, good, guessed(good), "form")
        assert (refused.status_code, refused.json()["reason"]) == (429, "flood.failed_credentials")
        assert asked(gate, good, good, "form").status_code == 200


def test_guesses_here_count_against_keys_and_the_other_way_round(gate: TokenApi) -> None:
    """One budget for a network, wherever it is spent."""
    key = gate.api.key("both")
    for _ in range(12):
        asked(gate, key, guessed(key), "form")
    refused = gate.whoami(guessed(gate.api.key("another")))
    assert (refused.status_code, refused.json()["reason"]) == (429, "flood.failed_credentials")
