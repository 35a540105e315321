"""Lines of access logs to values: our own by the shortest way, all others as the readers of logs know them.

Nothing is shown from here; whoever shows a text makes it safe first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers import by_name
from mattegate.doctor.readers.logs.blocks import LONGEST
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.json_lines import document
from mattegate.doctor.readers.logs.lines import LogReader, told
from mattegate.doctor.readers.logs.mattegate import MATTEGATE_ACCESS
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.logs.wrapping import unwrapped
from mattegate.doctor.watch.rising import Seen

_OURS: Final = re.compile(rb'\{"time":"([^"\\]{19,40})","address":"([^"\\]{0,64})"')
_STATUS: Final = b'"status":'
"""A quotation mark inside of a JSON text has a backslash before it, so that no path can hold this."""
_STAMP: Final = re.compile(
    rb"\[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4})\]|\"ts\": ?(\d{9,11}(?:\.\d{1,9})?)[,}]"
)
_VARYING: Final = re.compile(r"\b\d+\b|\b(?=[a-f]*\d)[0-9a-f-]{8,}\b")
_LONGEST_TEXT: Final = 256
_SAMPLE: Final = 64
"""Of this many requests that pass in somebody else's log, one is read whole: who calls."""
_MOST_SKETCHES: Final = 4_096


def _formats() -> list[Format]:
    """All that a log can hold, but for the applications' lines, which say no status; new ones for each log."""
    reader = by_name("mixed")
    assert isinstance(reader, LogReader)
    return [shape.fresh() if shape.fresh else shape for shape in reader.formats if shape.name != "app-log"]


@dataclass(slots=True)
class Lines:
    """One log while it is read."""

    source: str
    latest: float
    """No line is from later than this; what says so has a broken time."""
    number: int = 0
    """Lines so far."""
    unread: int = 0
    """Those that say neither when nor which status, or are torn."""
    future: int = 0
    _formats: list[Format] = field(default_factory=_formats)
    _known: dict[tuple[str, Sketch], Seen] = field(default_factory=dict)
    _passed: int = 0

    def block(self, block: bytes) -> Iterator[Seen]:
        """What a block of whole lines says."""
        for raw in block.splitlines():
            self.number += 1
            if not raw.strip():
                continue
            seen = self._line(raw[:LONGEST])
            if seen is None:
                self.unread += 1
            elif seen.at > self.latest:
                self.future += 1
            else:
                yield seen

    def _line(self, raw: bytes) -> Seen | None:
        found = _OURS.match(raw)
        if found is not None:
            status = raw[raw.find(_STATUS) + len(_STATUS) :][:3]
            if status[:1] in (b"1", b"2", b"3") and raw.endswith(b"}"):
                at = _our_moment(found[1])
                return None if at is None else Seen(at, 200, address=found[2].decode("ascii", "replace"))
            return self._own(document(raw), _our_moment(found[1]))
        return self._foreign(raw)

    def _own(self, line: Mapping[str, Any] | None, at: float | None) -> Seen | None:
        if line is None or at is None or not isinstance(line.get("status"), int):
            return None
        return Seen(
            at,
            line["status"],
            _text(line, "reason"),
            _text(line, "key"),
            _text(line, "address"),
            request_of(_text(line, "method"), _text(line, "path")),
            _text(line, "request_id"),
            _text(line, "problem"),
            self.source,
            self.number,
        )

    def _foreign(self, raw: bytes) -> Seen | None:
        inner = unwrapped(raw)[0]
        shape, sketch = self._shape(inner)
        if shape is None or sketch is None:
            return None
        if shape.name == MATTEGATE_ACCESS.name:
            found = document(inner)
            return self._own(found, moment(str(found.get("time"))) if found else None)
        if sketch is PASSES:
            return self._passing(shape, raw)
        known, at = self._known.get((shape.name, sketch)), _stamp(raw)
        if known is not None and at is not None:
            return known._replace(at=at, line=self.number)
        seen = self._whole(shape, raw)
        if seen is not None:
            if len(self._known) >= _MOST_SKETCHES:
                self._known.clear()
            self._known[shape.name, sketch] = seen
        return seen

    def _shape(self, line: bytes) -> tuple[Format | None, Sketch | None]:
        """Whose line it is; the format that had the last one is asked first."""
        for at, shape in enumerate(self._formats):
            if (sketch := shape.sketch(line)) is not None:
                if at:
                    self._formats.insert(0, self._formats.pop(at))
                return shape, sketch
        return None, None

    def _passing(self, shape: Format, raw: bytes) -> Seen | None:
        self._passed += 1
        at = _stamp(raw)
        if at is not None and self._passed % _SAMPLE != 1:
            return Seen(at, 200)
        return self._whole(shape, raw)

    def _whole(self, shape: Format, raw: bytes) -> Seen | None:
        told_line = told(shape, raw, place=Place(self.source, self.number))
        return None if told_line is None else _seen(told_line)


def request_of(method: str, path: str) -> str:
    """``METHOD /path`` without the query, and with what varies from request to request as ``*``."""
    return f"{method} {_VARYING.sub('*', path.partition('?')[0])}".strip()[:_LONGEST_TEXT]


def _seen(line: Observation) -> Seen | None:
    if line.at is None or line.status is None:
        return None
    named = {name: line.fields.get(name, "")[:_LONGEST_TEXT] for name in ("reason", "key_id", "request_id")}
    return Seen(
        line.at,
        line.status,
        named["reason"],
        named["key_id"],
        line.client[:_LONGEST_TEXT],
        request_of(line.method, line.path),
        named["request_id"],
        line.message[:_LONGEST_TEXT],
        line.place.source,
        line.place.line,
    )


@lru_cache(maxsize=4_096)
def _moment(text: bytes) -> float | None:
    return moment(text.decode("ascii", "replace"))


def _our_moment(text: bytes) -> float | None:
    """Like :func:`moment`; all lines of one second are one look-up."""
    second, fraction, zone = text[:19], text[20:-6], text[-6:]
    if zone != b"+00:00" or text[19:20] != b"." or not fraction.isdigit():
        return _moment(text)
    at = _moment(second + b"Z")
    return None if at is None else at + float(b"0." + fraction)


def _stamp(raw: bytes) -> float | None:
    found = _STAMP.search(raw, 0, 2_048)
    return None if found is None else _moment(found[1] or found[2])


def _text(line: Mapping[str, Any], name: str) -> str:
    value = line.get(name)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""
