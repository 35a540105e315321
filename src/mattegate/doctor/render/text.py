"""The report for a terminal: the verdict in one line, the way, what is wrong, what requests get, what was checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.answer import Answer, Certainty, Verdict
from mattegate.doctor.render.columns import cells, padded, wrapped
from mattegate.doctor.render.told import Bounds, Few, Report, Row, Told, report
from mattegate.doctor.render.way import PLAIN_SIGNS, SIGNS, Mark, Piece, Stop, pieces
from mattegate.doctor.render.words import Language, word

_FEW: Final = Bounds(findings=12, evidence=3, rows=12, items=12)
_MANY: Final = Bounds(findings=200, evidence=200, rows=500, items=500, characters=8_000)
_LEAST_WIDTH: Final = 30

_CODES: Final = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_VERDICTS: Final = {
    Verdict.FAULT: ("✗", "[X]", "red"),
    Verdict.CLEAN: ("✓", "[ok]", "green"),
    Verdict.UNDECIDED: ("?", "[?]", "yellow"),
}
_MARKS: Final = {
    Mark.SENDS: "bold",
    Mark.PASSED: "green",
    Mark.AT_FAULT: "red",
    Mark.UNSURE: "yellow",
    Mark.UNSEEN: "dim",
}
_SURE: Final = {Certainty.PROVEN: "red", Certainty.LIKELY: "yellow", Certainty.POSSIBLE: "yellow"}
_PLAIN: Final = str.maketrans(
    {"→": "->", "…": "...", "–": "-", "—": "-", "’": "'", "‘": "'", "“": '"', "”": '"', "·": "-", "✓": "ok", "✗": "x"}
)


def as_text(
    answer: Answer, *, width: int, colour: bool, verbose: bool = False, plain: bool = False, language: str = "en"
) -> str:
    """The whole report in lines of ``width`` columns. ``plain``: nothing but ASCII, and therefore English."""
    spoken = Language.ENGLISH if plain else Language(language)
    told = report(answer, language=spoken, bounds=_MANY if verbose else _FEW)
    page = _Page(max(width, _LEAST_WIDTH), colour=colour, plain=plain, language=spoken)
    text = "\n".join(line.rstrip() for line in _lines(told, page)) + "\n"
    return text.translate(_PLAIN).encode("ascii", "backslashreplace").decode("ascii") if plain else text


@dataclass(frozen=True, slots=True)
class _Page:
    """What is written on."""

    width: int
    colour: bool
    plain: bool
    language: Language

    def paint(self, text: str, *how: str) -> str:
        if not self.colour or not how or not text:
            return text
        return f"\x1b[{';'.join(_CODES[one] for one in how)}m{text}\x1b[0m"

    def word(self, name: str, **facts: object) -> str:
        return word(name, self.language, **facts)

    def more(self, few: Few[Told] | Few[Row] | Few[str], indent: str) -> Iterator[str]:
        if few.more:
            yield indent + self.paint(self.word("more", count=few.more), "dim")

    def painted(self, lines: Sequence[str], *how: str) -> Iterator[str]:
        """Whole lines, their margins left alone."""
        for line in lines:
            bare = line.lstrip()
            yield line[: len(line) - len(bare)] + self.paint(bare, *how)

    def heading(self, name: str) -> Iterator[str]:
        yield ""
        yield self.paint(self.word(name), "bold")


def _lines(told: Report, page: _Page) -> Iterator[str]:
    yield from _verdict(told, page)
    if told.way_is_known:
        yield ""
        yield from _way(told.way, page)
    yield from _findings(told.findings, page)
    yield from _requests(told.rows, page)
    for name, few in (("checked", told.checked), ("not_checked", told.not_checked), ("legend", told.legend)):
        yield from _list(name, few, page)


def _verdict(told: Report, page: _Page) -> Iterator[str]:
    sign, plain_sign, how = _VERDICTS[told.verdict]
    lines = wrapped(told.headline, page.width, first=f"{plain_sign if page.plain else sign} ")
    yield from page.painted(lines, "bold", how)


# --- the way ------------------------------------------------------------------------------------------------------


def _way(way: Sequence[Stop], page: _Page) -> Iterator[str]:
    row: list[Piece] = []
    for piece in pieces(way, plain=page.plain):
        if row and _length([*row, piece]) > page.width:
            yield from _stretch(row, page)
            row = []
        row.append(piece)
    yield from _stretch(row, page)
    yield ""
    yield from page.painted(wrapped(_signs(way, page), page.width, first=_MARGIN), "dim")


_MARGIN: Final = "  "


def _length(row: Sequence[Piece]) -> int:
    return len(_MARGIN) + sum(cells(piece.lead) + cells(piece.label) + 1 for piece in row) - 1


def _stretch(row: Sequence[Piece], page: _Page) -> Iterator[str]:
    """One line of the way, and below it the lines of a configuration that decide there."""
    painted = []
    for piece in row:
        how = _MARKS[piece.stop.mark]
        strong = (how, "bold") if piece.stop.mark is Mark.AT_FAULT else (how,)
        painted.append(page.paint(piece.lead, "dim") + page.paint(piece.label, *strong))
    yield _MARGIN + " ".join(painted)
    column = len(_MARGIN)
    for piece in row:
        if piece.stop.place and piece.stop.mark is not Mark.PASSED:
            yield from _below(piece, column, page)
        column += cells(piece.lead) + cells(piece.label) + 1


def _below(piece: Piece, column: int, page: _Page) -> Iterator[str]:
    """The place, and the line itself where it fits beside."""
    corner = "`-" if page.plain else "└"
    start, place = column + cells(piece.lead), f"{corner} {piece.stop.place}"
    text = f"{place}  {piece.stop.text}".rstrip()
    text = text if start + cells(text) <= page.width else place
    start = max(len(_MARGIN), min(start, page.width - cells(text)))
    yield " " * start + page.paint(text, _MARKS[piece.stop.mark])


def _signs(way: Sequence[Stop], page: _Page) -> str:
    """What the signs on the way mean, those that are there."""
    signs = PLAIN_SIGNS if page.plain else SIGNS
    marks = {stop.mark for stop in way}
    return ", ".join(f"{signs[mark]} {page.word(mark)}" for mark in Mark if mark in marks and signs[mark])


# --- findings -----------------------------------------------------------------------------------------------------


def _findings(few: Few[Told], page: _Page) -> Iterator[str]:
    if few.shown:
        yield from page.heading("found")
        yield from _in_full(few.shown[0], page)
    if few.shown[1:]:
        yield from page.heading("others")
        for number, told in enumerate(few.shown[1:]):
            if number:
                yield ""
            yield from _in_short(told, page)
    yield from page.more(few, "  ")


def _in_full(told: Told, page: _Page) -> Iterator[str]:
    yield from page.painted(wrapped(told.title, page.width, first="  "), "bold")
    yield from _facts(told, page)
    for line in told.lines:
        yield f"  {line.place}  {line.text}"
    yield from _part("evidence", told.evidence.shown, page, bullet=True)
    yield from page.more(told.evidence, "      ")
    yield from _part("remedy", told.remedy, page)
    yield from _block("change", told.change, page)
    yield from _block("next", told.command, page)
    yield from _part("tell_apart", (told.tell_apart,) if told.tell_apart else (), page)
    yield from _part("verified", told.verified, page)


def _facts(told: Told, page: _Page) -> Iterator[str]:
    """What was asked and answered, and how sure this is."""
    status = f"→ {told.status}" if told.status is not None else ""
    asked = " ".join(filter(None, (told.request, status)))
    sure = page.word("because", sure=told.sure, because=told.because)
    if asked:
        yield from wrapped(asked, page.width, first="  ")
    yield from page.painted(wrapped(f"{told.layer} · {told.cause}", page.width, first="  "), "dim")
    yield from page.painted(wrapped(sure, page.width, first="  "), _SURE[told.certainty])


def _part(name: str, paragraphs: Sequence[str], page: _Page, *, bullet: bool = False) -> Iterator[str]:
    if not paragraphs:
        return
    yield ""
    yield "  " + page.paint(page.word(name), "bold")
    for paragraph in paragraphs:
        yield from wrapped(paragraph, page.width, first="    - " if bullet else "    ")


def _block(name: str, text: str, page: _Page) -> Iterator[str]:
    """Lines of their own and never broken, so that they can be copied."""
    if text:
        yield ""
        yield "  " + page.paint(page.word(name), "bold")
        yield from (f"    {page.paint(line, 'cyan')}" for line in text.split("\n"))


def _in_short(told: Told, page: _Page) -> Iterator[str]:
    status = f" → {told.status}" if told.status is not None else ""
    places = "".join(f" ({line.place})" for line in told.lines[:1])
    yield from wrapped(f"{told.title}{places}", page.width, first="  - ")
    yield from page.painted(wrapped(f"{told.sure} · {told.layer} · {told.cause}", page.width, first="    "), "dim")
    if told.request:
        yield from wrapped(f"{told.request}{status}", page.width, first="    ")
    for paragraph in told.remedy:
        yield from wrapped(f"{page.word('remedy')}: {paragraph}", page.width, first="    ")
    if told.command:
        yield from (f"    {page.paint(line, 'cyan')}" for line in told.command.split("\n"))


# --- what each request gets ---------------------------------------------------------------------------------------


def _requests(rows: Few[Row], page: _Page) -> Iterator[str]:
    if not rows.shown:
        return
    yield from page.heading("requests")
    names = Row(*(page.word(name) for name in ("asked", "gets", "decided")))
    first, second = (_widest(column, (names, *rows.shown)) for column in ("request", "gets"))
    if 2 + first + 2 + second + 2 + _widest("decided", (names, *rows.shown)) <= page.width:
        head = f"  {padded(names.request, first)}  {padded(names.gets, second)}  {names.decided}"
        yield from page.painted((head,), "dim")
        yield from (f"  {padded(row.request, first)}  {padded(row.gets, second)}  {row.decided}" for row in rows.shown)
    else:
        for row in rows.shown:
            yield from wrapped(row.request, page.width, first="  ")
            yield from wrapped(", ".join(filter(None, (row.gets, row.decided))), page.width, first="    ")
    yield from page.more(rows, "  ")


def _widest(column: str, rows: Sequence[Row]) -> int:
    return max(cells(getattr(row, column)) for row in rows)


def _list(name: str, few: Few[str], page: _Page) -> Iterator[str]:
    if not few.shown:
        return
    yield from page.heading(name)
    for text in few.shown:
        yield from wrapped(text, page.width, first="  - ")
    yield from page.more(few, "  ")
