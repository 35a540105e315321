"""Whether a body arrives fast enough: pure arithmetic over times that come in as values.

The rule is a bucket of patience. It holds ``stall_s`` seconds at first; waiting empties it, each byte that arrives puts
back ``1 / min_bytes_per_s`` seconds, and it never holds more than ``stall_s``. So silence is cut after ``stall_s``, a
trickle below the rate a little later, the first seconds are never punished, and a fast start buys no right to stall.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.config.settings import UploadSettings


@dataclass(slots=True)
class Pace:
    """The patience left for one body; all times in seconds of one monotonic clock."""

    limits: UploadSettings
    started: float
    _empty_at: float = field(init=False)
    _full_at: float = field(init=False)
    _since_full: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._full_at = self.started
        self._empty_at = self.started + self.limits.stall_s

    @property
    def deadline(self) -> float:
        """When the body is cut unless more bytes arrive before."""
        return min(self._empty_at, self.started + self.limits.total_s)

    def received(self, amount: int, now: float) -> None:
        """Take note of bytes that arrived."""
        self._since_full += amount
        self._empty_at += amount / self.limits.min_bytes_per_s
        if self._empty_at >= now + self.limits.stall_s:
            self._full_at, self._since_full = now, 0
            self._empty_at = now + self.limits.stall_s

    def refusal(self, now: float) -> Refusal:
        """Why the body is cut at ``now``, once :attr:`deadline` has passed."""
        if now >= self.started + self.limits.total_s:
            return Refusal("request.body_timeout", seconds=self.limits.total_s)
        if not self._since_full:
            return Refusal("request.stalled", seconds=self.limits.stall_s)
        rate = self._since_full / max(now - self._full_at, 1e-3)
        return Refusal("request.too_slow", rate_kb=rate / 1000, limit_kb=self.limits.min_bytes_per_s / 1000)
