"""``mattegate bench`` finds the measurements of a checkout, and says so where there are none."""

from __future__ import annotations

from pathlib import Path

from mattegate.cli.bench import checkout_of
from tests.cli.processes import ROOT, call, real


def test_a_checkout_is_found_by_its_measurements(tmp_path: Path) -> None:
    """An installed package stands in no checkout."""
    assert checkout_of(ROOT / "src" / "mattegate" / "__init__.py") == ROOT
    assert checkout_of(tmp_path / "lib" / "mattegate" / "__init__.py") is None


def test_what_the_measurements_refuse_is_passed_on() -> None:
    """Flags arrive, and so does the exit code."""
    ended = call(real("bench", "--quick", "--only", "no-such-figure"))
    assert ended.code == 2
    assert "no-such-figure" in ended.err
