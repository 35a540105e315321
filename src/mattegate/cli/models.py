"""``mattegate models``: what there is, what is installed, fetching, checking, bringing one's own.

Parses, calls :class:`~mattegate.cutout.models.library.ModelLibrary`, renders, sets the exit code: 0 done, 3 refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from mattegate.cli.grouping import command_of
from mattegate.cli.tables import print_facts, print_table
from mattegate.config.load import load_settings
from mattegate.config.settings import Settings
from mattegate.cutout.models.library import ModelLibrary
from mattegate.cutout.models.spec import ModelSpec
from mattegate.cutout.models.store import Verified, describe_pin
from mattegate.vocabulary.refusal import Refusal

REFUSED: Final = 3

models_app = typer.Typer(
    name="models", help="List, fetch, check and bring model weights.", no_args_is_help=True, add_completion=False
)

_Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
_Names = Annotated[list[str], typer.Argument(metavar="NAME...", help="Names or aliases; see 'mattegate models list'.")]


@command_of(models_app, "list", "mattegate models list")
def list_models(context: typer.Context, *, as_json: _Json = False) -> None:
    """Every model that is known here, and whether its weights are installed."""
    with _refusals(as_json=as_json):
        library = _library(context)
        rows = [_summary(spec, library) for spec in library.catalogue]
        if as_json:
            return typer.echo(json.dumps(rows, indent=2))
        print_table(_COLUMNS, map(_row, rows), none="no models")
    return None


@command_of(models_app, "info", "mattegate models info rmbg-2.0")
def info(context: typer.Context, name: str, *, as_json: _Json = False) -> None:
    """Everything that is known about one model: numerics, licence, pin, sources, file."""
    with _refusals(as_json=as_json):
        library = _library(context)
        spec = library.catalogue.resolve(name)
        facts = _details(spec, library)
        if as_json:
            return typer.echo(json.dumps(facts, indent=2))
        print_facts({name: _in_words(value) for name, value in facts.items()})
    return None


@command_of(
    models_app,
    "pull",
    "mattegate models pull u2netp isnet-general-use",
    "mattegate models pull rmbg-2.0 --acknowledge-licence CC-BY-NC-4.0",
)
def pull(
    context: typer.Context,
    names: _Names,
    *,
    force: Annotated[bool, typer.Option("--force", help="Fetch anew where the file that is there is wrong.")] = False,
    acknowledge: Annotated[
        str, typer.Option("--acknowledge-licence", metavar="ID", help="Name the licence you have read and accept.")
    ] = "",
    as_json: _Json = False,
) -> None:
    """Fetch weights from the first source that has them and verify them; a broken transfer goes on where it broke."""
    with _refusals(as_json=as_json):
        library = _library(context)
        results = []
        for name in names:
            with _Bar(name) as bar:
                results.append(library.pull(name, observer=bar, force=force, acknowledge=acknowledge))
        _show_verified(results, as_json=as_json)


@command_of(models_app, "verify", "mattegate models verify")
def verify(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="Default: all installed.")] = None,
    *,
    as_json: _Json = False,
) -> None:
    """Hash installed weights and compare them with their pins."""
    with _refusals(as_json=as_json):
        library = _library(context)
        wanted = names or [spec.name for spec in library.installed()]
        outcomes = [_verified_or_refused(library, name) for name in wanted]
        if as_json:
            typer.echo(json.dumps(outcomes, indent=2))
        else:
            _show_outcomes(outcomes)
        if any("reason" in outcome for outcome in outcomes):
            raise typer.Exit(REFUSED)


@command_of(
    models_app,
    "import",
    "mattegate models import u2net ./u2net.onnx",
    "mattegate models import ./mine.onnx --spec mine.toml",
)
def import_model(
    context: typer.Context,
    name_or_file: Annotated[str, typer.Argument(metavar="[NAME]", help="A known model; left out with --spec.")],
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="The ONNX file.")] = None,
    *,
    spec: Annotated[Path | None, typer.Option("--spec", help="A TOML file that describes a model of your own.")] = None,
    sha256: Annotated[str, typer.Option(help="Your own pin, for a model that has none.")] = "",
    as_json: _Json = False,
) -> None:
    """Take in a file from this machine: the weights of a known model, or a model of your own with its description."""
    if (spec is None) == (file is None):
        raise typer.BadParameter("give either NAME FILE, or FILE --spec DESCRIPTION")
    with _refusals(as_json=as_json):
        library = _library(context)
        with _Bar(name_or_file) as bar:
            if spec is not None:
                result = library.import_own(Path(name_or_file), spec, observer=bar)
            else:
                assert file is not None
                result = library.import_file(name_or_file, file, observer=bar, sha256=sha256)
        _show_verified([result], as_json=as_json)


class _Bar:
    """A progress bar on standard error that listens to a pull."""

    def __init__(self, name: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(),
            TimeRemainingColumn(), console=(console := Console(stderr=True)), transient=True,
            disable=not console.is_terminal,
        )  # fmt: skip
        self._name = name
        self._task = self._progress.add_task(name, total=None)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def trying(self, source: str) -> None:
        self._progress.update(self._task, description=f"{self._name} from {source}")

    def progress(self, done: int, total: int) -> None:
        self._progress.update(self._task, completed=done, total=total or None)

    def failed(self, source: str, why: str) -> None:
        self._progress.console.print(f"{self._name}: {source}: {why}", style="yellow", highlight=False, markup=False)


def _library(context: typer.Context) -> ModelLibrary:
    """The library of the settings that the main command has read, or of the environment's."""
    return ModelLibrary(context.find_object(Settings) or load_settings(environ=os.environ))


@contextmanager
def _refusals(*, as_json: bool) -> Iterator[None]:
    """Render a refusal and leave with exit code 3."""
    try:
        yield
    except Refusal as refusal:
        if as_json:
            typer.echo(json.dumps(_refused(refusal), indent=2))
        else:
            told = dict.fromkeys((refusal.detail, refusal.operator_detail, refusal.remedy))
            typer.echo("\n".join((f"{refusal.reason.title} ({refusal.reason.code})", *told)), err=True)
        raise typer.Exit(REFUSED) from refusal


def _refused(refusal: Refusal) -> dict[str, object]:
    return {"reason": refusal.reason.code, "detail": refusal.operator_detail, "remedy": refusal.remedy}


def _summary(spec: ModelSpec, library: ModelLibrary) -> dict[str, Any]:
    return {
        "name": spec.name,
        "aliases": list(spec.aliases),
        "installed": library.store.has(spec),
        "may_load": library.acknowledgements.covers(spec),
        "size": list(spec.size),
        "bytes": spec.pin.bytes or None,
        "licence": spec.licence.id,
        "commercial": spec.licence.commercial,
        "about": spec.about,
    }


def _details(spec: ModelSpec, library: ModelLibrary) -> dict[str, Any]:
    return _summary(spec, library) | {
        "family": spec.family,
        "licence_title": spec.licence.title,
        "licence_means": spec.licence.means,
        "native": asdict(spec.native),
        "rembg": asdict(spec.rembg),
        "pin": describe_pin(spec.pin),
        "sources": [source.label for source in library.sources(spec)],
        "path": str(library.store.path(spec)),
    }


def _verified_or_refused(library: ModelLibrary, name: str) -> dict[str, object]:
    try:
        verified = library.verify(name)
    except Refusal as refusal:
        return {"model": name, **_refused(refusal)}
    return {"model": name, **_verified_facts(verified)}


def _verified_facts(verified: Verified) -> dict[str, object]:
    return {
        "path": str(verified.path),
        "sha256": verified.sha256,
        "bytes": verified.bytes,
        "pinned_by": verified.pinned_by,
    }


def _show_verified(results: list[Verified], *, as_json: bool) -> None:
    if as_json:
        return typer.echo(json.dumps([_verified_facts(result) for result in results], indent=2))
    for result in results:
        typer.echo(f"verified {result.path} (SHA-256 {result.sha256}, pinned by {result.pinned_by})")
    return None


def _show_outcomes(outcomes: list[dict[str, object]]) -> None:
    for outcome in outcomes:
        if "reason" in outcome:
            typer.echo(f"{outcome['model']}: {outcome['detail']}\n  {outcome['remedy']}", err=True)
        else:
            typer.echo(f"{outcome['model']}: verified {outcome['path']}")


_COLUMNS: Final = ("model", "installed", "input", "    MB", "licence", "commercial")


def _row(facts: dict[str, Any]) -> tuple[str, ...]:
    megabytes = f"{facts['bytes'] / 1e6:6.1f}" if facts["bytes"] else ""
    width, height = facts["size"]
    installed = "yes" if facts["installed"] else ""
    return facts["name"], installed, f"{width}x{height}", megabytes, facts["licence"], str(facts["commercial"])


def _in_words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(str, value)) or "-"
        case dict():
            return ", ".join(f"{key} {_in_words(item)}" for key, item in value.items())
        case tuple():
            return " ".join(f"{item:g}" for item in value)
    return "-" if value in {None, ""} else str(value)
