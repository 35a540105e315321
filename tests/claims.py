"""Counts the rows of the mission that a named test proves: ``make claims``."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Claim:
    """One row: its id and the tests that prove it; without tests it is for later."""

    row: str
    tests: tuple[str, ...]


def claims() -> tuple[Claim, ...]:
    """Every row of ``claims.toml`` in its order."""
    table = tomllib.loads((ROOT / "tests" / "claims.toml").read_text("utf-8"))
    return tuple(Claim(row, tuple(entry.get("tests", ()))) for row, entry in table.items())


def recommendations() -> tuple[Claim, ...]:
    """What the published guides recommend, in the order of ``recommendations.toml``."""
    table = tomllib.loads((ROOT / "tests" / "recommendations.toml").read_text("utf-8"))
    return tuple(
        Claim(f"{guide}.{name}", tuple(entry.get("tests", ())))
        for guide, entries in table.items()
        for name, entry in entries.items()
    )


def missing_tests(claim: Claim) -> tuple[str, ...]:
    """The named tests that do not exist."""
    return tuple(test for test in claim.tests if not _exists(test))


def _exists(test: str) -> bool:
    file, _, path = test.partition("::")
    source = ROOT / file
    return source.is_file() and path.partition("[")[0] in set(_test_paths(ast.parse(source.read_text("utf-8")), ""))


def _test_paths(node: ast.AST, prefix: str) -> Iterator[str]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _test_paths(child, f"{prefix}{child.name}::")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and child.name.startswith("test"):
            yield prefix + child.name


def main() -> int:
    """Print the counts and what is open; fail when a named test is missing."""
    broken = _tell("rows", claims()) | _tell("recommendations of the guides", recommendations())
    for row, tests in broken.items():
        print(f"{row}: no such test: {', '.join(tests)}", file=sys.stderr)
    return 1 if broken else 0


def _tell(what: str, listed: tuple[Claim, ...]) -> dict[str, tuple[str, ...]]:
    """Print how many are proven; returns those whose named tests are not there."""
    broken = {claim.row: missing_tests(claim) for claim in listed if missing_tests(claim)}
    proven = [claim for claim in listed if claim.tests and claim.row not in broken]
    print(f"{len(proven)} of {len(listed)} {what} are proven by a named test")
    print("later: " + " ".join(claim.row for claim in listed if not claim.tests))
    return broken


if __name__ == "__main__":
    sys.exit(main())
