"""One picture through standard input, standard output, or both: ``-`` stands for the pipe."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import typer

from mattegate.cli.options import CutoutFlags, format_of
from mattegate.cli.working import hush
from mattegate.config.settings import MB, Settings, UploadSettings
from mattegate.cutout.engine.protocol import Cutout, Engine
from mattegate.cutout.files.faults import unwritable
from mattegate.cutout.files.run import Work, cut, read_image, running
from mattegate.cutout.files.writing import write_whole
from mattegate.vocabulary.refusal import Refusal

PIPE: Final = "-"


def pipe(
    source: str,
    target: str,
    cutout: CutoutFlags,
    settings: Settings,
    build_engine: Callable[[Settings], Engine],
    *,
    force: bool,
) -> None:
    """Read ``source``, cut, write ``target``; nothing is written when anything is refused.

    Raises :class:`Refusal`.
    """
    work = cutout.work(settings, None if target == PIPE else format_of(Path(target)))
    _refuse_bad_target(target, force=force)
    image = _read(source, settings.upload)
    name = None if source == PIPE else Path(source).name
    hush()
    made = asyncio.run(_cut(build_engine(settings), image, name, work))
    _write(target, made.data)


async def _cut(engine: Engine, image: bytes, name: str | None, work: Work) -> Cutout:
    async with running(engine):
        return (await cut(engine, image, name=name, work=work)).cutout


def _refuse_bad_target(target: str, *, force: bool) -> None:
    if target == PIPE and sys.stdout.isatty():
        raise Refusal("file.terminal")
    if target != PIPE and Path(target).exists() and not force:
        raise Refusal("file.exists", path=target)


def _read(source: str, limits: UploadSettings) -> bytes:
    if source != PIPE:
        return read_image(Path(source), limits)
    if sys.stdin.isatty():
        raise typer.BadParameter("- reads a picture from a pipe, and nothing is piped in")
    image = sys.stdin.buffer.read(limits.max_bytes + 1)
    if len(image) > limits.max_bytes:
        limit_mb = limits.max_bytes / MB
        raise Refusal("upload.too_large", limit_mb=limit_mb, read_bytes=len(image), declared_bytes="unknown")
    return image


def _write(target: str, data: memoryview) -> None:
    if target == PIPE:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    try:
        write_whole(Path(target), data)
    except OSError as error:
        raise unwritable(Path(target), error) from error
