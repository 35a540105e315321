"""``mattegate bench``: the measurements that stand beside the source, run as their own program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

import mattegate
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "bench"

EXAMPLES: Final = (
    "mattegate bench",
    "mattegate bench --quick --only http_request --only parity",
    "mattegate bench --json",
)


def command(
    json_output: Annotated[bool, typer.Option("--json", help="Print the ratios and the method as JSON.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="A smoke run of about a minute; it proves nothing.")] = False,
    only: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Only this measurement; may be repeated.")
    ] = None,
) -> None:
    """Take every ratio this project promises, side by side in one run, and print how.

    The measurements stand in the folder bench of the source; an installed package does not carry them.
    """
    checkout = checkout_of(Path(mattegate.__file__))
    if checkout is None:
        raise Refusal(
            "file.not_found", path="bench/ (benchmarks run in a checkout of the source, not in an installed package)"
        )
    arguments = [*(["--json"] if json_output else []), *(["--quick"] if quick else [])]
    arguments += ["--only", *only] if only else []
    ended = subprocess.run([sys.executable, "-m", "bench", *arguments], cwd=checkout, check=False)  # noqa: S603 - our own
    raise typer.Exit(ended.returncode)


def checkout_of(package: Path) -> Path | None:
    """The checkout that a package file stands in as ``src/mattegate/…``, if it stands in one."""
    root = package.resolve().parents[2]
    return root if (root / "bench" / "__main__.py").is_file() else None
