"""The way of a request as a picture: one column of stops from the caller down to the application, as SVG.

Rules of this file:

1. A state is told by form, sign and word, and only then by colour: a disc with a tick, an octagon with a cross, a
   diamond with a question mark, a hollow dot.
2. The picture is whole in itself: no script, no font, no link, and colours for light and dark.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from html import escape
from itertools import pairwise
from typing import Final

from mattegate.doctor.answer import Answer
from mattegate.doctor.render import style
from mattegate.doctor.render.columns import cells
from mattegate.doctor.render.told import report
from mattegate.doctor.render.way import Mark, Stop
from mattegate.doctor.render.words import STOPS, Language, pick, word

_WIDTH: Final = 460
_LEFT: Final = 30
_TEXT: Final = 60
_ROW: Final = 50
_ROW_WITH_LINE: Final = 76
_TOP: Final = 30
_LINE_CELLS: Final = 52
"""Columns of a configuration's line that fit in the picture."""


def as_svg(answer: Answer, *, language: str = "en") -> str:
    """The picture as a file of its own."""
    told = report(answer, language=language)
    return drawn(told.way, told.headline, told.language, alone=True) + "\n"


def drawn(way: Sequence[Stop], headline: str, language: Language, *, alone: bool = False) -> str:
    """The picture; ``alone``: with its own style and ground, else to stand in a page that has them."""
    height = _TOP + sum(map(_height, way)) - 8
    label = word("picture", language)
    size = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    named = 'role="img" aria-labelledby="way-title way-about"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="way" {named} {size} lang="{language}">',
        f'<title id="way-title">{escape(label)}</title>',
        f'<desc id="way-about">{escape(_described(way, headline, language))}</desc>',
    ]
    if alone:
        parts.append(f'<style>{style.WAY}</style><rect class="ground" width="100%" height="100%" rx="8"/>')
    return "\n".join([*parts, *_rails(way), *_stops(way, language), "</svg>"])


def _height(stop: Stop) -> int:
    return _ROW_WITH_LINE if stop.place else _ROW


def _described(way: Sequence[Stop], headline: str, language: Language) -> str:
    """The picture in words, for whoever does not see it."""
    told = []
    for stop in way:
        status = f" {stop.status}" if stop.status is not None else ""
        told.append(f"{stop.name}: {word(stop.state, language)}{status}")
    return f"{headline}. {'; '.join(told)}."


def _heights(way: Sequence[Stop]) -> Iterator[tuple[Stop, int]]:
    at = _TOP
    for stop in way:
        yield stop, at
        at += _height(stop)


def _rails(way: Sequence[Stop]) -> Iterator[str]:
    placed = list(_heights(way))
    for (_, above), (stop, below) in pairwise(placed):
        lost = "" if stop.reached else " lost"
        yield f'<line class="rail{lost}" x1="{_LEFT}" y1="{above}" x2="{_LEFT}" y2="{below}"/>'


def _stops(way: Sequence[Stop], language: Language) -> Iterator[str]:
    for stop, at in _heights(way):
        status = f" {stop.status}" if stop.status is not None else ""
        yield f'<g class="{stop.mark}" transform="translate(0 {at})">'
        yield f"<title>{escape(f'{stop.name}: {word(stop.state, language)}{status}')}</title>"
        yield _FORMS[stop.mark]
        yield f'<text class="name" x="{_TEXT}" y="-2">{escape(stop.name)}{status}</text>'
        yield f'<text class="about" x="{_TEXT}" y="16">{escape(_about(stop, language))}</text>'
        if stop.place:
            line = _shortened(f"{stop.place}\u00a0\u00a0{stop.text}".rstrip())
            yield f'<text class="line" x="{_TEXT}" y="37">{escape(line)}</text>'
        yield "</g>"


def _about(stop: Stop, language: Language) -> str:
    about = pick(STOPS[stop.name], language)
    return about if stop.mark is Mark.SENDS else f"{about} · {word(stop.state, language)}"


def _shortened(text: str) -> str:
    if cells(text) <= _LINE_CELLS:
        return text
    short = text[:_LINE_CELLS]
    while cells(short) >= _LINE_CELLS:
        short = short[:-1]
    return f"{short}…"


# --- forms --------------------------------------------------------------------------------------------------------


def _octagon(radius: float) -> str:
    turns = [math.pi / 8 + corner * math.pi / 4 for corner in range(8)]
    return " ".join(f"{_LEFT + radius * math.cos(turn):.1f},{radius * math.sin(turn):.1f}" for turn in turns)


_FORMS: Final = {
    Mark.SENDS: f'<rect class="form" x="{_LEFT - 9}" y="-9" width="18" height="18" rx="4"/>',
    Mark.PASSED: f'<circle class="form" cx="{_LEFT}" cy="0" r="12"/><path class="sign" d="M{_LEFT - 5} 0l4 4 7-8"/>',
    Mark.AT_FAULT: f'<polygon class="form" points="{_octagon(15)}"/>'
    f'<path class="sign" d="M{_LEFT - 5}-5l10 10M{_LEFT + 5}-5l-10 10"/>',
    Mark.UNSURE: f'<polygon class="form" points="{_LEFT},-17 {_LEFT + 17},0 {_LEFT},17 {_LEFT - 17},0"/>'
    f'<text class="asks" x="{_LEFT}" y="6">?</text>',
    Mark.UNSEEN: f'<circle class="form" cx="{_LEFT}" cy="0" r="7"/>',
}
