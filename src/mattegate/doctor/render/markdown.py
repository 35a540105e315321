"""The report as Markdown, for an issue or a chat: GitHub's flavour, and harmless in any other.

Whatever was read stands in code (spans, or fences longer than any run of backticks inside): there no HTML, no link, no
mention and no table can come of it. Prose is escaped, and what a site would turn into a link or a mention becomes code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from mattegate.doctor.answer import Answer, Verdict
from mattegate.doctor.render.told import Few, Report, Row, Told, report, spans
from mattegate.doctor.render.way import SIGNS, Mark, Stop, pieces
from mattegate.doctor.render.words import Language, word

_SIGNS: Final = {Verdict.FAULT: "❌", Verdict.CLEAN: "✅", Verdict.UNDECIDED: "❔"}


def as_markdown(answer: Answer, *, language: str = "en") -> str:
    """The whole report. Ends with a line end."""
    told = report(answer, language=language)
    return "\n\n".join(block for block in _blocks(told) if block) + "\n"


def _blocks(told: Report) -> Iterator[str]:
    spoken = told.language
    yield f"## {_SIGNS[told.verdict]} {prose(told.headline)}"
    yield _fenced(_way(told.way, spoken), "text") if told.way_is_known else ""
    if told.findings.shown:
        yield f"### {word('found', spoken)}"
        yield from _in_full(told.findings.shown[0], spoken)
    if told.findings.shown[1:]:
        yield f"### {word('others', spoken)}"
        for finding in told.findings.shown[1:]:
            yield from _in_full(finding, spoken)
    yield _more(told.findings, spoken)
    yield from _requests(told.rows, spoken)
    for name, few in (("checked", told.checked), ("not_checked", told.not_checked), ("legend", told.legend)):
        yield from _list(name, few, spoken)


# --- escaping -----------------------------------------------------------------------------------------------------

_PUNCTUATION: Final = re.compile(r"([\\`*_\[\]#!|~$])")
_STARTS_A_BLOCK: Final = re.compile(r"^([-+=]|\d{1,9}(?=[.)]))")
_BECOMES_A_LINK: Final = re.compile(
    r"(?i)(?:https?|ftp)://[^\s`]{1,2000}|www\.[^\s`]{1,2000}|(?<!\w)[@#][\w/.-]{1,100}|[\w.+-]{1,64}@[\w.-]{1,200}"
)
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def prose(text: str) -> str:
    """``text`` as prose: its own `` `code` `` stays code, all else is plain."""
    told = "".join(code(piece) if is_code else _words(piece) for is_code, piece in spans(text))
    return _STARTS_A_BLOCK.sub(_unblocked, told)


def _unblocked(start: re.Match[str]) -> str:
    return f"&#{ord(start[0][0])};{start[0][1:]}"


def _words(text: str) -> str:
    parts, done = [], 0
    for found in _BECOMES_A_LINK.finditer(text):
        parts += [_escaped(text[done : found.start()]), code(found[0])]
        done = found.end()
    return "".join([*parts, _escaped(text[done:])])


def _escaped(text: str) -> str:
    return _PUNCTUATION.sub(r"\\\1", text.translate(_ENTITIES))


def code(text: str) -> str:
    """``text`` as a span of code."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if not text.strip() or text.startswith(("`", " ")) or text.endswith(("`", " ")) else ""
    return f"{fence}{pad}{text}{pad}{fence}" if text else ""


def _cell(text: str, *, as_code: bool = False) -> str:
    """Of a table, where a bar must be escaped even in code."""
    return code(text).replace("|", "\\|") if as_code else prose(text).replace("\\|", "|").replace("|", "\\|")


def _fenced(text: str, kind: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{kind}\n{text}\n{fence}"


# --- parts --------------------------------------------------------------------------------------------------------


def _way(way: Sequence[Stop], spoken: Language) -> str:
    """A stop a line, because nobody knows how wide the reader's page is."""
    lines = [" ".join(filter(None, (piece.label, _where(piece.stop)))) for piece in pieces(way)]
    marks = {stop.mark for stop in way}
    legend = "   ".join(f"{SIGNS[mark]} {word(mark, spoken)}" for mark in Mark if mark in marks and SIGNS[mark])
    return "\n".join([*lines, "", legend])


def _where(stop: Stop) -> str:
    return f"  ← {stop.place}  {stop.text}".rstrip() if stop.place else ""


def _in_full(told: Told, spoken: Language) -> Iterator[str]:
    yield f"**{prose(told.title)}**"
    yield "\n".join(_facts(told, spoken))
    if told.evidence.shown:
        lines = [*told.evidence.shown, *([_more_words(told.evidence, spoken)] if told.evidence.more else [])]
        yield f"{word('evidence', spoken)}:"
        yield _fenced("\n".join(lines), "text")
    for paragraph in told.remedy:
        yield f"**{word('remedy', spoken)}:** {prose(paragraph)}"
    if told.change:
        yield f"**{word('change', spoken)}:**"
        yield _fenced(told.change, "diff")
    if told.command:
        yield f"**{word('next', spoken)}:**"
        yield _fenced(told.command, "sh")
    if told.tell_apart:
        yield f"**{word('tell_apart', spoken)}:** {prose(told.tell_apart)}"
    for tried in told.verified:
        yield f"**{word('verified', spoken)}:** {prose(tried)}"


def _facts(told: Told, spoken: Language) -> Iterator[str]:
    status = f"→ {told.status}" if told.status is not None else ""
    sure = word("because", spoken, sure=f"**{told.sure}**", because=told.because)
    if told.request or status:
        yield f"- {word('request', spoken)}: {' '.join(filter(None, (code(told.request), status)))}"
    yield f"- {word('layer', spoken)}: {code(told.layer)}, {word('cause', spoken)}: {code(told.cause)}"
    yield f"- {word('certainty', spoken)}: {sure}"
    for line in told.lines:
        yield f"- {word('place', spoken)}: {code(line.place)} {code(line.text)}".rstrip()


def _requests(rows: Few[Row], spoken: Language) -> Iterator[str]:
    if not rows.shown:
        return
    yield f"### {word('requests', spoken)}"
    head = [word(name, spoken) for name in ("asked", "gets", "decided")]
    table = [f"| {' | '.join(head)} |", "|---|---|---|"]
    for row in rows.shown:
        cells = (_cell(row.request, as_code=True), _cell(row.gets), _cell(row.decided, as_code=True))
        table.append(f"| {' | '.join(cells)} |")
    yield "\n".join(table)
    yield _more(rows, spoken)


def _list(name: str, few: Few[str], spoken: Language) -> Iterator[str]:
    if few.shown:
        yield f"### {word(name, spoken)}"
        yield "\n".join(f"- {prose(text)}" for text in few.shown)
        yield _more(few, spoken)


def _more(few: Few[Told] | Few[Row] | Few[str], spoken: Language) -> str:
    return _more_words(few, spoken) if few.more else ""


def _more_words(few: Few[Told] | Few[Row] | Few[str], spoken: Language) -> str:
    return word("more", spoken, count=few.more)
