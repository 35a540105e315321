"""What each renderer makes of each kind of answer was read by somebody and approved."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from mattegate.doctor.answer import Answer
from mattegate.doctor.render import as_json, as_markdown, as_page, as_svg, as_text, shareable
from tests.doctor.render.answers import EVERY, FAULT

GOLDEN: Final = Path(__file__).parent / "golden"
RENDERED: Final[dict[str, Callable[[Answer], str]]] = {
    "100.txt": partial(as_text, width=100, colour=False),
    "60.txt": partial(as_text, width=60, colour=False),
    "md": as_markdown,
}
ONCE: Final[dict[str, Callable[[Answer], str]]] = {
    "fault.verbose.txt": partial(as_text, width=80, colour=False, verbose=True),
    "fault.plain.txt": partial(as_text, width=80, colour=False, plain=True),
    "fault.colour.txt": partial(as_text, width=80, colour=True),
    "fault.zh.txt": partial(as_text, width=80, colour=False, language="zh"),
    "fault.zh.md": partial(as_markdown, language="zh"),
    "fault.html": partial(as_page, title="site.conf"),
    "fault.svg": as_svg,
    "fault.json": as_json,
    "fault.shared.txt": lambda answer: as_text(shareable(answer), width=80, colour=False),
}


def approved(name: str, told: str) -> None:
    """Compare with the golden file; delete it and run this twice to accept a change that somebody read."""
    golden = GOLDEN / name
    if not golden.exists():
        golden.write_text(told, "utf-8")
        pytest.fail(f"{name} was not there and is now: read it")
    assert told == golden.read_text("utf-8")


@pytest.mark.parametrize("ending", RENDERED)
@pytest.mark.parametrize("name", EVERY)
def test_each_kind_of_answer_reads_as_it_was_approved(name: str, ending: str) -> None:
    """A fault, one that was only seen, a clean bill, a refusal that is meant, and two kinds of not knowing."""
    approved(f"{name}.{ending}", RENDERED[ending](EVERY[name]))


@pytest.mark.parametrize("name", ONCE)
def test_each_format_of_the_same_fault_reads_as_it_was_approved(name: str) -> None:
    """One answer in every format, language and degree of detail."""
    approved(name, ONCE[name](FAULT))
