"""Logs that hold hardly anything but refusals: lines are counted by their keys, a block at a time.

1. A block's lines are told apart by their keys, format by format; what one format does not know the next is given.
2. Of each key one line is looked at. It says of which kind the lines of this key are, or that they are another
   format's. A line of a known key costs one look-up; its kind is told of all of them when the input ends.
3. Once there are too many kinds, no more than so many keys of a block are looked at; the others count as what is left
   of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.blocks import LONGEST
from mattegate.doctor.readers.logs.candidates import Candidates
from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.keys import Key, Keys
from mattegate.doctor.readers.logs.kinds import KEPT_LINE, Kind
from mattegate.doctor.readers.logs.looking import Looking

_MOST_KEYS: Final = 16_384
_MOST_PASSED: Final = 8_192
_LOOKED_AT: Final = 32
_MOST_LEFT: Final = 1_024


@dataclass(frozen=True, slots=True)
class Lines:
    """Some lines of a block, side by side: as the input has them, without their wrapping, and their numbers."""

    raw: Sequence[bytes]
    bare: Sequence[bytes]
    numbers: Sequence[int]
    longest: int
    """Bytes that none of them has more of."""

    def only(self, places: Sequence[int]) -> Lines:
        """Those at these places."""
        raw = [self.raw[at] for at in places]
        bare = raw if self.bare is self.raw else [self.bare[at] for at in places]
        return Lines(raw, bare, [self.numbers[at] for at in places], self.longest)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of some lines: those that are another format's, and how many of the others were known or matter."""

    rest: Lines
    mattered: int


class _Known:
    """What the keys of one format have come to."""

    __slots__ = ("_passed", "keys_of", "kinds", "left", "sure")

    def __init__(self, keys: Keys) -> None:
        self.keys_of = keys.learning() if keys.learning else keys.of
        self.kinds: dict[Key, Kind] = {}
        self.left: dict[object, Kind] = {}
        """By what is left of them."""
        self.sure: dict[object, Kind] = {}
        """Those of them of which that alone shows that they matter."""
        self._passed: list[Key] = []

    def pass_over(self, keys: Iterable[Key], nobody: Kind) -> None:
        """Remember keys of lines that do not matter; their number must not drive out those that do."""
        self._passed += keys
        self.kinds |= dict.fromkeys(self._passed, nobody)
        if len(self._passed) > _MOST_PASSED:
            for key in self._passed:
                self.kinds.pop(key, None)
            self._passed.clear()


@dataclass(frozen=True, slots=True)
class _Run:
    """The lines of a block by their keys."""

    shape: Format
    keys: Keys
    lines: Lines
    found: Sequence[Key]

    def example(self, place: int) -> tuple[bytes, int]:
        """The line at a place, and its number."""
        return self.lines.raw[place][:LONGEST], self.lines.numbers[place]

    def keys_at(self, places: Iterable[int]) -> Iterator[Key]:
        """The keys of the lines at places."""
        return map(self.found.__getitem__, places)

    def firsts(self, places: Sequence[int]) -> list[int]:
        """Of places those of the first lines of their keys."""
        backwards = places[::-1]
        return sorted(dict(zip(self.keys_at(backwards), backwards, strict=True)).values())


class Runs:
    """The kinds of one input's lines by their keys."""

    def __init__(self, looking: Looking, candidates: Candidates) -> None:
        self._looking = looking
        self._candidates = candidates
        self._known: dict[str, _Known] = {}
        self._nobody = Kind(looking.formats[0], Observation("", Place("")))
        """Takes lines that do not matter, and those that are counted already."""
        self._others = Kind(looking.formats[0], Observation("", Place("")))
        """Takes lines of other formats."""
        self._times: Counter[Kind | None] = Counter()
        self._newest: dict[Kind | None, bytes] = {}
        self._numbers: dict[Kind | None, int] = {}
        """The newest line of each kind, and its number."""

    def take(self, shape: Format, keys: Keys, lines: Lines) -> Taken:
        """Count the lines that are of a format; the others come back."""
        known = self._known_of(shape, keys)
        run = _Run(shape, keys, lines, known.keys_of(lines.bare))
        told = list(map(known.kinds.get, run.found))
        dull = 0
        if not all(told):
            unknown = [place for place, kind in enumerate(told) if kind is None]
            dull = self._learn(run, known, unknown, told)
        self._count(told, lines)
        if not (others := self._times.pop(self._others, 0)):
            return Taken(_NO_LINES, len(told) - dull)
        rest = lines.only([place for place, kind in enumerate(told) if kind is self._others])
        return Taken(rest, len(told) - others - dull)

    def tell(self) -> None:
        """Tell the kinds what was counted."""
        for kind, times in self._times.items():
            if kind is not None:
                kind.again(self._newest[kind], self._numbers[kind], times=times)
        for counted in (self._times, self._newest, self._numbers):
            counted.clear()

    def _known_of(self, shape: Format, keys: Keys) -> _Known:
        """Begun again where there are too many keys: kinds are found again by their sketches."""
        known = self._known.get(shape.name) or self._known.setdefault(shape.name, _Known(keys))
        if len(known.kinds) > _MOST_KEYS:
            known.kinds.clear()
        known.kinds[keys.nothing] = self._others
        return known

    def _count(self, told: Sequence[Kind | None], lines: Lines) -> None:
        raw = lines.raw if lines.longest <= KEPT_LINE else [line[: KEPT_LINE + 1] for line in lines.raw]
        self._times.update(told)
        self._newest.update(zip(told, raw, strict=True))
        self._numbers.update(zip(told, lines.numbers, strict=True))

    def _learn(self, run: _Run, known: _Known, unknown: list[int], told: list[Kind | None]) -> int:
        """Tell of lines whose keys are new what they are; of how many of them it is new that they are nobody's."""
        full = self._looking.kinds.full
        if full and known.sure:
            unknown = self._leave_surely(run, known, unknown, told)
        worth, dull = self._parted(run, unknown if full else run.firsts(unknown))
        looked_at = run.firsts(worth[:_LOOKED_AT]) if full else worth
        looked = {run.found[place]: self._look(run, place) for place in looked_at}
        known.kinds |= looked
        if full and worth:
            self._leave(run, known, [place for place in worth if run.found[place] not in looked], told)
        passing = self._passing(run, known, run.firsts(dull)) if dull else {}
        for place in (place for place in unknown if told[place] is None):
            told[place] = known.kinds.get(run.found[place]) or passing.get(run.found[place])
        for place in looked_at:
            told[place] = self._others if told[place] is self._others else self._nobody
        return sum(told[place] is self._nobody for place in dull)

    def _parted(self, run: _Run, firsts: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        """The places of lines that may matter, and of those that do not."""
        if run.keys.strict:
            return firsts, ()
        if run.keys.worth is not None:
            worth = run.keys.worth(list(run.keys_at(firsts)))
            return list(compress(firsts, worth)), [place for place, may in zip(firsts, worth, strict=True) if not may]
        among = set(self._among(run, firsts))
        return [place for place in firsts if place in among], [place for place in firsts if place not in among]

    def _among(self, run: _Run, places: Sequence[int]) -> Iterator[int]:
        """Those whose lines are found by a search for what a refusal of any format holds."""
        block = b"".join(run.example(place)[0] + b"\n" for place in places)
        return (places[place] for place, _ in self._candidates.among(block))

    def _passing(self, run: _Run, known: _Known, dull: Sequence[int]) -> dict[Key, Kind]:
        """Whose the lines are that do not matter: nobody's, or other formats'."""
        if run.keys.whole:
            known.pass_over(run.keys_at(dull), self._nobody)
            known.kinds |= dict.fromkeys(run.keys_at(self._among(run, dull)), self._others)
            return {}
        passes = run.keys.passes
        if passes is None:
            return dict.fromkeys(run.keys_at(dull), self._others)
        return {key: self._nobody if passes(key) else self._others for key in run.keys_at(dull)}

    def _look(self, run: _Run, place: int) -> Kind:
        """Count one line, and say of which kind it is."""
        raw, number = run.example(place)
        if (sketch := self._looking.sketch(run.shape, raw, run.lines.bare[place])) is None:
            return self._others
        return (self._looking.count(run.shape, sketch, raw, number) if sketch else None) or self._nobody

    def _leave(self, run: _Run, known: _Known, places: Sequence[int], told: list[Kind | None]) -> None:
        """Of lines of which too many kinds are known: the kind of what is left of them."""
        left = run.keys.left(list(run.keys_at(places)))
        if len(known.left) < _MOST_LEFT:
            for what, place in dict(zip(reversed(left), reversed(places), strict=True)).items():
                if what not in known.left and len(known.left) < _MOST_LEFT:
                    self._learn_left(run, known, what, place)
        for place, kind in zip(places, map(known.left.get, left, repeat(self._looking.kinds.more)), strict=False):
            told[place] = kind

    def _learn_left(self, run: _Run, known: _Known, what: object, place: int) -> None:
        kind = known.left[what] = self._look_coarsely(run, place)
        if run.keys.whole and run.keys.worth is not None and run.keys.worth([what])[0]:
            known.sure[what] = kind

    def _leave_surely(self, run: _Run, known: _Known, unknown: list[int], told: list[Kind | None]) -> list[int]:
        """The same of lines of which what is left shows that they matter; the first ones and the others come back."""
        some = unknown[_LOOKED_AT:]
        before = len(some)
        for place, kind in zip(some, map(known.sure.get, run.keys.left(list(run.keys_at(some)))), strict=True):
            told[place] = kind
        some = [place for place in some if told[place] is None]
        if len(some) * 2 > before:
            known.sure.clear()  # lines are all different: it does not pay, and is tried again with the next that is new
        return unknown[:_LOOKED_AT] + some

    def _look_coarsely(self, run: _Run, place: int) -> Kind:
        """The coarse kind of a line, which is not counted yet."""
        raw, number = run.example(place)
        if (sketch := self._looking.sketch(run.shape, raw, run.lines.bare[place])) is None:
            return self._others
        kind = self._looking.count_coarsely(run.shape, sketch, raw, number) if sketch else None
        if kind is None:
            return self._nobody
        kind.count -= 1
        return kind


_NO_LINES: Final = Lines((), (), (), 0)
