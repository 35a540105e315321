"""``mattegate remove``: cut-outs of files, folders, patterns, or of what comes in through a pipe."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.options import CutoutFlags, LimitFlags, format_of, unfolded
from mattegate.cli.pipe import PIPE, pipe
from mattegate.cli.rendering import JsonLines, Reporter, Words
from mattegate.cli.working import Shift
from mattegate.config.settings import Settings
from mattegate.cutout.files import plan
from mattegate.cutout.files.run import Work
from mattegate.cutout.files.tasks import Failed, Outcome, Task
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "remove"

EXAMPLES: Final = (
    "mattegate remove photo.jpg",
    "mattegate remove photo.jpg -o cutout.webp --quality 90",
    "mattegate remove a.jpg b.jpg -o cutouts/ --skip-existing",
    "mattegate remove photos/ -o cutouts/ --recursive --refine edges",
    "mattegate remove 'photos/*.jpg' --background white --format jpeg --force",
    "mattegate remove photo.jpg --crop --crop-margin 5% --size 1000x1000 --position center",
    "mattegate remove photos/ --json --quiet",
    "mattegate remove - -o cutout.png",
)


@unfolded
def command(
    ctx: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files, folders, quoted patterns, or - for a pipe.")
    ],
    cutout: CutoutFlags,
    limits: LimitFlags,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="A file, a folder, or - for a pipe.", show_default=False),
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Go into folders inside folders.")] = False,
    skip_existing: Annotated[bool, typer.Option("--skip-existing", help="Leave cut-outs that are there.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace cut-outs that are there.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a file, then a summary.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what failed.")] = False,
) -> None:
    """Cut the subject out of pictures.

    A cut-out is called <stem>-cutout.png and stands beside its picture, or in the folder that -o names. What is there
    already is never replaced without --force. A picture that fails stops none of the others.
    """
    if skip_existing and force:
        raise typer.BadParameter("--skip-existing and --force contradict each other")
    invocation = invocation_of(ctx)
    settings = limits.local(invocation.settings())
    existing = _Existing(skip_existing, force)
    if PIPE in (*paths, out):
        if len(paths) > 1 or json_lines:
            raise typer.BadParameter("- stands for one picture, without others and without --json")
        pipe(paths[0], out or PIPE, cutout, settings, invocation.services.build_engine, force=force)
        return
    search = plan.Search(plan.Disk(), settings.upload.types, recursive)
    work, tasks = _plan(paths, out, cutout, settings, search)
    reporter: Reporter = JsonLines() if json_lines else Words(total=len(tasks), each=not quiet, summary=not quiet)
    shift = Shift(lambda: invocation.services.build_engine(settings), work, reporter)
    raise typer.Exit(shift.run(existing.settle(tasks, search.listing)))


def _plan(
    paths: list[str], out: str | None, cutout: CutoutFlags, settings: Settings, search: plan.Search
) -> tuple[Work, list[Task | Failed]]:
    """Everything that can be wrong with the line itself is found here, before any work."""
    target = _single_target(paths, out, search.listing)
    work = cutout.work(settings, format_of(target) if target else None)
    found = search.find(paths)
    if not found:
        raise Refusal("file.nothing_found", paths=", ".join(paths))
    naming = _naming(target, out, plan.EXTENSIONS[work.options.format])
    return work, plan.assign(found, naming, search.listing)


def _single_target(paths: list[str], out: str | None, listing: plan.Listing) -> Path | None:
    """The file that ``-o`` names, if it names a file: one picture, and neither a folder nor a name ending in ``/``."""
    if out is None or out.endswith("/") or listing.is_folder(Path(out)):
        return None
    one = len(paths) == 1 and listing.exists(Path(paths[0])) and not listing.is_folder(Path(paths[0]))
    return Path(out) if one else None


def _naming(target: Path | None, out: str | None, extension: str) -> plan.Naming:
    if target is not None:
        return plan.exactly(target)
    return plan.beside(extension) if out is None else plan.inside(Path(out), extension)


@dataclass(frozen=True, slots=True)
class _Existing:
    """What becomes of a picture whose cut-out is there."""

    skip: bool
    force: bool

    def settle(self, tasks: list[Task | Failed], listing: plan.Listing) -> Iterable[Task | Outcome]:
        if self.force:
            return tasks
        return plan.keep_existing(tasks, listing) if self.skip else plan.refuse_existing(tasks, listing)
