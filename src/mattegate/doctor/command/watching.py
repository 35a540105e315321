"""``doctor watch``: the standing check over logs as they are, or as they grow."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from mattegate.doctor.answer import Answer
from mattegate.doctor.command.arguments import Usage
from mattegate.doctor.command.sources import STDIN, BadInput
from mattegate.doctor.readers.logs.blocks import blocks
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.render import as_json_line
from mattegate.doctor.watch.following import Change, Growing, Pipe, Tail, Telling, by_time, look
from mattegate.doctor.watch.reading import Lines
from mattegate.doctor.watch.report import Incident, answer, finding, incidents, line_of
from mattegate.doctor.watch.rising import LEAST_HISTORY, MOST_WINDOWS, Rule, Watch

_SPAN: Final = re.compile(r"(\d{1,6}) ?(s|min|m|h|d|w)")
_SECONDS: Final = {"s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d")
_DAY: Final = 86_400
_EVERY_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to watch, and by which rule."""

    sources: tuple[str, ...]
    """Files, and ``-`` for standard input."""
    rule: Rule
    since: float | None = None


def watch_of(options: argparse.Namespace, now: float) -> Wanted:
    """What a command line asks for. Raises :class:`Usage`."""
    if not options.logs:
        raise Usage("nothing to watch: give an access log, or - for standard input")
    if len(set(options.logs)) < len(options.logs):
        raise Usage("each log can be given once")
    if options.follow and (options.since or options.html or options.markdown or options.quiet):
        raise Usage("--follow tells rises as they come: it goes with none of --since, --html, --markdown, --quiet")
    since = None if options.since is None else _past(options.since, now)
    return Wanted(tuple(options.logs), _rule(options), since)


def watch_once(wanted: Wanted, stdin: BinaryIO, now: float) -> Answer:
    """What rose in the logs as they are. Raises :class:`BadInput`."""
    watch = Watch(wanted.rule)
    logs = [_lines(source, now) for source in wanted.sources]
    with ExitStack() as opened:
        try:
            streams = [_open(source, stdin, opened) for source in wanted.sources]
            for seen in by_time(zip(logs, [_blocks(stream, log.source) for stream, log in zip(streams, logs, strict=True)],
                                    strict=True)):  # fmt: skip
                watch.see(seen)
        except OSError as error:
            raise BadInput(f"{error.filename or 'standard input'}: {error.strerror or error}") from error
    return answer(watch, logs, now=now, since=wanted.since)


def watch_on(
    wanted: Wanted,
    stdin: BinaryIO,
    tell: Callable[[Change, Incident, Rule], None],
    *,
    clock: Callable[[], float] = time.time,
    wait: Callable[[], None] = lambda: time.sleep(_EVERY_S),
) -> bool:
    """Tell every rise when it begins and when it is over, until nothing can come any more; whether there was any.

    Raises :class:`BadInput`, and :class:`KeyboardInterrupt` where somebody ends it.
    """
    watch, telling = Watch(wanted.rule), Telling()
    logs = [(_growing(source, stdin), _lines(source, clock())) for source in wanted.sources]
    _look(watch, logs)
    telling.begin(watch.rises(clock()))
    while True:
        rises = watch.rises(clock())
        ...
