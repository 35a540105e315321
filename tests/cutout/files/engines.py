"""An engine in memory that does what its script says, and pictures small enough to make by the hundred."""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from mattegate.cutout.engine.protocol import Cutout, EngineStatus, Job, Priority
from mattegate.vocabulary.options import OutputFormat
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report


def png(text: str = "") -> bytes:
    """A grey pixel as a valid PNG file; ``text`` makes its bytes its own."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"tEXt", b"Comment\0" + text.encode()),
        (b"IDAT", zlib.compress(b"\0\x80")),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(map(_chunk, *zip(*chunks, strict=True)))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def pictures(folder: Path, *names: str) -> list[Path]:
    """Write one picture for each name, in folders where the name says so."""
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(path.name))
    return paths


@dataclass
class ScriptedEngine:
    """Answers ``cut-out of`` and the image; ``refusing`` looks at the image and may refuse.

    ``seconds`` is how long an image takes. What it saw is kept, so that a test can ask.
    """

    workers: int = 2
    seconds: Callable[[Job], float] = lambda job: 0.0
    refusing: Callable[[Job], Refusal | None] = lambda job: None
    started: bool = False
    drained: bool = False
    jobs: list[Job] = field(default_factory=list)
    in_hand: int = 0
    most_in_hand: int = 0

    async def start(self) -> None:
        """See :class:`Engine`."""
        self.started = True

    async def admit(
        self, *, priority: Priority, owner: str, deadline_s: float, model: str | None = None
    ) -> ScriptedPermit:
        """Everybody may; how many are in hand at once is what a test looks at."""
        return ScriptedPermit(self)

    def status(self) -> EngineStatus:
        """See :class:`Engine`."""
        return EngineStatus(True, "", self.workers, self.in_hand, 0, 0)

    async def drain(self) -> None:
        """See :class:`Engine`."""
        self.drained = True


@dataclass
class ScriptedPermit:
    """A permit of :class:`ScriptedEngine`."""

    engine: ScriptedEngine

    async def __aenter__(self) -> ScriptedPermit:
        self.engine.in_hand += 1
        self.engine.most_in_hand = max(self.engine.in_hand, self.engine.most_in_hand)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.engine.in_hand -= 1

    async def run(self, job: Job) -> Cutout:
        """Take the time, then refuse or answer."""
        self.engine.jobs.append(job)
        await asyncio.sleep(self.engine.seconds(job))
        if refusal := self.engine.refusing(job):
            raise refusal
        return Cutout(memoryview(b"cut-out of " + bytes(job.image)), _report(job))


def _report(job: Job) -> Report:
    media_type = OutputFormat(job.options.format).media_type
    return Report(job.options.model or "default", media_type, 1, 1, 1, 1, None, ())
