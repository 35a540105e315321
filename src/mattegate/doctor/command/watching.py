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
from typing import BinaryIO, Final

from mattegate.doctor.answer import Answer, Verdict
from mattegate.doctor.command.arguments import Usage
from mattegate.doctor.command.sources import STDIN, BadInput
from mattegate.doctor.readers.logs.blocks import blocks
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.render import as_json
from mattegate.doctor.watch.following import Change, Growing, Pipe, Tail, Telling, by_time, look
from mattegate.doctor.watch.reading import Lines
from mattegate.doctor.watch.report import answer, finding, line_of
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
    told_whole = options.since or options.html or options.markdown or options.quiet or options.share
    if options.follow and told_whole:
        raise Usage(
            "--follow tells rises as they come: it goes with none of --since, --html, --markdown, --quiet, --share"
        )
    since = None if options.since is None else _past(options.since, now)
    return Wanted(tuple(options.logs), _rule(options), since)


def watch_once(wanted: Wanted, stdin: BinaryIO, now: float) -> Answer:
    """What rose in the logs as they are. Raises :class:`BadInput`."""
    watch = Watch(wanted.rule)
    logs = [_lines(source, now) for source in wanted.sources]
    with ExitStack() as opened:
        try:
            streams = [_open(source, stdin, opened) for source in wanted.sources]
            for seen in by_time(
                [(log, _blocks(stream, log.source)) for log, stream in zip(logs, streams, strict=True)]
            ):
                watch.see(seen)
        except OSError as error:
            raise BadInput(f"{error.filename or 'standard input'}: {error.strerror or error}") from error
    return answer(watch, logs, now=now, since=wanted.since)


def watch_on(
    wanted: Wanted,
    stdin: BinaryIO,
    tell: Callable[[Change], None],
    *,
    ready: Callable[[Watch], None] = lambda watch: None,
    clock: Callable[[], float] = time.time,
    wait: Callable[[], None] = lambda: time.sleep(_EVERY_S),
) -> None:
    """Tell every rise when it begins and when it is over, until nothing can come any more.

    ``ready`` is told what was read of the past, of which only what still goes on is news.

    Raises :class:`BadInput`, and :class:`KeyboardInterrupt` where somebody ends it.
    """
    watch, telling = Watch(wanted.rule), Telling()
    logs = [(_growing(source, stdin), _lines(source, clock())) for source in wanted.sources]
    _look(watch, logs, clock())
    telling.begin(watch.rises(clock()))
    ready(watch)
    while True:
        for change in telling.changes(watch.rises(clock())):
            tell(change)
        if all(source.ended for source, _ in logs):
            return
        wait()
        _look(watch, logs, clock())


def told_of_start(wanted: Wanted, watch: Watch, now: float) -> str:
    """What there is to compare with, for whoever has just begun to watch."""
    read = f"{watch.lines} requests read of {', '.join(wanted.sources)}"
    return f"watching; {read}, and {watch.history(now)} of the baseline's {wanted.rule.windows} windows are there"


def told_as_line(change: Change, rule: Rule) -> str:
    """A change for people, on one line."""
    return line_of(change.incident, rule, began=change.began)


def told_as_json(change: Change, rule: Rule) -> str:
    """A change for programs, on one line: what happened, and the finding of the one schema."""
    whole = json.loads(as_json(Answer(Verdict.FAULT, (finding(change.incident, rule),))))
    return json.dumps(
        {"event": "began" if change.began else "over", "finding": whole["findings"][0]}, ensure_ascii=False
    )


# --- what is read -------------------------------------------------------------------------------------------------


def _lines(source: str, now: float) -> Lines:
    return Lines("standard input" if source == STDIN else source, now + _DAY)


def _open(source: str, stdin: BinaryIO, opened: ExitStack) -> BinaryIO:
    return stdin if source == STDIN else opened.enter_context(Path(source).open("rb"))


def _blocks(stream: BinaryIO, source: str) -> Iterator[bytes]:
    try:
        yield from blocks(stream)
    except Unreadable as error:
        raise BadInput(f"{source}: {error}") from error


def _growing(source: str, stdin: BinaryIO) -> Growing:
    return Pipe(stdin) if source == STDIN else Tail(Path(source))


def _look(watch: Watch, logs: Sequence[tuple[Growing, Lines]], now: float) -> None:
    for _, lines in logs:
        lines.latest = now + _DAY
    try:
        look(watch, logs)
    except OSError as error:
        raise BadInput(f"{error.filename or 'standard input'}: {error.strerror or error}") from error


# --- what is asked ------------------------------------------------------------------------------------------------


def _rule(options: argparse.Namespace) -> Rule:
    rule = Rule(_span("--window", options.window), _span("--baseline", options.baseline), options.least)
    if rule.least < 1:
        raise Usage("--least: it must be 1 or more")
    if not LEAST_HISTORY <= rule.windows <= MOST_WINDOWS:
        raise Usage(f"--baseline holds {rule.windows} windows; {LEAST_HISTORY} to {MOST_WINDOWS} make sense")
    return rule


def _span(option: str, text: str) -> float:
    found = _SPAN.fullmatch(text.strip().lower())
    if found is None or int(found[1]) == 0:
        raise Usage(f"{option} {text!r}: this is no span of time; write 30s, 5m, 24h or 7d")
    return float(int(found[1]) * _SECONDS[found[2]])


def _past(text: str, now: float) -> float:
    if _SPAN.fullmatch(text.strip().lower()):
        return now - _span("--since", text)
    at = moment(f"{text}T00:00:00Z" if _DATE.fullmatch(text) else text)
    if at is None:
        raise Usage(f"--since {text!r}: write a span such as 10m, or a date such as 2027-01-31 or 2027-01-31T12:00:00Z")
    return at
