"""No reason is dead wood: each one is produced by the code, told in the documentation and met in a test."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from docs.generate import REFERENCE
from mattegate.vocabulary.attempt import Flaw
from mattegate.vocabulary.reasons import REASONS

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
CODE = re.compile(r"(?<![\w.])[a-z]+\.[a-z_0-9]+(?![\w.]\w)")
CATALOGUE = ROOT / "src" / "mattegate" / "vocabulary" / "reasons.py"


@cache
def _produced() -> frozenset[str]:
    """Every code that stands in the source outside the catalogue, and those that are put together from two words."""
    words = frozenset(_strings(ROOT / "src" / "mattegate"))
    stores = {f"dependency.{name}" for name in _first_arguments("Unavailable") | _first_arguments("answering")}
    named = {f"dependency.{word}" for word in words if f"dependency.{word}" in REASONS}
    flaws = {f"credential.{flaw}" for flaw in Flaw if flaw}
    return words | flaws | (stores & named)


@cache
def _met() -> frozenset[str]:
    """Every code that a test expects: in a text of its code, or in an indented line of a scenario."""
    met: set[str] = set()
    for file in (ROOT / "tests").rglob("*.py"):
        if file.parent != HERE:
            met |= _codes_in_python(file.read_text("utf-8"))
    for file in (ROOT / "tests").rglob("*.txt"):
        met |= _codes_in_scenario(file.read_text("utf-8"))
    return frozenset(met)


def _codes_in_python(source: str) -> set[str]:
    """Words like codes in the constants of a module; what merely stands there, as docstrings do, expects nothing."""
    tree = ast.parse(source)
    idle = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = (
        node.value.decode("latin-1") if isinstance(node.value, bytes) else node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes) and id(node) not in idle
    )
    return {code for text in texts for code in CODE.findall(text)}


def _codes_in_scenario(text: str) -> set[str]:
    """Words like codes in the lines that set something up or expect something; titles and remarks are not indented."""
    lines = (line for line in text.splitlines() if line.startswith(" ") and not line.lstrip().startswith("#"))
    return {code for line in lines for code in CODE.findall(line)}


def _trees(folder: Path) -> Iterator[ast.AST]:
    for file in folder.rglob("*.py"):
        if file != CATALOGUE:
            yield ast.parse(file.read_text("utf-8"))


def _strings(folder: Path) -> Iterator[str]:
    for tree in _trees(folder):
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def _first_arguments(name: str) -> set[str]:
    """The texts that a function is called with, or the constants' names resolved to theirs."""
    found: set[str] = set()
    for tree in _trees(ROOT / "src" / "mattegate"):
        constants = {
            target.id: node.value.value
            for node in ast.walk(tree)
            if isinstance(node, ast.AnnAssign | ast.Assign) and isinstance(node.value, ast.Constant)
            for target in ([node.target] if isinstance(node, ast.AnnAssign) else node.targets)
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name and node.args:
                first = node.args[0]
                value = first.value if isinstance(first, ast.Constant) else constants.get(getattr(first, "id", ""))
                if isinstance(value, str):
                    found.add(value)
    return found


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_is_produced_documented_and_tested(code: str) -> None:
    """A reason that nothing gives, that no page tells or that no test meets does not belong in the catalogue."""
    assert code in _produced(), "nothing gives this reason"
    assert f"`{code}`" in (REFERENCE / "reasons.md").read_text("utf-8"), "run make docs"
    assert code in _met(), "no test meets this reason"


def test_a_reason_that_is_only_talked_about_is_not_met() -> None:
    """Docstrings, comments, names of which the code is a part, and titles of scenarios prove nothing."""
    assert (
        _codes_in_python('"""upload.side"""\ndef test() -> None:\n    """upload.side"""\n    # upload.side\n') == set()
    )
    assert _codes_in_python("assert no.reason.code == 'upload.side_door'") == {"upload.side_door"}
    assert _codes_in_python("assert b'reason: upload.side' in answer") == {"upload.side"}
    assert _codes_in_scenario("# upload.side\n\nupload.side comes.\n    refused upload.frames 422\n") == {
        "upload.frames"
    }
