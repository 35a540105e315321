"""What tests of every part share: a home with real weights, fetched once by the product's own code."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mattegate.config.settings import Settings
from mattegate.cutout.models.library import ModelLibrary

_CACHE = Path(os.environ.get("MATTEGATE_TEST_CACHE") or Path(__file__).parent.parent / ".cache")


@pytest.fixture(scope="session")
def u2netp_home() -> Path:
    """A mattegate home in which u2netp is installed and verified; shared between runs, so treat it as read-only."""
    home = _CACHE / "home"
    ModelLibrary(Settings(home=home)).pull("u2netp")
    return home
