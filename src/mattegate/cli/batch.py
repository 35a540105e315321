"""``mattegate batch``: a large folder, started once and continued as often as need be."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate import __version__
from mattegate.cli.context import Invocation, invocation_of
from mattegate.cli.options import CutoutFlags, LimitFlags, unfolded
from mattegate.cli.rendering import JsonLines, Reporter, Words, tell_report
from mattegate.cli.working import Shift
from mattegate.config.settings import Settings
from mattegate.cutout.files import plan
from mattegate.cutout.files.manifest import NAME as MANIFEST
from mattegate.cutout.files.manifest import Manifest, fingerprint, read_history
from mattegate.cutout.files.run import Work
from mattegate.cutout.files.writing import sweep_parts
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "batch"

EXAMPLES: Final = (
    "mattegate batch photos/ cutouts/",
    "mattegate batch photos/ cutouts/ --format webp --quality 90 --no-retry-failed",
    "mattegate batch photos/ cutouts/ --report",
    "mattegate batch photos/ cutouts/ --json",
)


@unfolded
def command(
    ctx: typer.Context,
    in_dir: Annotated[Path, typer.Argument(metavar="IN_DIR", help="The folder with the pictures.")],
    out_dir: Annotated[Path, typer.Argument(metavar="OUT_DIR", help="The folder of the cut-outs and the manifest.")],
    cutout: CutoutFlags,
    limits: LimitFlags,
    recursive: Annotated[bool, typer.Option(help="Go into folders inside folders.")] = True,
    retry_failed: Annotated[bool, typer.Option(help="Try again what failed in an earlier run.")] = True,
    report: Annotated[bool, typer.Option("--report", help="Only sum up the manifest.")] = False,
    json_lines: Annotated[bool, typer.Option("--json", help="One JSON object a file, then a summary.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what failed.")] = False,
) -> None:
    """Cut the subject out of every picture in a large folder.

    OUT_DIR belongs to the batch: it mirrors the folders of IN_DIR, and mattegate-batch.jsonl in it remembers what is
    done. The same line goes on after Ctrl-C, a crash or a power failure, and makes again only what changed: other
    options, another picture, a cut-out that is gone.
    """
    if report:
        _report(out_dir, as_json=json_lines)
        return
    if not in_dir.is_dir():
        raise Refusal("file.not_found", path=str(in_dir))
    invocation = invocation_of(ctx)
    settings = limits.local(invocation.settings())
    search = plan.Search(plan.Disk(), settings.upload.types, recursive)
    job = _Batch(invocation, settings, cutout.work(settings), in_dir, out_dir)
    reporter: Reporter = JsonLines() if json_lines else Words(total=None, each=False, summary=not quiet)
    raise typer.Exit(job.run(search, reporter, retry=retry_failed))


class _Batch:
    """One run of a batch: the manifest opened and locked, leftovers swept, the rest worked through."""

    def __init__(self, invocation: Invocation, settings: Settings, work: Work, in_dir: Path, out_dir: Path) -> None:
        self._invocation = invocation
        self._settings = settings
        self._work = work
        self._in_dir = in_dir
        self._out_dir = out_dir

    def run(self, search: plan.Search, reporter: Reporter, *, retry: bool) -> int:
        """Work through what is left; returns the exit code."""
        naming = plan.inside(self._out_dir, plan.EXTENSIONS[self._work.options.format])
        with Manifest(self._out_dir, run=self._opening_line()) as manifest:
            sweep_parts(self._out_dir)
            found = plan.stream(search.walk(self._in_dir), naming, search.listing)
            return self._shift(reporter, manifest).run(manifest.settle(found, search.listing, retry=retry))

    def _opening_line(self) -> dict[str, object]:
        asked = fingerprint(self._work.options, self._work.background)
        return {"version": __version__, "fingerprint": asked, "source": str(self._in_dir.absolute())}

    def _shift(self, reporter: Reporter, manifest: Manifest) -> Shift:
        again = shlex.join(["mattegate", *self._invocation.line])
        hint = f"Ctrl-C again stops at once. To go on later:\n  {again}"
        build = self._invocation.services.build_engine
        return Shift(lambda: build(self._settings), self._work, reporter, manifest.record, hint)


def _report(out_dir: Path, *, as_json: bool) -> None:
    path = out_dir / MANIFEST
    if not path.is_file():
        raise Refusal("file.not_found", path=str(path))
    tell_report([remembered.line for remembered in read_history(path).lines.values()], as_json=as_json)
