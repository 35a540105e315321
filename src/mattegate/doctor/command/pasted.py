"""A thread, a ticket or a mail: pieces of configurations, logs, transcripts and pages with sentences between them.

Rules of this file:

1. It is asked where no reader knows the text as a whole, or where it has fences; then each fenced piece is an input of
   its own, and so is what stands between them.
2. A page or a body without its exchange is an answer whose status only it tells. One that says nothing which is known
   is no input: what cannot be read is never called sound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers import Unreadable, recognise
from mattegate.doctor.redact import safe
from mattegate.doctor.signatures import Matcher, signatures

MOST: Final = 256 << 10
_FENCE: Final = re.compile(r"^[ \t>]{0,8}(?:```|~~~)", re.MULTILINE)
_QUOTED: Final = re.compile(r"^ {0,3}> ?")
_LISTED: Final = re.compile(r"^\s{0,8}(?:\d{1,3}[.)]|[-*+\u2022]) +")
_MARKS: Final = re.compile(r"`|\*\*")
_TITLE: Final = re.compile(r"<(?:title|h1)[^>]{0,100}>[^<\d]{0,40}(\d{3})\b", re.IGNORECASE)
_BODY: Final = re.compile(r"\s*(?:[{<]|error code: \d)")
_STATUSES: Final = (403, 401, 404, 413, 429, 502, 503, 504, 400, 421)
"""What an answer may have had whose body alone is known, the likeliest first."""
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


def _pieces(text: str) -> Iterator[Piece]:
    begun, kept = 0, list[str]()
    for number, line in enumerate(text.split("\n")):
        if _FENCE.match(line):
            yield Piece("\n".join(kept), begun)
            begun, kept = number + 1, []
        else:
            kept.append(line)
    yield Piece("\n".join(kept), begun)


def _observed(piece: Piece, name: str) -> list[Observation]:
    if not piece.text.strip():
        return []
    bare = _bare(piece.text)
    for text in dict.fromkeys((piece.text, bare)):
        if found := _by_reader(Piece(text, piece.before), name):
            return found
    guesses = (_body(bare, Place(name, piece.before + 1)), *_sentences(bare, piece, name))
    return [known for alike in guesses if (known := next(filter(_is_known, alike), None)) is not None]


def is_telling(observations: Iterable[Observation]) -> bool:
    """Whether anything among this has a status, describes something, or is known for what it says."""
    return any(one.status is not None or one.format == "setting" or _is_known(one) for one in observations)


def _is_known(seen: Observation) -> bool:
    return next(Matcher(signatures()).clues(seen), None) is not None


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


def _body(text: str, place: Place) -> list[Observation]:
    """A page or a document by itself, with each status that it may have had."""
    begins = next((line for line in re.finditer(r"^[^\n]+", text, re.MULTILINE) if _BODY.match(line[0])), None)
    if begins is None:
        return []
    body = safe(text[begins.start() :])[:16_384]
    titled = _TITLE.search(body)
    statuses = (int(titled[1]),) if titled else _STATUSES
    return [Observation("exchange", place, status=status, body=body) for status in statuses]


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
            said = safe(line.strip())[:2_048]
            shapes = _SAID_BY if _OF_A_SERVER.search(said) else (*_SAID_BY, "client-error")
            yield [Observation(shape, Place(name, number), message=said) for shape in shapes]


_INSIDE: Final = re.compile(r"(?<=\| )\S|\{\"|(?<=: )(?:Access to|Cross-Origin|curl:)")
"""Where a program's own words may begin behind what others put before them."""
_SAID_BY: Final = ("app-log", "nginx-error")
_OF_A_SERVER: Final = re.compile(r"\bdial (?:tcp|udp|unix)\b|gateway|upstream|backend|proxy", re.IGNORECASE)
"""A server that was refused by another one, which a client was not."""
