"""One command line from its words to its exit code."""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import time
from collections.abc import Mapping, Sequence
from typing import BinaryIO, Final, TextIO

from mattegate.doctor.answer import Answer, Verdict
from mattegate.doctor.causes import Cause, causes
from mattegate.doctor.command.arguments import COMMANDS, Usage, headers_of, parser, wanted_of
from mattegate.doctor.command.gathering import examine
from mattegate.doctor.command.pages import ask_as_page
from mattegate.doctor.command.sources import BadInput
from mattegate.doctor.command.watching import Wanted as Watched
from mattegate.doctor.command.watching import told_as_json, told_as_line, told_of_start, watch_of, watch_on, watch_once
from mattegate.doctor.render import as_json, as_markdown, as_page, as_text, shareable
from mattegate.doctor.watch.following import Change
from mattegate.doctor.watch.rising import Watch

_CODES: Final = {Verdict.CLEAN: 0, Verdict.FAULT: 3, Verdict.UNDECIDED: 4}
FAILED: Final = 1
USAGE: Final = 2


def main(
    argv: Sequence[str],
    stdin: BinaryIO,
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str] | None = None,
    *,
    prog: str = "mattegate doctor",
) -> int:
    """Run ``PROG ARGV``; returns the exit code."""
    environ = os.environ if environ is None else environ
    command = argv[0] if argv and argv[0] in COMMANDS else ""
    try:
        options = parser(command, prog).parse_args(list(argv[1:] if command else argv))
        return _run(command, options, stdin, stdout, stderr, environ)
    except SystemExit as ended:  # --help
        return int(ended.code or 0)
    except Usage as error:
        stderr.write(f"{prog}: {error}\n")
        return USAGE
    except BrokenPipeError:
        raise
    except OSError as error:
        stderr.write(f"{prog}: {error.filename}: {error.strerror}\n" if error.filename else f"{prog}: {error}\n")
        return FAILED
    except BadInput as error:
        stderr.write(f"{prog}: {error}\n")
        return FAILED


def _run(
    command: str,
    options: argparse.Namespace,
    stdin: BinaryIO,
    stdout: TextIO,
    stderr: TextIO,
    environ: Mapping[str, str],
) -> int:
    def tell(line: str) -> None:
        if options.verbose or stderr.isatty():
            stderr.write(f"  {line}\n")

    if command == "causes":
        return _causes(options.code, stdout, language=options.language)
    if command == "watch":
        return _watch(options, stdin, stdout, stderr)
    if command == "cors":
        answer = ask_as_page(
            options.url,
            options.origin,
            options.method,
            headers_of(options.header),
            include=options.credentials,
            upload_listener=options.upload_listener,
        )
    else:
        answer = examine(wanted_of(options, environ), stdin, tell)
    return deliver(answer, options, stdout)


def deliver(answer: Answer, options: argparse.Namespace, stdout: TextIO) -> int:
    """Show an answer as the options ask for it; returns the exit code that it means."""
    _show(shareable(answer) if options.share else answer, options, stdout)
    return _CODES[answer.verdict]


def _watch(options: argparse.Namespace, stdin: BinaryIO, stdout: TextIO, stderr: TextIO) -> int:
    wanted = watch_of(options, time.time())
    if options.follow:
        return _watch_on(options, wanted, stdin, stdout, stderr)
    answer = watch_once(wanted, stdin, time.time())
    if answer.findings or not options.quiet:
        deliver(answer, options, stdout)
    return _CODES[answer.verdict] if options.exit_code else 0


def _watch_on(options: argparse.Namespace, wanted: Watched, stdin: BinaryIO, stdout: TextIO, stderr: TextIO) -> int:
    rose = False

    def ready(watch: Watch) -> None:
        stderr.write(f"mattegate doctor: {told_of_start(wanted, watch, time.time())}\n")
        stderr.flush()

    def tell(change: Change) -> None:
        nonlocal rose
        rose = True
        told = told_as_json if options.json else told_as_line
        stdout.write(told(change, wanted.rule) + "\n")
        stdout.flush()

    with contextlib.suppress(KeyboardInterrupt):  # the usual way to end it
        watch_on(wanted, stdin, tell, ready=ready)
    return _CODES[Verdict.FAULT] if rose and options.exit_code else 0


def _show(answer: Answer, options: argparse.Namespace, stdout: TextIO) -> None:
    if options.html is not None:
        options.html.write_text(as_page(answer, title="mattegate doctor", language=options.language), "utf-8")
    if options.markdown is not None:
        options.markdown.write_text(as_markdown(answer, language=options.language), "utf-8")
    if options.json:
        stdout.write(as_json(answer))
        return
    colour = stdout.isatty() and not options.plain and "NO_COLOR" not in os.environ
    plain = options.plain or "utf" not in (stdout.encoding or "").lower()
    width = shutil.get_terminal_size((100, 24)).columns
    stdout.write(
        as_text(answer, width=width, colour=colour, verbose=options.verbose, plain=plain, language=options.language)
        + "\n"
    )


def _causes(code: str, stdout: TextIO, *, language: str) -> int:
    if not code:
        listed = sorted(causes().values(), key=lambda cause: (cause.layer, cause.code))
        stdout.writelines(f"{cause.layer:<20} {cause.code:<36} {_title(cause, language)}\n" for cause in listed)
        return 0
    found = causes().get(code)
    if found is None:
        near = [known for known in causes() if code.rpartition(".")[2] in known][:8]
        raise Usage(f"no cause is called {code!r}" + (f"; did you mean {', '.join(near)}?" if near else ""))
    remedy = found.said("remedy_zh" if language == "zh" else "remedy", {})
    stdout.write(f"{found.code} ({found.layer})\n\n{_title(found, language)}\n\n{found.meaning}\n\n{remedy}\n")
    stdout.write(f"\n{found.said('check', {})}\n\n{found.cite}\n" if found.check else f"\n{found.cite}\n")
    return 0


def _title(cause: Cause, language: str) -> str:
    return cause.said("title_zh" if language == "zh" else "title", {})
