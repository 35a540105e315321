"""The streaming core: blocks in, lines that may matter, kinds counted, observations out.

1. A block is searched for what a refusal holds; most of an access log is never looked at line by line.
2. What wraps a line (a container's, a journal's prefix) is taken off, and the line sketched by its format.
3. A line of a kind that was seen is counted; only the first of a kind is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.blocks import LONGEST, blocks
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.kinds import Kind, Kinds
from mattegate.doctor.readers.logs.line import Line
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.logs.wrapping import AS_BYTES, unwrapped
from mattegate.doctor.readers.protocol import Unreadable

_FIRST_SAMPLE: Final = 300
_SAMPLE: Final = 8
"""Lines of a block, from its beginning, that are looked at for requests that pass."""

_MOST_RUNS: Final = 16_384

_LAST: Final = "app-log"
"""The format that knows any line with a refusal in it, and so is asked last."""

Span = tuple[int, int]


@dataclass(slots=True)
class Reading:
    """One input while it is read. The format that had the last line is asked first, for logs come in runs; no two
    know the
    same line, but for the applications', which stays the last."""

    formats: list[Format]
    source: str
    kinds: Kinds = field(default_factory=Kinds)
    line: int = 0
    """The line that the current block begins after."""
    dense: bool = False
    """Whether every line of the last block might have mattered."""
    runs: dict[tuple[bytes, ...], Kind] = field(default_factory=dict)
    """The kinds of equal lines, while logs are dense."""

    def block(self, block: bytes) -> None:
        """Count everything in one block that matters."""
        lines = block.count(b"\n")
        if not (self.dense and self._densely(block, lines)):
            self.dense = self._line_by_line(block) == lines
        self._sample(block)
        self.line += lines

    def _line_by_line(self, block: bytes) -> int:
        """How many lines there were that might matter."""
        at, number, candidates = 0, self.line + 1, 0
        for start, end in _candidates(block, self.formats):
            raw = block[start : min(end, start + LONGEST)]
            candidates += 1
            shape, sketch = self._shape(raw)
            if not sketch or shape is None or self.kinds.again(shape.name, sketch, raw):
                continue
            number, at = number + block.count(b"\n", at, start), start
            self.kinds.count(shape, sketch, raw, partial(told, place=Place(self.source, number)))
        return candidates

    def _densely(self, block: bytes, lines: int) -> bool:
        """A block of which every line matters and is of one format, counted by equal lines; ``False`` for any other."""
        shape = self.formats[0]
        if shape.dense is None:
            return False
        runs: dict[tuple[bytes, ...], list[re.Match[bytes]]] = {}
        for found in shape.dense.finditer(block):
            key = found.groups()
            if key in runs:
                runs[key].append(found)
            else:
                runs[key] = [found]
        if sum(map(len, runs.values())) != lines:
            return False
        at, number = 0, self.line + 1
        for key, run in runs.items():
            if not self._known(shape, key, run):
                number, at = number + block.count(b"\n", at, run[0].start()), run[0].start()
                self._equal(key, run, number)
        return True

    def _known(self, shape: Format, key: tuple[bytes, ...], run: list[re.Match[bytes]]) -> bool:
        kind = self.runs.get(key)
        if kind is None:
            return self.kinds.again_coarsely(shape.name, key[shape.dense_left], run[-1][0], times=len(run))
        kind.again(run[-1][0], times=len(run))
        return True

    def _equal(self, key: tuple[bytes, ...], run: list[re.Match[bytes]], number: int) -> None:
        shape, sketch = self._shape(run[0][0])
        if not sketch or shape is None:
            return
        place = Place(self.source, number)
        kind = self.kinds.count(shape, sketch, run[0][0], partial(told, place=place))
        if kind is None:
            return
        if len(run) > 1:
            kind.again(run[-1][0], times=len(run) - 1)
        if shape is self.formats[0] and len(self.runs) < _MOST_RUNS:
            self.runs[key] = kind

    def _shape(self, raw: bytes) -> tuple[Format | None, Sketch | None]:
        """Whose line it is. Most are of the same program as the last one, and in no wrapping."""
        newest = self.formats[0]
        if newest.name != _LAST and (sketch := newest.sketch(raw.strip(b"\0\r"))) is not None:
            return newest, sketch
        inner = unwrapped(raw)[0]
        for shape in self.formats:
            if (sketch := shape.sketch(inner)) is not None:
                if shape is not newest and shape.name != _LAST:
                    self.formats.remove(shape)
                    self.formats.insert(0, shape)
                return shape, sketch
        return None, None

    def _sample(self, block: bytes) -> None:
        start = 0
        for number in range(self.line + 1, self.line + 1 + (_SAMPLE if self.line else _FIRST_SAMPLE)):
            end = block.find(b"\n", start)
            if end < 0:
                return
            self._passing(block[start : min(end, start + LONGEST)], number)
            start = end + 1

    def _passing(self, raw: bytes, number: int) -> None:
        shape, sketch = self._shape(raw)
        if shape is None or sketch is not PASSES:
            return
        seen = told(shape, raw, place=Place(self.source, number))
        if seen is not None and seen.status is not None and 100 < seen.status < 400 and seen.path:
            self.kinds.passes(shape, seen)


def told(shape: Format, raw: bytes, *, place: Place) -> Observation | None:
    """What one line says, as the input has it."""
    inner, time, teller = unwrapped(raw)
    text = time.decode("ascii", "replace")
    return shape.parse(
        Line(inner.decode("utf-8", "replace"), place, moment(text), text, teller.decode("ascii", "replace"))
    )


def _candidates(block: bytes, formats: Sequence[Format]) -> Iterable[Span]:
    """The lines that may matter, each once, in their order."""
    finders = dict.fromkeys(finder for shape in formats for finder in shape.finders)
    needles = dict.fromkeys(needle for shape in formats for needle in shape.needles)
    if b'"MESSAGE"' in block:
        finders[AS_BYTES] = None
    if len(finders) == 1 and not needles:
        return _found(block, next(iter(finders)).search)
    spans = {span for finder in finders for span in _found(block, finder.search)}
    if needles:
        low = block.lower()
        spans.update(span for needle in needles for span in _found_literally(low, needle))
    return sorted(spans)


def _found(block: bytes, search: Callable[[bytes, int], re.Match[bytes] | None]) -> Iterator[Span]:
    at = 0
    while (found := search(block, at)) is not None:
        hit = found.start()
        start = block.rfind(b"\n", at, hit) + 1 or at
        end = block.find(b"\n", hit)
        yield start, end
        at = end + 1


def _found_literally(block: bytes, needle: bytes) -> Iterator[Span]:
    at = 0
    while (hit := block.find(needle, at)) >= 0:
        start = block.rfind(b"\n", at, hit) + 1 or at
        end = block.find(b"\n", hit)
        yield start, end
        at = end + 1


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
    reading = Reading([shape.fresh() if shape.fresh else shape for shape in formats], source)
    damage: Unreadable | None = None
    try:
        for block in whole:
            reading.block(block)
    except Unreadable as error:
        damage = error
    yield from reading.kinds.observations(partial(told, place=Place(source)))
    if damage is not None:
        raise damage
