"""What the engine tells about one finished cut-out."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stage:
    """One timed step, in the order it ran; ``name`` is a token fit for ``Server-Timing``."""

    name: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class Report:
    """Facts about one cut-out: sizes in pixels, what was decided on the caller's behalf, and where the time went."""

    model: str
    media_type: str
    input_width: int
    input_height: int
    width: int
    height: int
    foreground: tuple[int, int, int, int] | None
    """The subject's box as left, top, right, bottom in the input picture; ``None`` when nothing was found."""
    stages: tuple[Stage, ...]
    notes: tuple[str, ...] = ()
    """Sentences such as ``the first of 12 frames was used``."""
