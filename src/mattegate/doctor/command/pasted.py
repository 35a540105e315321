"""A thread, a ticket or a mail: pieces of configurations, logs, transcripts and pages with sentences between them.

Rules of this file:

1. It is asked where no reader knows the text as a whole, or where it has fences; then each fenced piece is an input of
   its own, and so is what stands between them.
2. A page or a body without its exchange is an answer whose status only it tells; where it tells none, none is claimed.
   One that says nothing which is known is no input: what cannot be read is never called sound.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers import Unreadable, recognise
from mattegate.doctor.readers.docker_run import COMMAND
from mattegate.doctor.redact import safe
from mattegate.doctor.signatures import Matcher, signatures

MOST: Final = 256 << 10
_FENCE: Final = re.compile(r"^[ \t>]{0,8}(?:```|~~~)", re.MULTILINE)
_QUOTED: Final = re.compile(r"^ {0,3}> ?")
_LISTED: Final = re.compile(r"^\s{0,8}(?:\d{1,3}[.)]|[-*+\u2022]) +")
_MARKS: Final = re.compile(r"`|\*\*")
_TITLE: Final = re.compile(r"<(?:title|h1)[^>]{0,100}>(?:[^<|]{0,100}\| )?[^<\d]{0,40}([45]\d\d)\b", re.IGNORECASE)
_BODY: Final = re.compile(r"\s*[{<]")
_WORDS: Final = re.compile(r"\S+ +\S")
"""One word alone is too little to be taken for an answer."""
_MOST_LINES: Final = 400


@dataclass(frozen=True, slots=True)
class Piece:
    """Some lines of a thread."""

    text: str
    before: int
    """How many lines stand before it."""


@dataclass(frozen=True, slots=True)
class Thread:
    """What a thread comes to."""

    configuration: str = ""
    """The pieces of configurations, each on its own lines; empty where there are none."""
    observations: tuple[Observation, ...] = ()


def has_fences(text: str) -> bool:
    """Whether pieces of the text are marked as code."""
    return _FENCE.search(text) is not None


def read_thread(text: str, name: str, is_nginx: Callable[[str], bool]) -> Thread | None:
    """What the pieces of a text say; ``None`` where none of them says anything."""
    kept: dict[int, str] = {}
    observations: list[Observation] = []
    for piece in _pieces(text):
        if is_nginx(piece.text):
            kept |= dict(enumerate(piece.text.split("\n"), piece.before))
        else:
            observations += _observed(piece, name)
    if not kept and not observations:
        return None
    lines = "\n".join(kept.get(number, "") for number in range(max(kept, default=-1) + 1))
    return Thread(lines, tuple(observations))


def has_commands(text: str) -> bool:
    """Whether commands that start containers stand in it, beside whatever else does."""
    return COMMAND.search(text) is not None


def _pieces(text: str) -> Iterator[Piece]:
    begun, kept = 0, list[str]()
    for number, line in enumerate(text.split("\n")):
        if _FENCE.match(line):
            yield from _commands(Piece("\n".join(kept), begun))
            begun, kept = number + 1, []
        else:
            kept.append(line)
    yield from _commands(Piece("\n".join(kept), begun))


def _commands(piece: Piece) -> Iterator[Piece]:
    """A command that starts a container is a piece of its own."""
    at = 0
    for command in COMMAND.finditer(piece.text):
        yield _part(piece, at, command.start())
        yield _part(piece, command.start(), command.end())
        at = command.end()
    yield _part(piece, at, len(piece.text))


def _part(piece: Piece, start: int, end: int) -> Piece:
    return Piece(piece.text[start:end], piece.before + piece.text.count("\n", 0, start))


def _observed(piece: Piece, name: str) -> list[Observation]:
    if not piece.text.strip():
        return []
    bare = _bare(piece.text)
    for text in dict.fromkeys((piece.text, bare, _on_lines(bare))):
        if found := _by_reader(Piece(text, piece.before), name):
            return found
    place = Place(name, piece.before + 1)
    if (begins := _markup(bare)) is not None and _is_known(page := _body(bare[begins:], place)):
        return [*_said(bare[:begins], piece, name), page]
    if said := _said(bare, piece, name):
        return said
    words = _body(bare, place)
    return [words] if _WORDS.search(words.body) and _is_known(words) else []


def is_telling(observations: Iterable[Observation]) -> bool:
    """Whether anything among this has a status, describes something, or is known for what it says."""
    return any(one.status is not None or one.format == "setting" or _is_known(one) for one in observations)


def _is_known(seen: Observation) -> bool:
    return next(_matcher().clues(seen), None) is not None


@cache
def _matcher() -> Matcher:
    return Matcher(signatures())


def _by_reader(piece: Piece, name: str) -> list[Observation]:
    reader = recognise(piece.text, name)
    if reader is None:
        return []
    try:
        found = list(reader.read(BytesIO(("\n" * piece.before + piece.text).encode("utf-8", "replace")), name))
    except Unreadable:
        return []
    return [one for one in found if is_telling([one])]


def _bare(text: str) -> str:
    """Without quotation marks of mails, list marks and emphasis."""
    lines = text.split("\n")
    written = [line for line in lines if line.strip()]
    if all(_QUOTED.match(line) for line in written):
        lines = [_QUOTED.sub("", line, count=1) for line in lines]
    return "\n".join(_MARKS.sub("", _LISTED.sub("", line, count=1)) for line in lines)


def _on_lines(text: str) -> str:
    """A document of JSON as logs have it, each of its records on one line; any other text as it is."""
    if not text.lstrip().startswith(("{", "[")):
        return text
    try:
        read = json.loads(text)
    except (ValueError, RecursionError):
        return text
    records = read if isinstance(read, list) else [read]
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in records)


def _markup(text: str) -> int | None:
    """Where a page or a document begins."""
    begins = next((line for line in re.finditer(r"^[^\n]+", text, re.MULTILINE) if _BODY.match(line[0])), None)
    return begins.start() if begins else None


def _body(text: str, place: Place) -> Observation:
    """An answer of which nothing but the body is known."""
    body = safe(text.strip())[:16_384]
    titled = _TITLE.search(body)
    return Observation("exchange", place, status=int(titled[1]) if titled else None, body=body)


def _said(text: str, piece: Piece, name: str) -> list[Observation]:
    """Of each line the first way to read it that is known."""
    lines = _sentences(text, piece, name)
    return [known for alike in lines if (known := next(filter(_is_known, alike), None)) is not None]


def _sentences(text: str, piece: Piece, name: str) -> Iterator[list[Observation]]:
    """Each line by itself: as a reader knows it, or as something that a program said."""
    for number, line in enumerate(text.split("\n")[:_MOST_LINES], piece.before + 1):
        if not line.strip():
            continue
        for inner in dict.fromkeys((line, *(line[found.start() :] for found in _INSIDE.finditer(line[:512])))):
            if found := _by_reader(Piece(inner, number - 1), name):
                yield found
                break
        else:
            yield list(_readings(line.strip(), Place(name, number)))


def _readings(line: str, place: Place) -> Iterator[Observation]:
    """A line as a program's words in a log, as a client's, or as all that an answer had in it."""
    said = safe(line)[:2_048]
    for shape in _SAID_BY if _OF_A_SERVER.search(said) else (*_SAID_BY, "client-error"):
        yield Observation(shape, place, message=said)
    if _WORDS.search(line):
        yield _body(line, place)


_INSIDE: Final = re.compile(r"(?<=\| )\S|\{\"|(?<=: )(?:Access to|Cross-Origin|curl:)")
"""Where a program's own words may begin behind what others put before them."""
_SAID_BY: Final = ("app-log", "nginx-error")
_OF_A_SERVER: Final = re.compile(
    r"\bdial (?:tcp|udp|unix)\b|gateway|upstream|backend|proxy|\[ERROR 5\d\d |^\[(?:WARNING|ALERT|NOTICE)\] ",
    re.IGNORECASE,
)
"""A server that was refused by another one, which a client was not."""
