"""The guide of policies: its examples pass the check and do what it says, and its schema is the one in force."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from mattegate.cli.policy_explaining import words
from mattegate.config.policies import read_policies
from mattegate.gate.policies.aws.conditions import KEYS
from mattegate.gate.policies.aws.document import imported
from mattegate.gate.policies.cases import EXPECTED, MEMBERS, read_case, read_moment, run_case
from mattegate.gate.policies.compiled import Policies
from mattegate.gate.policies.explained import explained
from mattegate.gate.policies.library import formatted
from mattegate.gate.policies.schema import SCHEMA
from mattegate.vocabulary.rulebook import PolicyText
from tests.docs.test_guides import Block, blocks, quoted
from tests.gate.policies.texts import question

GUIDE = Path(__file__).parents[2] / "docs" / "guide" / "policies.md"


def only(kind: str) -> Block:
    """The one block of a kind."""
    (block,) = blocks(kind)
    return block


def texts(block: Block, folder: Path) -> tuple[PolicyText, ...]:
    """The policies of an example, as if it stood in the file ``office.cedar``."""
    (folder / "office.cedar").write_text(block.text, "utf-8")
    files = read_policies(folder)
    assert files.faults == ()
    return tuple(source.policy for source in files.sources)


@pytest.mark.parametrize("block", blocks("cedar"), ids=str)
def test_an_example_passes_the_check(block: Block, tmp_path: Path) -> None:
    """As it stands."""
    assert Policies(texts(block, tmp_path)).effects


def test_the_schema_is_the_one_in_force() -> None:
    """Printed from the code."""
    assert only("cedar schema").text.strip() == SCHEMA.strip()


def test_the_cases_go_as_they_say_with_the_first_example(tmp_path: Path) -> None:
    """Both are copied together."""
    policies = Policies(texts(blocks("cedar")[0], tmp_path))
    cases = [read_case(case) for case in tomllib.loads(only("toml cases").text)["cases"]]
    assert len(cases) == 3
    assert all(run_case(case, policies).passed for case in cases)


def test_what_explain_prints_is_what_it_prints(tmp_path: Path) -> None:
    """For the first example."""
    listed = texts(blocks("cedar")[0], tmp_path)
    asked = question(address="198.51.100.7", at=read_moment("2026-01-05T12:00:00Z"), model="u2netp")
    printed = "\n".join(words(asked, Policies(listed).judge(asked), explained(listed, asked)))
    assert printed in {block.text.strip() for block in blocks("text")}


def test_the_policy_from_aws_becomes_what_stands_below_it() -> None:
    """To the letter."""
    found = imported(only("json aws").text)
    text = formatted("\n\n".join(policy.text for policy in found.policies))
    assert text.strip() == only("cedar aws").text.strip()
    assert json.loads(only("json aws").text)


def test_everything_that_can_be_written_is_named() -> None:
    """Members of a case, what it may expect, the condition keys of AWS."""
    named = set(quoted(GUIDE))
    assert set(MEMBERS) <= named
    assert set(EXPECTED) - {"error"} <= named
    assert {name for name in KEYS if name.startswith("aws:")} <= named
