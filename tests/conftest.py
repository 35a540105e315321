"""What tests of every part share: a home with real weights, fetched once by the product's own code."""

from __future__ import annotations

import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401 - imported late, inside the terminal summary, CPython 3.11 may fail to compile it
import pytest

from mattegate.config.settings import Settings
from mattegate.cutout.models.library import ModelLibrary
from tests.claims import claims, recommendations
from tests.spilled import Spilled, spilled_in, spilled_under

_CLAIMED = frozenset(test for claim in (*claims(), *recommendations()) for test in claim.tests)
_CACHE = Path(os.environ.get("MATTEGATE_TEST_CACHE") or Path(__file__).parent.parent / ".cache")


def pytest_configure() -> None:
    """Children are interrupted as from a terminal, also where whoever runs the tests ignores that signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


_LOGGED: list[Spilled] = []
"""Secrets that the product has logged in this process."""


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """What a test's own process has logged is an output like any other."""
    for title, text in report.sections:
        if title.startswith("Captured log"):
            _LOGGED.extend(spilled_in(text.encode(), f"{title} of {report.nodeid}"))


@pytest.fixture(scope="session", autouse=True)
def nothing_is_spilled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test, when all servers have ended: no secret is in anything that they or their desks wrote."""
    yield
    found = [*spilled_under(tmp_path_factory.getbasetemp()), *_LOGGED]
    if found:
        pytest.fail("secrets were written where none belong:\n" + "\n".join(map(str, found)), pytrace=False)


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
