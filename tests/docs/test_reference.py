"""The generated pages are those that the code would write now."""

from __future__ import annotations

import pytest

from docs.generate import PAGES, REFERENCE


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_fresh(name: str) -> None:
    """Whoever changes a reason, a setting or a model runs ``make docs``."""
    assert (REFERENCE / name).read_text("utf-8") == PAGES[name]()
