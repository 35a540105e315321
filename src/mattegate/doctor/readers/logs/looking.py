"""One line at a time: whose it is, of which kind, and what it says.

This is exact and dear. What finds the lines that are worth it is :mod:`.candidates`', what saves them :mod:`.runs`'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.formats import Format, Sketch
from mattegate.doctor.readers.logs.kinds import Kind, Kinds
from mattegate.doctor.readers.logs.line import Line
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.logs.wrapping import unwrapped

_LAST: Final = "app-log"
"""The format that knows any line with a refusal in it, and so is asked last."""


@dataclass(slots=True)
class Looking:
    """One input's lines. The format that had the last line is asked first, for logs come in runs; no two know the same
    line, but for the applications', which stays the last."""

    formats: list[Format]
    source: str
    kinds: Kinds = field(default_factory=Kinds)

    def shape(self, raw: bytes) -> tuple[Format | None, Sketch | None]:
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

    def count(self, shape: Format, sketch: Sketch, raw: bytes, number: int) -> Kind | None:
        """Count a line; ``None`` where it says nothing."""
        return self.kinds.count(shape, sketch, raw, self._at(number))

    def count_coarsely(self, shape: Format, sketch: Sketch, raw: bytes, number: int) -> Kind | None:
        """Count a line as what is left of it once there are too many kinds."""
        return self.kinds.count_coarsely(shape, sketch, raw, self._at(number))

    def _at(self, number: int) -> partial[Observation | None]:
        return partial(told, place=Place(self.source, number))


def told(shape: Format, raw: bytes, *, place: Place) -> Observation | None:
    """What one line says, as the input has it."""
    inner, time, teller = unwrapped(raw)
    text = time.decode("ascii", "replace")
    return shape.parse(
        Line(inner.decode("utf-8", "replace"), place, moment(text), text, teller.decode("ascii", "replace"))
    )
