"""Stories as text for a terminal. The doctor's answer is shown by the doctor's own renderer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import fill

from mattegate.doctor.demo.step import Ending, Kind, Step
from mattegate.doctor.render import as_text

_BOLD, _DIM, _GREEN, _RED = "1", "2", "32", "31"


@dataclass(frozen=True, slots=True)
class Page:
    """What is written on."""

    width: int
    colour: bool
    plain: bool
    """ASCII only."""

    def paint(self, text: str, how: str) -> str:
        """``text`` in a colour, where there are any."""
        return f"\x1b[{how}m{text}\x1b[0m" if self.colour and text else text

    def folded(self, text: str, indent: str) -> str:
        """``text`` in lines that fit."""
        return fill(
            text,
            self.width,
            initial_indent=indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )


def step_text(step: Step, page: Page) -> str:
    """One step."""
    return _final("\n".join(_lines(step, page)) + "\n", page)


def ending_text(ending: Ending, page: Page) -> str:
    """How a story ended."""
    sign, word, how = ("✓", "ended well", _GREEN) if ending.well else ("✗", "did not end well", _RED)
    why = f": {ending.says}" if ending.says else ""
    return _final("\n" + page.paint(page.folded(f"{sign} {ending.scenario.name} {word}{why}", ""), how) + "\n", page)


def _lines(step: Step, page: Page) -> Iterator[str]:
    yield ""
    yield page.paint(step.title, _BOLD)
    yield from (page.paint(f"  $ {command}", _DIM) for command in step.commands)
    for line in step.came_back:
        yield page.folded(line, "    ")
    if step.answer is not None:
        text = as_text(step.answer, width=page.width - 4, colour=page.colour, plain=page.plain)
        yield from (f"    {line}".rstrip() for line in text.rstrip("\n").splitlines())
    if step.kind is not Kind.DOCTOR:
        yield page.folded(step.says, "  ")


def _final(text: str, page: Page) -> str:
    if not page.plain:
        return text
    return text.translate(str.maketrans("·…✓✗", "-.vx")).encode("ascii", "backslashreplace").decode("ascii")
