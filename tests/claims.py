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
    """Print the count and the rows that are open; fail when a named test is missing."""
    rows = claims()
    proven = [claim for claim in rows if claim.tests and not missing_tests(claim)]
    broken = {claim.row: missing_tests(claim) for claim in rows if missing_tests(claim)}
    print(f"{len(proven)} of {len(rows)} rows are proven by a named test")
    print("later: " + " ".join(claim.row for claim in rows if not claim.tests))
    for row, tests in broken.items():
        print(f"{row}: no such test: {', '.join(tests)}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
