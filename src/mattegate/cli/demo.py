"""``mattegate demo``: refusals by a real nginx in front of the real gate, found and mended before your eyes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Annotated, Final, NoReturn

import typer

from mattegate.cli.rendering import write_error
from mattegate.doctor.demo.scenarios import SCENARIOS, Scenario
from mattegate.doctor.demo.scenery import NoScenery, scenery
from mattegate.doctor.demo.step import Ending, Step
from mattegate.doctor.demo.story import tell
from mattegate.doctor.demo.telling import Page, ending_text, step_text

NAME: Final = "demo"

EXAMPLES: Final = (
    "mattegate demo",
    "mattegate demo --list",
    "mattegate demo --scenario deny",
    "mattegate demo --scenario cors --json",
)

_FAILED: Final = 1
_TERMINATED: Final = 128 + signal.SIGTERM


def command(
    scenario: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this story; may be given repeatedly.")
    ] = None,
    list_them: Annotated[bool, typer.Option("--list", help="Name the stories and leave.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")] = False,
) -> None:
    """Show how a refusal is found and mended, with a real nginx in front of a real server.

    Each story has a fault in the configuration of nginx. It is looked at in three steps: the application asked
    directly, the logs, the client's side. Then the doctor is asked, its change made, nginx reloaded, and the request
    sent again. All of it happens on loopback in a private folder, and is gone afterwards. Needs nginx, but no model.
    """
    chosen = _chosen(scenario or [])
    if list_them:
        _list(chosen, as_json=json_output)
        return
    try:
        with _terminable():
            endings = _told(chosen, as_json=json_output)
    except NoScenery as error:
        write_error(f"mattegate demo: {error}")
        raise typer.Exit(_FAILED) from None
    if not all(ending.well for ending in endings):
        raise typer.Exit(_FAILED)


def _chosen(names: Sequence[str]) -> tuple[Scenario, ...]:
    known = {scenario.name: scenario for scenario in SCENARIOS}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}", param_hint="--scenario")
    return tuple(known[name] for name in dict.fromkeys(names)) or SCENARIOS


def _list(chosen: Sequence[Scenario], *, as_json: bool) -> None:
    if as_json:
        listed = [{"scenario": each.name, "title": each.title, "meant": each.meant} for each in chosen]
        sys.stdout.write(json.dumps({"stories": listed}) + "\n")
        return
    for each in chosen:
        sys.stdout.write(f"{each.name:<14} {each.title}\n")


def _told(chosen: Sequence[Scenario], *, as_json: bool) -> list[Ending]:
    if as_json:
        with scenery(write_error) as stage:
            endings = [tell(each, stage, _silent) for each in chosen]
        sys.stdout.write(json.dumps(_document(endings)) + "\n")
        return endings
    page = _page()
    with scenery(_say) as stage:
        return [_shown(tell(each, stage, lambda step: _say(step_text(step, page))), page) for each in chosen]


def _document(endings: Sequence[Ending]) -> dict[str, object]:
    well = all(ending.well for ending in endings)
    return {"ended_well": well, "stories": [ending.as_json() for ending in endings]}


def _silent(_: Step) -> None:
    """A document is printed whole."""


def _shown(ending: Ending, page: Page) -> Ending:
    _say(ending_text(ending, page))
    return ending


def _say(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")
    sys.stdout.flush()


def _page() -> Page:
    return Page(
        width=min(shutil.get_terminal_size((100, 24)).columns, 120),
        colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ,
        plain="utf" not in (sys.stdout.encoding or "").lower(),
    )


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends a story as Ctrl-C does: what it started is stopped first."""

    def end(_: int, __: FrameType | None) -> NoReturn:
        raise SystemExit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
