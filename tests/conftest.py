"""What tests of every part share: a home with real weights, fetched once by the product's own code."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 - imported late, inside the terminal summary, CPython 3.11 may fail to compile it
import pytest

from mattegate.config.settings import Settings
from mattegate.cutout.models.library import ModelLibrary
from tests.claims import claims, recommendations

_CLAIMED = frozenset(test for claim in (*claims(), *recommendations()) for test in claim.tests)
_CACHE = Path(os.environ.get("MATTEGATE_TEST_CACHE") or Path(__file__).parent.parent / ".cache")


def pytest_configure() -> None:
    """Children are interrupted as from a terminal, also where whoever runs the tests ignores that signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def u2netp_home() -> Path:
    """A mattegate home in which u2netp is installed and verified; shared between runs, so treat it as read-only."""
    home = _CACHE / "home"
    ModelLibrary(Settings(home=home)).pull("u2netp")
    return home


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A test that proves a claim may not be skipped, and under ``CI=true`` no test may."""
    report = yield
    unproven = item.nodeid.partition("[")[0] in _CLAIMED
    if report.skipped and not hasattr(report, "wasxfail") and (unproven or os.environ.get("CI") == "true"):
        why = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome, report.longrepr = "failed", f"{item.nodeid} must not be skipped: {why}"
    return report
