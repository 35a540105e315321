"""The pages of the doctor's causes: one a cause, and an index in English and in Chinese.

Everything in them follows from the catalogue of causes and from the signatures that name a cause; nothing is written
by hand, and no sample gets onto a page before its secrets are hidden. Facts of a case stand as ``<name>``.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Final

from mattegate.doctor.answer import Layer
from mattegate.doctor.causes import Cause, causes
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers import by_name
from mattegate.doctor.redact import safe
from mattegate.doctor.render.words import CERTAINTIES, STOPS, Language, pick
from mattegate.doctor.signatures import Matcher, Sample, Signature, signatures

FOLDER: Final = Path(__file__).parent / "reference" / "causes"
ENGLISH: Final = "README.md"
CHINESE: Final = "README.zh-CN.md"

_CODE: Final = re.compile(r"(`[^`\n]+`)")
_MARKS: Final = re.compile(r"[\\*\[\]<>|]|(?<!\w)_|_(?!\w)|&(?=\w+;)")
_AS_ENTITIES: Final = {"<": "&lt;", ">": "&gt;", "&": "&amp;"}
_BETWEEN_WIDE: Final = re.compile(r"(?<=[^\x00-\x7f])\n(?=[^\x00-\x7f])")


def cause_pages() -> dict[str, str]:
    """The text of every page by its file's name."""
    pages = {page_name(cause): _page(cause) for cause in causes().values()}
    return {**pages, ENGLISH: _english_index(), CHINESE: _chinese_index()}


def page_name(cause: Cause) -> str:
    """The file of a cause's page. The code itself: it is unique, where its anchor need not be."""
    return f"{cause.code}.md"


def write_cause_pages() -> None:
    """Write every page, and remove those whose cause is gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pages = cause_pages()
    for stale in (file for file in FOLDER.glob("*.md") if file.name not in pages):
        stale.unlink()
    for name, text in pages.items():
        (FOLDER / name).write_text(text, "utf-8")


# --- one page --------------------------------------------------------------------------------------------------------


def _page(cause: Cause) -> str:
    parts = [
        f"# `{cause.code}`",
        f"Layer: [`{cause.layer}`]({ENGLISH}#{cause.layer}), {pick(STOPS[cause.layer], Language.ENGLISH)}",
        f"**{_prose(_sentence(cause.title))}**",
        "## What happens",
        _prose(cause.meaning),
        *_looks(cause),
        *_alike(cause),
        "## What to do",
        _prose(cause.remedy),
        *_check(cause),
        f"Source: {_prose(cause.cite)}",
        "## 中文",
        f"**{_prose(cause.title_zh)}**",
        _prose(cause.remedy_zh),
    ]
    return "\n\n".join(parts) + "\n"


def _check(cause: Cause) -> list[str]:
    return ["Run next:", _fenced(cause.said("check", {}), "sh")] if cause.check else []


def _looks(cause: Cause) -> Iterator[str]:
    told = _told_by()[cause.code]
    if told:
        yield "## What it looks like"
        yield "What is in angle brackets differs from case to case; secrets are hidden."
    for signature in told:
        yield _prose(_sentence(signature.says).rstrip(".") + ".")
        yield from (_fenced(safe(sample.text.strip("\n")), _language(sample)) for sample in signature.samples[:1])
        yield _grounds(signature)


def _grounds(signature: Signature) -> str:
    """How sure this look makes the cause, and what that rests on."""
    certainty = pick(CERTAINTIES[signature.certainty], Language.ENGLISH)
    seen = _prose(signature.verified) or "no, it rests on the source below"
    lines = [f"- Certainty: {certainty}", f"- Verified: {seen}", f"- Source: {_prose(signature.cite)}"]
    lines += [f"- In this case: {_prose(signature.remedy)}"] if signature.remedy else []
    lines += [f"- Run next: `{_blanks(signature.next)}`"] if signature.next else []
    return "\n".join(lines)


def _alike(cause: Cause) -> Iterator[str]:
    told = list(dict.fromkeys(one.tell_apart for one in _told_by()[cause.code] if one.tell_apart))
    others = [causes()[code] for code in sorted(_look_alikes()[cause.code])]
    if told or others:
        yield "## What looks alike"
    if told:
        yield _listed(f"- {_prose(_sentence(sentence))}" for sentence in told)
    if others:
        yield "The same text also fits:"
        yield _listed(_entry(other, other.title) for other in others)


# --- the indexes -----------------------------------------------------------------------------------------------------


def _english_index() -> str:
    about = (
        f"The {len(causes())} causes that a finding of [the doctor](../../guide/doctor.md) can name, by layer, from\n"
        "the outside in. Codes are never renamed. What is in angle brackets differs from case to case.\n"
        "`mattegate doctor causes` prints the same list, and `mattegate doctor causes CODE` one of them in full."
    )
    return _index(["# Causes", f"English · [简体中文]({CHINESE})", about], Language.ENGLISH)


def _chinese_index() -> str:
    about = (
        f"[诊断工具](../../guide/doctor.md)的结论可能指出的 {len(causes())} 种原因，按层由外向内排列。"
        "原因代码不会改名；尖括号里的内容因情况而异。\n"
        "`mattegate doctor causes --language zh` 打印同一份清单；每个页面末尾都有中文说明。"
    )
    return _index(["# 原因一览", f"[English]({ENGLISH}) · 简体中文", about], Language.CHINESE)


def _index(parts: list[str], language: Language) -> str:
    for layer in Layer:
        here = sorted((cause for cause in causes().values() if cause.layer is layer), key=lambda cause: cause.code)
        if here:
            parts += [f'## <a id="{layer}"></a>`{layer}` {pick(STOPS[layer], language)}']
            parts += [_listed(_entry(cause, pick((cause.title, cause.title_zh), language)) for cause in here)]
    return "\n\n".join(parts) + "\n"


def _entry(cause: Cause, title: str) -> str:
    return f"- [`{cause.code}`]({page_name(cause)}) {_prose(_sentence(title))}"


# --- what signatures tell --------------------------------------------------------------------------------------------


@cache
def _told_by() -> Mapping[str, list[Signature]]:
    """The signatures of each cause, in the order of their files."""
    found: dict[str, list[Signature]] = {code: [] for code in causes()}
    for signature in signatures():
        found[signature.cause].append(signature)
    return found


@cache
def _look_alikes() -> Mapping[str, set[str]]:
    """For each cause, the others that its own samples point to as well."""
    matcher = Matcher(signatures())
    found: dict[str, set[str]] = {code: set() for code in causes()}
    for signature in signatures():
        for seen in (one for sample in signature.samples for one in _observed(sample)):
            fits = {clue.cause for clue in matcher.clues(seen)}
            if signature.cause in fits:
                found[signature.cause] |= fits - {signature.cause}
    return found


def _observed(sample: Sample) -> Iterable[Observation]:
    text = sample.text.strip("\n")
    if sample.reader == "json":
        return (_spelled(json.loads(text)),)
    return by_name(sample.reader).read(io.BytesIO(f"{text}\n".encode()), "sample")


def _spelled(members: dict[str, Any]) -> Observation:
    for headers in ("request_headers", "response_headers"):
        members[headers] = tuple((name.lower(), value) for name, value in members.pop(headers, []))
    return Observation(place=Place("sample", 1), **members)


# --- Markdown --------------------------------------------------------------------------------------------------------


def _sentence(text: str) -> str:
    """With a capital, unless it begins with a name that is written small: ``nginx``, ``error.responseType``."""
    first = text.partition(" ")[0]
    return text[:1].upper() + text[1:] if first.isalpha() and first != "nginx" else text


def _blanks(text: str) -> str:
    """``text`` with each fact told by its name."""
    return "".join(
        literal + (f"<{name}>" if name is not None else "") for literal, name, _, _ in Formatter().parse(text)
    )


def _prose(text: str) -> str:
    """A sentence for people: facts by their names, and outside backticks nothing that Markdown takes for markup."""
    pieces = _CODE.split(_BETWEEN_WIDE.sub("", _blanks(text.strip())))
    return "".join(piece if _CODE.fullmatch(piece) else _MARKS.sub(_escaped, piece) for piece in pieces)


def _escaped(found: re.Match[str]) -> str:
    return _AS_ENTITIES.get(found[0], f"\\{found[0]}")


def _listed(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _language(sample: Sample) -> str:
    return "json" if sample.reader == "json" else "text"


def _fenced(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
