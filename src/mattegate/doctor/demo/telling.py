"""Stories as text for a terminal. The doctor's answer is shown by the doctor's own renderer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from textwrap import fill

from mattegate.doctor.answer import Answer
from mattegate.doctor.demo.step import Ending, Step
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
    told = f"{sign} {ending.scenario.name} {word}. {ending.scenario.meant if ending.well else ending.says}"
    return _final("\n" + page.paint(page.folded(told, ""), how) + "\n", page)


def _lines(step: Step, page: Page) -> Iterator[str]:
    yield ""
    yield page.paint(step.title, _BOLD)
    for exchange in step.exchanges:
        yield page.paint(f"  $ {exchange.command}", _DIM)
        yield from (_shown(line, page) for line in exchange.came_back)
    if step.answer is not None:
        yield from _answer(step.answer, page)
    if step.says:
        yield page.folded(step.says, "  ")


def _shown(line: str, page: Page) -> str:
    """A line that came back; one that is indented is a file's, and stays as it is."""
    return f"  {line}".rstrip() if line.startswith(" ") else page.folded(line, "    ")


def _answer(answer: Answer, page: Page) -> Iterator[str]:
    """The doctor's answer without the list of what it looked at, which this story has shown already."""
    told = replace(answer, requests=(), checked=(), not_checked=())
    text = as_text(told, width=page.width - 4, colour=page.colour, plain=page.plain)
    yield from (f"    {line}".rstrip() for line in text.rstrip("\n").splitlines())


def _final(text: str, page: Page) -> str:
    if not page.plain:
        return text
    return text.translate(str.maketrans("·…✓✗", "-.vx")).encode("ascii", "backslashreplace").decode("ascii")
