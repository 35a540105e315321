"""Which images have stopped workers, so that one that did it twice is not tried again for a while.

Pure: time and digests come in as values. The table is bounded; the oldest entry leaves first.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from mattegate.cutout.engine.messages import encode
from mattegate.cutout.engine.protocol import Job

DEATHS_ALLOWED: Final = 2


@dataclass(frozen=True, slots=True)
class _Record:
    deaths: int
    until: float


class PoisonTable:
    """Counts workers lost per digest, for ``remember_s`` seconds after the last loss, for at most ``limit`` digests."""

    def __init__(self, *, remember_s: float = 600.0, limit: int = 256) -> None:
        self._remember_s = remember_s
        self._limit = limit
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def suspects(self, now: float) -> bool:
        """Whether any image is remembered; as long as none is, nobody has to compute a digest."""
        self._forget(now)
        return bool(self._records)

    def deaths(self, digest: str, now: float) -> int:
        """How many workers this image has stopped lately."""
        self._forget(now)
        record = self._records.get(digest)
        return record.deaths if record else 0

    def record(self, digest: str, now: float) -> None:
        """Note one more worker stopped by this image."""
        deaths = self.deaths(digest, now) + 1
        self._records.pop(digest, None)
        self._records[digest] = _Record(deaths, now + self._remember_s)
        if len(self._records) > self._limit:
            self._records.popitem(last=False)

    def _forget(self, now: float) -> None:
        while self._records and next(iter(self._records.values())).until <= now:
            self._records.popitem(last=False)


def digest(job: Job) -> str:
    """SHA-256 over the image, the background and the options, in hexadecimal."""
    background = job.background if job.background is not None else b""
    summary = hashlib.sha256()
    for part in (job.image, background, encode(job.options)):
        size = part.nbytes if isinstance(part, memoryview) else len(part)
        summary.update(size.to_bytes(8, "big"))
        summary.update(part)
    return summary.hexdigest()
