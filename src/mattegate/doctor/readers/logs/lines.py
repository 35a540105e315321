"""The streaming core: blocks in, lines that may matter, kinds counted, observations out.

1. A block is searched for what a refusal holds; most of an access log is never looked at line by line.
2. What wraps a line (a container's, a journal's prefix) is taken off, and the line sketched by its format.
3. A line of a kind that was seen is counted; only the first of a kind is parsed.
4. Where many lines of the last block mattered, the next is counted by the keys of its lines (:mod:`.runs`) first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.blocks import LONGEST, LONGEST_JSON, blocks
from mattegate.doctor.readers.logs.candidates import Candidates
from mattegate.doctor.readers.logs.formats import PASSES, Format
from mattegate.doctor.readers.logs.json_lines import document
from mattegate.doctor.readers.logs.looking import Looking, told
from mattegate.doctor.readers.logs.runs import Lines, Runs
from mattegate.doctor.readers.logs.wrapping import bare_lines, unwrapped
from mattegate.doctor.readers.protocol import UNREAD, Unreadable

__all__ = ["LogReader", "read_lines", "told"]

_FIRST_SAMPLE: Final = 300
_SAMPLE: Final = 8
"""Lines of a block, from its beginning, that are looked at for requests that pass."""

_LONGEST_KEYED: Final = 16_384
"""Bytes of the longest line that has a key: keys are kept."""
_STEP: Final = LONGEST_JSON // 2
"""A line that is too long has no end in one such part of a block at least."""
_MANY: Final = 8
"""One line of so many has to matter for keys to pay."""
_SOME: Final = 64
"""One line of so many has to be of a format for its keys to pay."""


class Reading:
    """One input while it is read."""

    def __init__(self, formats: Sequence[Format], source: str) -> None:
        self.looking = Looking([shape.fresh() if shape.fresh else shape for shape in formats], source)
        self._formats = tuple(self.looking.formats)
        self._candidates = Candidates(formats)
        self._runs = Runs(self.looking, self._candidates)
        self._dense: list[Format] = []
        """The formats of the last block whose lines are counted by their keys."""
        self._line = 0
        """The line that the current block begins after."""
        self._unread: set[int] = set()
        """The numbers of lines that are too long to be read to their end."""

    def block(self, block: bytes) -> None:
        """Count everything in one block that matters."""
        lines = block.count(b"\n")
        mattered: Counter[str] = Counter()
        if self._dense:
            self._by_keys(block, mattered)
        else:
            self._one_by_one(block, range(self._line + 1, self._line + 1 + lines), mattered)
        many = mattered.total() * _MANY >= lines
        self._dense = [shape for shape in self._formats if many and mattered[shape.name] * _SOME > lines]
        self._sample(block)
        self._unread.update(self._line + 1 + place for place in _too_long(block))
        self._line += lines

    def observations(self) -> Iterator[Observation]:
        """What came of it all; what could not be read comes last."""
        self._runs.tell()
        yield from self.looking.kinds.observations(self.looking.told)
        if self._unread:
            place = Place(self.looking.source, min(self._unread))
            count, most = len(self._unread), f"{LONGEST >> 10} KiB, of JSON {LONGEST_JSON >> 10} KiB"
            says = f"not read to their end: {count} lines that are longer than is looked at ({most})"
            yield Observation(UNREAD, place, message=says, count=count)

    def _by_keys(self, block: bytes, mattered: Counter[str]) -> None:
        raw = block.split(b"\n")
        raw.pop()
        numbers = range(self._line + 1, self._line + 1 + len(raw))
        lines = Lines(raw, bare_lines(raw), numbers, max(map(len, raw)))
        if odd := _without_keys(lines):
            self._looked_through(lines.only(sorted(odd)), mattered)
            lines = lines.only([place for place in range(len(raw)) if place not in odd])
        for shape in sorted(self._dense, key=_loosely):
            if shape.keys is not None and lines.raw:
                taken = self._runs.take(shape, shape.keys, lines)
                mattered[shape.name] += taken.mattered
                lines = taken.rest
        self._looked_through(lines, mattered)

    def _looked_through(self, lines: Lines, mattered: Counter[str]) -> None:
        if lines.raw:
            self._one_by_one(b"\n".join([*lines.raw, b""]), lines.numbers, mattered)

    def _one_by_one(self, block: bytes, numbers: Sequence[int], mattered: Counter[str]) -> None:
        for place, line in self._candidates.among(block):
            raw = _looked_at(line)
            shape, sketch = self.looking.shape(raw)
            mattered[shape.name if shape else ""] += 1
            if shape is None and len(raw) < len(line):
                self._unread.add(numbers[place])
            if shape is not None and sketch:
                self.looking.count(shape, sketch, raw, numbers[place])

    def _sample(self, block: bytes) -> None:
        start = 0
        for number in range(self._line + 1, 1 + max(self._line + _SAMPLE, _FIRST_SAMPLE)):
            end = block.find(b"\n", start)
            if end < 0:
                return
            self._passing(block[start : min(end, start + LONGEST)], number)
            start = end + 1

    def _passing(self, raw: bytes, number: int) -> None:
        shape, sketch = self.looking.shape(raw)
        if shape is None or sketch is not PASSES:
            return
        seen = self.looking.told(shape, raw, number)
        if seen is not None and seen.status is not None and 100 < seen.status < 400 and seen.path:
            self.looking.kinds.passes(shape, seen)


def _without_keys(lines: Lines) -> set[int]:
    """The places of lines that are too long for one, and of wrappings with several lines in them."""
    odd = set[int]()
    if lines.longest > _LONGEST_KEYED:
        odd |= {place for place, line in enumerate(lines.raw) if len(line) > _LONGEST_KEYED}
    if lines.bare is not lines.raw and b"\n" in b"".join(lines.bare):
        odd |= {place for place, line in enumerate(lines.bare) if b"\n" in line}
    return odd


def _too_long(block: bytes) -> Iterator[int]:
    """The places of lines that are not looked at to their end; a line of zeros is what a truncated file begins with."""
    starts = range(0, len(block) - _STEP, _STEP)
    if all(block.find(b"\n", start, start + _STEP) >= 0 for start in starts):
        return
    for place, line in enumerate(block.split(b"\n")):
        if len(line) >= LONGEST_JSON and line.strip(b"\0"):
            yield place


def _looked_at(line: bytes) -> bytes:
    """What is looked at of a line: all of it, or its beginning where it is long and no JSON."""
    if len(line) <= LONGEST:
        return line
    return line if len(line) <= LONGEST_JSON and document(unwrapped(line)[0]) is not None else line[:LONGEST]


def _loosely(shape: Format) -> tuple[bool, bool]:
    """Formats that know their own lines best come first."""
    return (False, False) if shape.keys is None else (not shape.keys.strict, shape.keys.nothing is None)


@dataclass(frozen=True, slots=True)
class LogReader:
    """A reader of logs of certain formats, line by line."""

    name: str
    formats: tuple[Format, ...]
    """In the order in which a line is offered to them."""
    decide: Callable[[str, str], str]
    """The name of the one reader that a head belongs to: all readers of logs decide together, so that one says yes."""

    def recognises(self, head: str, name: str) -> bool:
        """By the lines of the head; the name only where lines of two programs are the same."""
        return self.decide(head, name) == self.name

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """One observation for each kind of line, the first place first. Raises ``Unreadable`` behind what was read."""
        return read_lines(blocks(stream), source, self.formats)


def read_lines(whole: Iterator[bytes], source: str, formats: Sequence[Format]) -> Iterator[Observation]:
    """The same from blocks. Raises :class:`~mattegate.doctor.readers.protocol.Unreadable`."""
    reading = Reading(formats, source)
    damage: Unreadable | None = None
    try:
        for block in whole:
            reading.block(block)
    except Unreadable as error:
        damage = error
    yield from reading.observations()
    if damage is not None:
        raise damage
