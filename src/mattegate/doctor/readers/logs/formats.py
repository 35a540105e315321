"""What a family says of each of its formats: where a line may matter, what kind it is, and all that it says.

The three steps go from cheap to dear. ``finders`` run over whole blocks; ``sketch`` runs on each line they find;
``parse`` runs once for each kind of line. Where nearly every line is found, ``keys`` run over whole blocks as well, and
``sketch`` on one line of each key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.keys import Keys
from mattegate.doctor.readers.logs.line import Line

Sketch = tuple[object, ...]
"""What tells kinds of lines of one format apart. Lines of equal sketches are alike in all that a kind is made of. The
first item is what is left of it once there are too many kinds."""

PASSES: Final[Sketch] = ()
"""The sketch of a line that is of the format and of no matter: nobody was refused."""

SPACED: Final = re.compile(rb" (?:[45]\d\d|-1) [+-]?[\d-]")
"""Finds a refusing status that stands between spaces, with a number behind: a load balancer's."""


@dataclass(frozen=True, slots=True)
class Format:
    """One format of one family."""

    name: str
    """The observations' format."""
    finders: tuple[re.Pattern[bytes], ...]
    """What every line that matters holds; each begins with a literal, which makes it fast; none crosses a line end."""
    sketch: Callable[[bytes], Sketch | None]
    """``None`` where the line is not of this format."""
    parse: Callable[[Line], Observation | None]
    telling: tuple[str, ...] = ()
    """The fields that tell kinds apart, besides message, status, request, host and client."""
    needles: tuple[bytes, ...] = ()
    """The same as ``finders``, as literals in lower case: of many words with nothing in common these are the
    fastest."""
    keys: Keys | None = None
    """How lines that are alike are known without a sketch, in logs that hold hardly anything but refusals."""
    fresh: Callable[[], Format] | None = None
    """For a format whose lines mean nothing without an earlier one: a new one for each input."""


def refused(status: bytes) -> bool:
    """Whether three digits are a status that somebody may ask about."""
    return status[:1] in (b"4", b"5")
