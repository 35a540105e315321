"""The report that is safe to post: no secret, and nobody's names, addresses or numbers.

Rules of this file:

1. Every text of an answer is walked, in its order, those of the requests too. What says which kind of thing it is
   (codes, layers, statuses, outcomes) stays.
2. The same original has the same stand-in throughout, and doing it twice changes nothing.
3. The legend says what each stand-in stands for, never the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from mattegate.doctor.answer import Answer, Culprit, Finding
from mattegate.doctor.redact import safe, safe_header
from mattegate.doctor.render.stand_ins import Book, already, hidden, host, user

_CODES: Final = frozenset({"outcome", "mechanism", "method"})
_CODE: Final = re.compile(r"[A-Za-z_-]{1,40}")
_BARE: Final = re.compile(r"[A-Za-z0-9_.-]{1,253}")
"""The name of a host and nothing else."""


def shareable(answer: Answer) -> Answer:
    """``answer`` without secrets and names, and with a legend of what stands for what."""
    texts = tuple(_texts(answer))
    sharing = _Sharing(Book(taken=already(texts)))
    sharing.learn(texts)
    findings = tuple(sharing.finding(finding) for finding in answer.findings)
    legend = sharing.texts(answer.legend)
    checked, not_checked = sharing.texts(answer.checked), sharing.texts(answer.not_checked)
    requests = tuple(sharing.member("", dict(request)) for request in answer.requests)
    added = tuple(f"{name}: {about}" for name, about in sharing.book.legend.items())
    return replace(
        answer,
        findings=findings,
        checked=checked,
        not_checked=not_checked,
        requests=requests,
        legend=tuple(dict.fromkeys((*legend, *added))),
    )


def _texts(answer: Answer) -> Iterator[str]:
    """Every text, in its order."""
    for finding in answer.findings:
        yield from (finding.title, finding.request, finding.remedy, finding.change, finding.next, finding.tell_apart)
        yield from (*finding.evidence, *finding.verified_by, *finding.facts.values())
        for line in finding.culprit:
            yield from (line.file, line.text)
    yield from (*answer.checked, *answer.not_checked, *answer.legend)
    yield from _inside(answer.requests)


def _inside(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for member in value.values():
            yield from _inside(member)
    elif isinstance(value, Sequence):
        for member in value:
            yield from _inside(member)


_LONG: Final = 131_072
_KEPT: Final = 8_192
"""Far enough apart that stand-ins, which may be longer than what they stand for, never make a text long again."""


def _bounded(text: str) -> str:
    return text if len(text) <= _LONG else f"{text[:_KEPT]}… ({len(text) - _KEPT} characters more)"


class _Sharing:
    """One answer on its way to the public."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self._seen: dict[str, str] = {}
        self._names: re.Pattern[str] | None = None

    def learn(self, texts: Sequence[str]) -> None:
        """Find the names of users first: once known, they are replaced wherever they stand alone."""
        for text in texts:
            self._hidden(text)
        users = sorted(
            (name for kind, name in self.book.known if kind == "user" and len(name) > 2), key=len, reverse=True
        )
        if users:
            either = "|".join(map(re.escape, users[:500]))
            self._names = re.compile(rf"(?<![\w.-])(?:{either})(?![\w-])")

    def _hidden(self, text: str) -> str:
        """Many findings say the same: a text is looked through once."""
        if text not in self._seen:
            self._seen[text] = hidden(_bounded(safe(text)), self.book)
        return self._seen[text]

    def text(self, text: str) -> str:
        """One text, safe to post."""
        told = self._hidden(text)
        return told if self._names is None else self._names.sub(lambda found: user(found[0], self.book), told)

    def texts(self, texts: Sequence[str]) -> tuple[str, ...]:
        return tuple(map(self.text, texts))

    def finding(self, finding: Finding) -> Finding:
        return replace(
            finding,
            title=self.text(finding.title),
            request=self.text(finding.request),
            culprit=tuple(Culprit(self.text(line.file), line.line, self.text(line.text)) for line in finding.culprit),
            evidence=self.texts(finding.evidence),
            remedy=self.text(finding.remedy),
            change=self.text(finding.change),
            next=self.text(finding.next),
            tell_apart=self.text(finding.tell_apart),
            verified_by=self.texts(finding.verified_by),
            facts={name: self.text(value) for name, value in finding.facts.items()},
        )

    def member(self, name: str, value: Any) -> Any:
        """One member of a request, by its name."""
        if isinstance(value, str):
            return self._said(name, value)
        if isinstance(value, Mapping):
            return {key: self.member(str(key), member) for key, member in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._header(pair) if name == "headers" else self.member("", pair) for pair in value]
        return value

    def _said(self, name: str, value: str) -> str:
        if name in _CODES and _CODE.fullmatch(value):
            return value
        return self.text(host(value, self.book) if name == "host" and _BARE.fullmatch(value) else value)

    def _header(self, pair: Any) -> Any:
        if not isinstance(pair, (list, tuple)) or len(pair) != 2 or not isinstance(pair[1], str):
            return self.member("", pair)
        key, value = self.text(str(pair[0])), safe_header(str(pair[0]), pair[1])
        return [key, self._said(key.lower(), value)]
