"""One line at a time: whose it is, of which kind, and what it says.

This is exact and dear. What finds the lines that are worth it is :mod:`.candidates`', what saves them :mod:`.runs`'.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.blocks import LONGEST
from mattegate.doctor.readers.logs.formats import Format, Sketch
from mattegate.doctor.readers.logs.kinds import Kind, Kinds
from mattegate.doctor.readers.logs.line import Line
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.logs.wrapping import unwrapped

_LAST: Final = "app-log"
"""The format that knows any line with a refusal in it, and so is asked last."""
_USUAL: Final = 3
"""Formats that are asked before it is looked whether there was such a line: most inputs hold no more."""


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
        last = self.formats[-1]
        for number, shape in enumerate(self.formats):
            if number == _USUAL and (sketch := last.sketch(inner)) and self.kinds.knows(last, sketch):
                return last, sketch
            if (sketch := shape.sketch(inner)) is not None:
                if shape is not newest and shape.name != _LAST:
                    self.formats.remove(shape)
                    self.formats.insert(0, shape)
                return shape, sketch
        return None, None

    def sketch(self, shape: Format, raw: bytes, bare: bytes) -> Sketch | None:
        """The sketch of a line, which is likely to be of this format; ``None`` where it is another's."""
        if shape.name != _LAST:
            return shape.sketch(bare[:LONGEST].strip(b"\0\r"))
        whose, sketch = self.shape(raw)
        return sketch if whose is shape else None

    def count(self, shape: Format, sketch: Sketch, raw: bytes, number: int) -> Kind | None:
        """Count a line; ``None`` where it says nothing."""
        return self.kinds.count(shape, sketch, raw, number, self.told)

    def count_coarsely(self, shape: Format, sketch: Sketch, raw: bytes, number: int) -> Kind | None:
        """Count a line as what is left of it once there are too many kinds."""
        return self.kinds.count_coarsely(shape, sketch, raw, number, self.told)

    def told(self, shape: Format, raw: bytes, number: int) -> Observation | None:
        """What one line says, as the input has it."""
        return told(shape, raw, place=Place(self.source, number))


def told(shape: Format, raw: bytes, *, place: Place) -> Observation | None:
    """What one line says, as the input has it."""
    inner, time, teller = unwrapped(raw)
    text = time.decode("ascii", "replace")
    return shape.parse(
        Line(inner.decode("utf-8", "replace"), place, moment(text), text, teller.decode("ascii", "replace"))
    )
