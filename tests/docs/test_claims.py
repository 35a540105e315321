"""The list of claims names tests that exist."""

from __future__ import annotations

from tests.claims import claims, missing_tests, recommendations


def test_every_named_test_exists() -> None:
    """A row that is claimed as proven names tests that are really there."""
    listed = (*claims(), *recommendations())
    assert {claim.row: missing_tests(claim) for claim in listed if missing_tests(claim)} == {}


def test_no_row_of_the_mission_is_forgotten() -> None:
    """All rows of the three source documents are listed, each once."""
    expected = [f"A{n}" for n in range(1, 46)] + [f"B{n}" for n in range(1, 28)] + [f"C{n}" for n in range(25)]
    assert [claim.row for claim in claims()] == expected
