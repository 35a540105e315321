"""The report as one HTML file that needs nothing else: it may be opened anywhere, printed, and sent as it is.

No script, nothing loaded (and a policy that forbids both), headings in their order, colours for light and dark with
enough contrast in each, and a layout for paper. Every text is escaped; direction is isolated, so that a text written
from right to left turns nothing round it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape
from typing import Final

from mattegate.doctor.answer import Answer
from mattegate.doctor.redact import safe
from mattegate.doctor.render import style
from mattegate.doctor.render.drawing import drawn
from mattegate.doctor.render.told import Few, Report, Row, Told, report, spans, visible
from mattegate.doctor.render.words import Language, word

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def as_page(answer: Answer, *, title: str, language: str = "en") -> str:
    """One HTML document."""
    told = report(answer, language=language)
    shown = " ".join(visible(safe(title[:300])).split()) or word("title", told.language)
    lines = (
        "<!DOCTYPE html>",
        f'<html lang="{told.language}">',
        '<head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
        f"<title>{escape(shown)}</title>",
        f"<style>{style.PAGE}{style.WAY}</style></head>",
        f'<body><main class="{told.verdict}">',
        *_body(told, shown),
        "</main></body>",
        "</html>",
    )
    return "\n".join(lines) + "\n"


def _body(told: Report, title: str) -> Iterator[str]:
    spoken = told.language
    yield f'<header class="top"><p class="name">{escape(title)} · <strong>{_say(told.verdict, spoken)}</strong></p>'
    yield f"<h1>{prose(told.headline)}</h1></header>"
    if told.way_is_known:
        yield f"<h2>{_say('way', spoken)}</h2>"
        yield f'<figure style="margin:0">{drawn(told.way, told.headline, spoken)}</figure>'
    yield from _findings(told.findings, spoken)
    yield from _requests(told.rows, spoken)
    for name, few in (("checked", told.checked), ("not_checked", told.not_checked), ("legend", told.legend)):
        if few.shown:
            yield f"<h2>{_say(name, spoken)}</h2>"
            yield from _list(few, spoken)


def prose(text: str) -> str:
    """``text`` escaped, with what stands between backticks as code."""
    return "".join(f"<code>{escape(piece)}</code>" if is_code else escape(piece) for is_code, piece in spans(text))


def _say(name: str, spoken: Language) -> str:
    return escape(word(name, spoken))


def _findings(few: Few[Told], spoken: Language) -> Iterator[str]:
    for name, findings in (("found", few.shown[:1]), ("others", few.shown[1:])):
        if findings:
            yield f"<h2>{_say(name, spoken)}</h2>"
            for told in findings:
                yield from _card(told, spoken)
    yield _more(few, spoken)


def _card(told: Told, spoken: Language) -> Iterator[str]:
    yield f'<article class="card"><h3>{prose(told.title)}</h3>'
    yield from _facts(told, spoken)
    if told.evidence.shown:
        yield f"<h4>{_say('evidence', spoken)}</h4>"
        yield from _list(told.evidence, spoken)
    yield from _part("remedy", told.remedy, spoken)
    if told.change:
        yield f"<h4>{_say('change', spoken)}</h4><pre><code>{escape(told.change)}</code></pre>"
    if told.command:
        yield f"<h4>{_say('next', spoken)}</h4><pre><code>{escape(told.command)}</code></pre>"
    yield from _part("tell_apart", (told.tell_apart,) if told.tell_apart else (), spoken)
    yield from _part("verified", told.verified, spoken)
    yield "</article>"


def _facts(told: Told, spoken: Language) -> Iterator[str]:
    status = f" → <strong>{told.status}</strong>" if told.status is not None else ""
    asked = f"<code>{escape(told.request)}</code>" if told.request else ""
    sure = word("because", spoken, sure=f"<strong>{escape(told.sure)}</strong>", because=escape(told.because))
    yield "<dl>"
    if asked or status:
        yield f"<dt>{_say('request', spoken)}</dt><dd>{asked}{status}</dd>"
    yield f"<dt>{_say('layer', spoken)}</dt><dd>{escape(told.layer)}</dd>"
    yield f"<dt>{_say('cause', spoken)}</dt><dd><code>{escape(told.cause)}</code></dd>"
    yield f"<dt>{_say('certainty', spoken)}</dt><dd>{sure}</dd>"
    for line in told.lines:
        yield f"<dt>{_say('place', spoken)}</dt><dd>{escape(line.place)} <code>{escape(line.text)}</code></dd>"
    yield "</dl>"


def _part(name: str, paragraphs: Iterable[str], spoken: Language) -> Iterator[str]:
    told = [f"<p>{prose(paragraph)}</p>" for paragraph in paragraphs]
    if told:
        yield f"<h4>{_say(name, spoken)}</h4>"
        yield from told


def _requests(rows: Few[Row], spoken: Language) -> Iterator[str]:
    if not rows.shown:
        return
    yield f"<h2>{_say('requests', spoken)}</h2>"
    heads = "".join(f'<th scope="col">{_say(name, spoken)}</th>' for name in ("asked", "gets", "decided"))
    label = _say("requests", spoken)
    yield f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
    yield f"<thead><tr>{heads}</tr></thead><tbody>"
    for row in rows.shown:
        decided = f"<code>{escape(row.decided)}</code>" if row.decided else ""
        yield f"<tr><td><code>{escape(row.request)}</code></td><td>{escape(row.gets)}</td><td>{decided}</td></tr>"
    yield "</tbody></table></div>"
    yield _more(rows, spoken)


def _list(few: Few[str], spoken: Language) -> Iterator[str]:
    yield "<ul>"
    yield from (f"<li>{prose(text)}</li>" for text in few.shown)
    yield "</ul>"
    yield _more(few, spoken)


def _more(few: Few[Told] | Few[Row] | Few[str], spoken: Language) -> str:
    return f'<p class="more">{escape(word("more", spoken, count=few.more))}</p>' if few.more else ""
