"""Like and like together: of each kind of observation one is kept, with how often it was seen. Bounded.

Rules of this file:

1. What is counted is never lost: beyond the bound lines fall to a coarser kind, then to one count that is told.
2. A coarser kind does not claim what differs between its lines: neither client nor request.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.formats import Format, Sketch
from mattegate.doctor.readers.logs.keys import numberless
from mattegate.doctor.readers.logs.moments import utc_text

KINDS: Final = 4_096
COARSE_KINDS: Final = 512
PASSING_KINDS: Final = 256
_MOST_SKETCHES: Final = 32_768
KEPT_LINE: Final = 2_048
"""Bytes of the longest line of which the newest is kept."""
_VARYING: Final = re.compile(r"\b(?=[a-f]*\d)[0-9a-f-]{8,}\b|\d+")
_NONE: Final = Format("app-log", (), lambda line: None, lambda line: None)

Told = Callable[[Format, bytes, int], Observation | None]
"""What a line of a format says: the line as the input has it, and its number."""


@dataclass(slots=True, eq=False)
class Kind:
    """The first of its kind, how many there were, and the newest as the input has it (empty where it is too long)."""

    format: Format
    first: Observation
    count: int = 1
    newest: bytes = b""
    number: int = 0
    """The newest's line."""

    def again(self, raw: bytes, number: int, *, times: int = 1) -> None:
        """More of it; the newest of them is ``raw``, in the line of this number. They need not come in their order."""
        self.count += times
        if len(raw) <= KEPT_LINE and number >= self.number:
            self.newest, self.number = raw, number


class Kinds:
    """All kinds of one input."""

    def __init__(self, most: int = KINDS, *, coarse: int = COARSE_KINDS) -> None:
        self._most = most
        self._most_coarse = coarse
        self._sketches: dict[tuple[str, Sketch], Kind] = {}
        self._kinds: dict[tuple[object, ...], Kind] = {}
        self._coarse: dict[tuple[object, ...], Kind] = {}
        self._passing: dict[tuple[object, ...], Kind] = {}
        self.more = Kind(_NONE, Observation("app-log", Place("")), 0)
        """Lines beyond every bound."""

    @property
    def full(self) -> bool:
        """Whether what is new falls to coarser kinds."""
        return len(self._kinds) >= self._most

    def knows(self, shape: Format, sketch: Sketch) -> bool:
        """Whether there was a line of this sketch."""
        return (shape.name, sketch) in self._sketches

    def count(self, shape: Format, sketch: Sketch, raw: bytes, number: int, told: Told) -> Kind | None:
        """Count one line; ``told`` is asked only for what may be a new kind. ``None`` where the line says nothing."""
        known = self._sketches.get((shape.name, sketch))
        if known is not None:
            known.again(raw, number)
            return known
        if self.full:
            return self.count_coarsely(shape, sketch, raw, number, told)
        return self._add(shape, sketch, raw, number, told)

    def count_coarsely(self, shape: Format, sketch: Sketch, raw: bytes, number: int, told: Told) -> Kind | None:
        """Count one line as what is left of it once there are too many kinds."""
        key = (shape.name, numberless(sketch[0]))
        kind = self._coarse.get(key) or (self.more if len(self._coarse) >= self._most_coarse else None)
        if kind is not None:
            kind.again(raw, number)
            return kind
        seen = told(shape, raw, number)
        return None if seen is None else self._coarsely(key, shape, seen, raw, number)

    def add(self, shape: Format, seen: Observation, raw: bytes = b"", number: int = 0) -> Kind:
        """Count an observation that is already made."""
        key = _key(shape, seen)
        kind = self._kinds.get(key)
        if kind is not None:
            kind.again(raw, number)
            return kind
        if not self.full:
            self._kinds[key] = kind = Kind(shape, seen)
            return kind
        return self._coarsely((shape.name, _VARYING.sub("0", seen.message), seen.status), shape, seen, raw, number)

    def passes(self, shape: Format, seen: Observation) -> None:
        """Count a request that was let pass; only so many kinds, since they show no more than that others pass."""
        key = (shape.name, seen.method, seen.host, seen.path.partition("?")[0], seen.status)
        if key in self._passing:
            self._passing[key].count += 1
        elif len(self._passing) < PASSING_KINDS:
            self._passing[key] = Kind(shape, replace(seen, fields={**seen.fields, "counted": "sample"}))

    def observations(self, told: Told) -> Iterator[Observation]:
        """What was counted, in the order of the first places; what passed comes behind."""
        kinds = sorted([*self._kinds.values(), *self._coarse.values()], key=lambda kind: kind.first.place.line)
        for kind in kinds:
            yield _with_newest(kind, told)
        if self.more.count:
            says = f"and {self.more.count} more lines, of kinds beyond the first {self._most}"
            yield Observation("app-log", Place(kinds[0].first.place.source), message=says, count=self.more.count)
        for kind in self._passing.values():
            yield replace(kind.first, count=kind.count)

    def _add(self, shape: Format, sketch: Sketch, raw: bytes, number: int, told: Told) -> Kind | None:
        seen = told(shape, raw, number)
        if seen is None:
            return None
        if len(self._sketches) >= _MOST_SKETCHES:
            self._sketches.clear()
        kind = self._sketches[shape.name, sketch] = self.add(shape, seen, raw, number)
        return kind

    def _coarsely(self, key: tuple[object, ...], shape: Format, seen: Observation, raw: bytes, number: int) -> Kind:
        kind = self._coarse.get(key) or (self.more if len(self._coarse) >= self._most_coarse else None)
        if kind is not None:
            kind.again(raw, number)
            return kind
        merged = {**seen.fields, "merged": f"clients and requests beyond the first {self._most} kinds"}
        self._coarse[key] = kind = Kind(shape, replace(seen, method="", path="", client="", host="", fields=merged))
        return kind


def _key(shape: Format, seen: Observation) -> tuple[object, ...]:
    told = tuple(seen.fields.get(name) for name in shape.telling)
    message = _VARYING.sub("0", seen.message)
    return (seen.format, message, seen.status, seen.request, seen.host, seen.client, *told)


def _with_newest(kind: Kind, told: Told) -> Observation:
    """With the time of the newest, where it is another and known."""
    if kind.count == 1:
        return kind.first
    newest = told(kind.format, kind.newest, kind.number) if kind.newest else None
    fields = dict(kind.first.fields)
    if newest is not None and (time := utc_text(newest.at) if newest.at is not None else newest.fields.get("time", "")):
        fields["newest"] = time
    return replace(kind.first, count=kind.count, fields=fields)
