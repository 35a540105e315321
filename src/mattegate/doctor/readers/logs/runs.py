"""Logs that hold hardly anything but refusals: lines are counted by their keys, a block at a time.

1. A block's lines are told apart by their keys, format by format; what one format does not know the next is given.
2. Of each key one line is looked at. It says of which kind the lines of this key are, or that they are another
   format's.
3. Once there are too many kinds, no more than so many keys of a block are looked at; the others count as what is left
   of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.blocks import LONGEST
from mattegate.doctor.readers.logs.candidates import Candidates
from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.keys import Key, Keys, numberless
from mattegate.doctor.readers.logs.kinds import Kind
from mattegate.doctor.readers.logs.looking import Looking

_MOST_KEYS: Final = 16_384
_LOOKED_AT: Final = 64
_MOST_LEFT: Final = 1_024


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a block, side by side: as the input has them, without their wrapping, and their numbers."""

    raw: Sequence[bytes]
    bare: Sequence[bytes]
    numbers: Sequence[int]

    def only(self, places: Sequence[int]) -> Lines:
        """Those at these places."""
        raw, bare, numbers = self.raw, self.bare, self.numbers
        return Lines([raw[at] for at in places], [bare[at] for at in places], [numbers[at] for at in places])


class _Run:
    """The lines of a block by their keys."""

    def __init__(self, found: Sequence[Key], lines: Lines) -> None:
        self._found = found
        self._lines = lines
        self.times = Counter(found)
        self.newest = dict(zip(found, lines.raw, strict=True))

    def example(self, key: Key) -> tuple[bytes, int]:
        """The first line of a key, and its number."""
        place = self._first[key]
        return self._lines.raw[place][:LONGEST], self._lines.numbers[place]

    @cached_property
    def _first(self) -> dict[Key, int]:
        """The place of the first line of each key; mostly nobody asks."""
        return dict(zip(reversed(self._found), range(len(self._found) - 1, -1, -1), strict=True))


class _Known:
    """What the keys of one format have come to."""

    __slots__ = ("foreign", "kinds", "left")

    def __init__(self, nothing: Key) -> None:
        self.kinds: dict[Key, Kind] = {}
        self.foreign: set[Key] = {nothing}
        """Keys of lines that are another format's."""
        self.left: dict[object, Kind] = {}

    def forget(self, nothing: Key) -> None:
        """Begin again where there are too many: kinds are found again by their sketches."""
        if len(self.kinds) > _MOST_KEYS:
            self.kinds.clear()
        if len(self.foreign) > _MOST_KEYS:
            self.foreign = {nothing}


class Runs:
    """The kinds of one input's lines by their keys."""

    def __init__(self, looking: Looking, candidates: Candidates) -> None:
        self._looking = looking
        self._candidates = candidates
        self._known: dict[str, _Known] = {}
        self._nobody = Kind(looking.formats[0], Observation("", Place("")))
        """Takes the count of lines that do not matter."""

    def take(self, shape: Format, keys: Keys, lines: Lines) -> Lines:
        """Count the lines that are of a format; the others come back."""
        known = self._known.setdefault(shape.name, _Known(keys.nothing))
        known.forget(keys.nothing)
        found = keys.of(b"\n".join(lines.bare))
        run = _Run(found, lines)
        told = known.kinds.keys() & run.times.keys()
        for key in told:
            known.kinds[key].again(run.newest[key], times=run.times[key])
        fresh = [key for key in run.times if key not in told and key not in known.foreign]
        worth = fresh if keys.strict else self._worth(fresh, keys, run)
        foreign = self._learn(shape, keys, known, worth, run)
        foreign |= known.foreign & run.times.keys() if keys.strict else run.times.keys() - told - set(worth)
        return lines.only([place for place, key in enumerate(found) if key in foreign]) if foreign else _NO_LINES

    def _worth(self, fresh: Sequence[Key], keys: Keys, run: _Run) -> list[Key]:
        """Those whose lines may matter."""
        if keys.worth is not None:
            return [key for key in fresh if keys.worth(key)]
        block = b"".join(run.example(key)[0] + b"\n" for key in fresh)
        return [fresh[place] for place, _ in self._candidates.among(block)]

    def _learn(self, shape: Format, keys: Keys, known: _Known, worth: Sequence[Key], run: _Run) -> set[Key]:
        """Count the lines of new keys; those that turn out to be another format's come back."""
        exactly = _LOOKED_AT if self._looking.kinds.full else len(worth)
        foreign = {key for key in worth[:exactly] if not self._look(shape, key, known, run)}
        known.foreign |= foreign
        for what, alike in _by_what_is_left(worth[exactly:], keys).items():
            if not self._leave(shape, alike, what, known, run):
                foreign.update(alike)
        return foreign

    def _look(self, shape: Format, key: Key, known: _Known, run: _Run) -> bool:
        """Count the lines of a key by its first."""
        raw, number = run.example(key)
        whose, sketch = self._looking.shape(raw)
        if whose is not shape:
            return False
        kind = self._looking.count(shape, sketch, raw, number) if sketch else None
        kind = known.kinds[key] = kind or self._nobody
        if run.times[key] > 1:
            kind.again(run.newest[key], times=run.times[key] - 1)
        return True

    def _leave(self, shape: Format, alike: Sequence[Key], left: object, known: _Known, run: _Run) -> bool:
        """Count the lines of keys of which the same is left."""
        times, newest = sum(map(run.times.__getitem__, alike)), run.newest[alike[-1]]
        kind = known.left.get(left)
        if kind is None and len(known.left) >= _MOST_LEFT:
            kind = self._looking.kinds.more
        if kind is None:
            raw, number = run.example(alike[0])
            whose, sketch = self._looking.shape(raw)
            if whose is not shape:
                return False
            kind = self._looking.count_coarsely(shape, sketch, raw, number) if sketch else None
            kind = known.left[left] = kind or self._nobody
            times -= 1
        if times:
            kind.again(newest, times=times)
        return True


def _by_what_is_left(some: Sequence[Key], keys: Keys) -> dict[object, list[Key]]:
    alike: dict[object, list[Key]] = defaultdict(list)
    for key, left in zip(some, map(keys.left, some), strict=True):
        alike[left].append(key)
    found: dict[object, list[Key]] = defaultdict(list)
    for left, several in alike.items():
        found[numberless(left)] += several
    return found


_NO_LINES: Final = Lines((), (), ())
