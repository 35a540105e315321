"""``mattegate why``: the recorded trace of a decision, in words or as JSON, and whether it would be made again."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Annotated, Any, Final

import typer
from rich.console import Console

from mattegate.cli.context import invocation_of
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.why_missing import missing
from mattegate.cli.why_report import Explained, as_json, explain, in_words
from mattegate.config.load import ConfigurationError
from mattegate.config.secrets import load_secrets
from mattegate.config.settings import Settings
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.records_reading import RecordReader
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "why"

EXAMPLES: Final = (
    "mattegate why req_01M811EN4M7SXMWKN0G36DD4P8",
    "curl -sS … | mattegate why -",
    "grep ' 403' access.log | mattegate why - --json",
)

PIPE: Final = "-"
_NOT_FOUND: Final = 1
_MOST_READ: Final = 16_000_000
_NOT_JSON: Final = (ValueError, RecursionError)
_ID: Final = re.compile(r"(?<![0-9A-Za-z_])req_[0-9A-Za-z]{26}(?![0-9A-Za-z])", re.IGNORECASE)
_READ_ALOUD: Final = str.maketrans("OIL", "011")
"""Letters that no id has, and the digits they are heard or read for (Crockford)."""


def command(
    ctx: typer.Context,
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids from X-Request-Id, or - for whatever holds some on standard input."),
    ],
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Tell why a request was refused, or what let it pass: every layer, in order, from its record.

    Works beside a running server. What is read from standard input may be ids, problem documents or lines of the access
    log. The decision is then made again: the same, or what is different since.
    """
    wanted = list(dict.fromkeys(_wanted(ids)))
    settings = invocation_of(ctx).settings()
    seal_key, fault = _seal_key(settings)
    try:
        with closing(RecordReader(settings.ledger_dir, seal_key=seal_key)) as reader:
            found = [_tell(request_id, reader, settings, fault, as_json_line=json_output) for request_id in wanted]
    except Unavailable as error:
        raise Refusal("dependency.records", problem=error.problem) from error
    if not all(found):
        raise typer.Exit(_NOT_FOUND)


def ids_in(text: str) -> list[str]:
    """The request ids that a text is about, in their order.

    Of JSON, in one document or one a line, only ``request_id`` counts: what a caller sent along may look like an id.
    """
    try:
        return list(_of_document(json.loads(text)))
    except _NOT_JSON:
        return [found for line in text.splitlines() for found in _of_line(line)]


def _of_line(line: str) -> Iterator[str]:
    start = line.find("{")  # a log reader may have put a time and a name in front
    try:
        yield from _of_document(json.loads(line[start:] if start >= 0 else ""))
    except _NOT_JSON:
        yield from (_spelled(found) for found in _ID.findall(line))


def _of_document(document: Any) -> Iterator[str]:
    match document:
        case {"request_id": str(request_id)}:
            yield _spelled(request_id)
        case list():
            for item in document:
                yield from _of_document(item)
        case str():
            yield from (_spelled(found) for found in _ID.findall(document))


def _spelled(text: str) -> str:
    """An id as it was made, where it was copied with something around it, in small letters, or by ear."""
    found = _ID.search(text)
    return "req_" + found[0][4:].upper().translate(_READ_ALOUD) if found else text.strip()


def _wanted(ids: list[str]) -> Iterator[str]:
    for given in ids:
        if given == PIPE:
            yield from _from_pipe()
        elif not given.strip():
            raise typer.BadParameter("an id is empty", param_hint="ID")
        else:
            yield _spelled(given)


def _from_pipe() -> list[str]:
    if sys.stdin.isatty():
        raise typer.BadParameter("- reads ids from a pipe, and nothing is piped in", param_hint="ID")
    found = ids_in(sys.stdin.buffer.read(_MOST_READ).decode("utf-8", "replace"))
    if not found:
        raise typer.BadParameter("no request id stands in what was piped in", param_hint="ID")
    return found


def _seal_key(settings: Settings) -> tuple[bytes | None, str]:
    """The key of sealed ids; or why it cannot be had, which matters only for an id without a record."""
    try:
        return load_secrets(settings.secrets_dir, os.environ).seal_key, ""
    except ConfigurationError as error:
        return None, "; ".join(str(fault) for fault in error.faults)


def _tell(request_id: str, reader: RecordReader, settings: Settings, fault: str, *, as_json_line: bool) -> bool:
    found = reader.find(request_id)
    if found is None:
        _tell_missing(request_id, settings, fault, as_json_line=as_json_line)
        return False
    explained = explain(found, reader)
    if as_json_line:
        write_json(as_json(explained))
    else:
        _print(explained)
    return True


def _print(explained: Explained) -> None:
    console = Console(soft_wrap=True, highlight=False, emoji=False)
    for line in in_words(explained):
        console.print(line)


def _tell_missing(request_id: str, settings: Settings, fault: str, *, as_json_line: bool) -> None:
    lines = missing(request_id, settings, fault)
    if as_json_line:
        write_json({"request_id": request_id, "decision": None, "reason": "record.not_found", "detail": lines})
        return
    for line in lines:
        write_error(line)
