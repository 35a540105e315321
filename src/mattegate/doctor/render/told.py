"""What a report tells of an answer: the same parts in the same order for every renderer, made safe and bounded.

Rules of this file:

1. A renderer lays out and escapes for its own format; it never looks at an answer. What is told is decided here.
2. Every text is without secrets and control characters, and what cannot be seen is spelled out. Nothing is longer or
   more than the bounds allow; what was left out is counted.
3. Certainty is told in words, never in numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from string import Formatter
from typing import Any, Final, Generic, TypeVar

from mattegate.doctor.answer import Answer, Certainty, Culprit, Finding, Layer, Verdict
from mattegate.doctor.causes import causes
from mattegate.doctor.redact import safe
from mattegate.doctor.render.way import Mark, Stop, stops
from mattegate.doctor.render.words import CERTAIN_BECAUSE, CERTAINTIES, Language, pick, word

T = TypeVar("T")
_READ: Final = 65_536
"""Characters of one text that are looked at."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much is told."""

    findings: int = 50
    evidence: int = 40
    rows: int = 100
    items: int = 60
    characters: int = 2_000
    """Of one text."""


@dataclass(frozen=True, slots=True)
class Few(Generic[T]):
    """The first of many, and how many more there were."""

    shown: tuple[T, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A line that decides, and where it stands."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """One finding, ready to lay out."""

    layer: str
    cause: str
    certainty: Certainty
    sure: str
    """The certainty in a word."""
    because: str
    """What that word means."""
    title: str
    request: str
    status: int | None
    lines: tuple[Line, ...]
    evidence: Few[str]
    remedy: tuple[str, ...]
    """Paragraphs."""
    change: str
    """A small unified diff; empty where there is none."""
    command: str
    tell_apart: str
    verified: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """What one request gets."""

    request: str
    gets: str
    decided: str


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is told, in its order."""

    verdict: Verdict
    headline: str
    way: tuple[Stop, ...]
    findings: Few[Told]
    rows: Few[Row]
    checked: Few[str]
    not_checked: Few[str]
    legend: Few[str]
    language: Language

    @property
    def way_is_known(self) -> bool:
        """Whether anything was found out about any stop."""
        return any(stop.mark not in {Mark.SENDS, Mark.UNSEEN} for stop in self.way)


def report(answer: Answer, *, language: str = "en", bounds: Bounds | None = None) -> Report:
    """What is told of ``answer``. Raises :class:`ValueError` for a language that is not spoken."""
    teller = _Teller(Language(language), bounds or Bounds())
    walked = {str(request.get("request")) for request in answer.requests}
    return Report(
        verdict=answer.verdict,
        headline=_headline(answer, teller),
        way=tuple(_shown_stop(stop, teller) for stop in stops(answer)),
        findings=teller.few(answer.findings, teller.bounds.findings, lambda finding: _told(finding, teller)),
        rows=_rows(answer.requests, teller),
        checked=teller.few([one for one in answer.checked if one not in walked], teller.bounds.items, teller.text),
        not_checked=teller.few(answer.not_checked, teller.bounds.items, teller.text),
        legend=teller.few(answer.legend, teller.bounds.items, teller.text),
        language=teller.language,
    )


@dataclass(frozen=True, slots=True)
class _Teller:
    """The language and the bounds, which everything below needs."""

    language: Language
    bounds: Bounds

    def word(self, name: str, **facts: object) -> str:
        return word(name, self.language, **facts)

    def text(self, text: str, *, most: int = 0) -> str:
        """One line of text: safe, bounded, and nothing in it invisible."""
        return " ".join(self.block(text, most=most).split())

    def block(self, text: str, *, most: int = 0) -> str:
        """Text that may have several lines."""
        most = most or self.bounds.characters
        shown = visible(safe(text[:_READ]))
        if len(shown) <= most and len(text) <= _READ:
            return shown
        left = max(len(shown), len(text)) - min(most, len(shown))
        return f"{shown[:most]}{self.word('cut', count=left)}"

    def few(self, many: Sequence[Any], most: int, tell: Callable[[Any], T]) -> Few[T]:
        return Few(tuple(tell(one) for one in islice(many, most)), max(0, len(many) - most))


def visible(text: str) -> str:
    """``text``, where what a reader could not see (joiners, marks, tags) is spelled as its code point."""
    if text.isascii():
        return text
    return "".join(f"<U+{ord(char):04X}>" if unicodedata.category(char) in _UNSEEN else char for char in text)


_UNSEEN: Final = frozenset({"Cf", "Co", "Cs", "Cn"})


def spans(text: str) -> Iterator[tuple[bool, str]]:
    """``text`` in pieces: whether each is `` `code` ``, and itself without the marks. A lone mark is text."""
    for number, piece in enumerate(_CODE.split(text)):
        if piece:
            yield bool(number % 2), piece


_CODE: Final = re.compile(r"`([^`]{1,2000})`")


# --- the verdict in one line --------------------------------------------------------------------------------------


def _headline(answer: Answer, teller: _Teller) -> str:
    if answer.findings:
        return teller.text(_blame(answer.findings[0], teller), most=300)
    if answer.verdict is Verdict.CLEAN:
        return _all_clear(answer, teller)
    why = next(iter(answer.not_checked), "")
    told = teller.word("undecided.why", why=teller.text(why, most=300)) if why else ""
    return told or teller.word("undecided.nothing")


_NGINX_RULES: Final = frozenset({Layer.NGINX_ACCESS, Layer.NGINX_RETURN, Layer.NGINX_AUTH})


def _blame(finding: Finding, teller: _Teller) -> str:
    line = next(iter(finding.culprit), None)
    ruled = finding.layer in _NGINX_RULES and line is not None and line.text.endswith(";")
    refused = finding.status is None or finding.status >= 400
    if ruled and refused and line is not None and finding.certainty is Certainty.PROVEN:
        name = "refuses" if finding.status else "refuses.unsaid"
        rule = f"`{line.text[:120]}`"
        return teller.word(name, status=finding.status, rule=rule, place=_place(line))
    title = _sentence(finding, "title", teller)
    if line is not None:
        title = teller.word("located", title=title, place=_place(line))
    return teller.word(str(finding.certainty), title=title)


def _place(line: Culprit) -> str:
    return f"{line.file}:{line.line}" if line.line else line.file


def _all_clear(answer: Answer, teller: _Teller) -> str:
    """A rule may refuse a request without being wrong: then that is said, for it is no news to whoever wrote it."""
    refused = sorted({status for request in answer.requests if (status := _refusal(request))})
    if refused:
        count = sum(_refusal(request) is not None for request in answer.requests)
        statuses = ", ".join(map(str, refused[:5]))
        return teller.word("clean.meant", refused=count, all=len(answer.requests), statuses=statuses)
    if answer.clean_word:
        return teller.word(answer.clean_word)
    return teller.word("clean.all" if answer.checked or answer.requests else "clean.nothing")


def _refusal(request: Mapping[str, Any]) -> int | None:
    status = request.get("status")
    return status if isinstance(status, int) and status >= 400 else None


# --- findings -----------------------------------------------------------------------------------------------------


def _told(finding: Finding, teller: _Teller) -> Told:
    evidence = tuple(dict.fromkeys(finding.evidence))
    return Told(
        layer=str(finding.layer),
        cause=teller.text(finding.cause, most=100),
        certainty=finding.certainty,
        sure=pick(CERTAINTIES[finding.certainty], teller.language),
        because=pick(CERTAIN_BECAUSE[finding.certainty], teller.language),
        title=teller.text(_sentence(finding, "title", teller)),
        request=teller.text(finding.request, most=300),
        status=finding.status,
        lines=tuple(Line(teller.text(_place(line)), teller.text(line.text)) for line in finding.culprit[:5]),
        evidence=teller.few(evidence, teller.bounds.evidence, teller.text),
        remedy=tuple(map(teller.text, _remedy(finding, teller))),
        change=teller.block(finding.change, most=4_000).strip(),
        command=teller.block(finding.next, most=4_000).strip(),
        tell_apart=teller.text(finding.tell_apart),
        verified=tuple(map(teller.text, finding.verified_by[:10])),
    )


def _sentence(finding: Finding, name: str, teller: _Teller) -> str:
    """The cause's own sentence in the language that is wanted; as it was found where a fact of it is missing."""
    found: str = getattr(finding, name)
    cause = causes().get(finding.cause)
    if teller.language is Language.ENGLISH or cause is None:
        return found
    wanted = {field for _, field, _, _ in Formatter().parse(getattr(cause, f"{name}_zh")) if field}
    return cause.said(f"{name}_zh", finding.facts) if wanted <= set(finding.facts) else found


def _remedy(finding: Finding, teller: _Teller) -> Iterable[str]:
    """The remedy; in another language the cause's own first, then what holds for this very case."""
    told, cause = _sentence(finding, "remedy", teller), causes().get(finding.cause)
    if told:
        yield told
    if cause is not None and told != finding.remedy and finding.remedy != cause.said("remedy", finding.facts):
        yield teller.word("particular", remedy=finding.remedy)


# --- what each request gets ---------------------------------------------------------------------------------------


def _rows(requests: Sequence[Mapping[str, Any]], teller: _Teller) -> Few[Row]:
    """One row for all requests that fare alike."""
    rows = tuple(dict.fromkeys(_row(request, teller) for request in islice(requests, _MOST_READ)))
    return Few(rows[: teller.bounds.rows], max(0, len(rows) - teller.bounds.rows) + max(0, len(requests) - _MOST_READ))


_MOST_READ: Final = 2_000


def _row(request: Mapping[str, Any], teller: _Teller) -> Row:
    return Row(
        request=teller.text(str(request.get("request") or ""), most=200),
        gets=teller.text(_gets(request, teller), most=200),
        decided=teller.text(_decided(request.get("decided_by"), str(request.get("mechanism") or "")), most=300),
    )


def _gets(request: Mapping[str, Any], teller: _Teller) -> str:
    status = request.get("status")
    shown = str(status) if isinstance(status, int) else ""
    upstream = request.get("upstream")
    if request.get("outcome") == "forwards" and isinstance(upstream, Mapping):
        arrives = teller.word("arrives", uri=upstream.get("uri") or upstream.get("address") or "?")
        return f"{shown} {arrives}".strip()
    if shown:
        return shown
    return teller.word({"drops": "dropped", "serves": "served"}.get(str(request.get("outcome")), "unknown"))


def _decided(line: object, mechanism: str) -> str:
    if isinstance(line, Mapping):
        place = f"{line.get('file', '')}:{line.get('line', '')}".strip(":")
        return f"{line.get('text', '')} ({place})" if line.get("line") else str(line.get("text", ""))
    return str(line) if line else mechanism.replace("_", " ")


def _shown_stop(stop: Stop, teller: _Teller) -> Stop:
    return stop.with_line(teller.text(stop.place, most=120), teller.text(stop.text, most=200))
