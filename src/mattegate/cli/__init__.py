"""The command line: words in, calls down, texts and an exit code out. Nothing is decided here.

Every command is one file: it parses, calls, renders. Importing this package costs nothing, so that
``mattegate --version`` answers at once; what a command needs is imported when it runs.

Exit codes: 0 done · 1 failed · 2 usage or configuration · 3 refused · 128 + n ended by signal n.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (that of this process by default) with the real engine and server; returns the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given == ["--version"]:
        return _print_version()
    if given[:1] == ["doctor"] and given[1:2] != ["config"]:
        return _doctor(given[1:])
    try:
        return _run(given)
    except KeyboardInterrupt:
        return 130


def _run(argv: Sequence[str]) -> int:
    from mattegate.cli.app import run  # noqa: PLC0415 - the version must not wait for it
    from mattegate.cli.context import real_services  # noqa: PLC0415

    return run(argv, real_services())


def _doctor(argv: Sequence[str]) -> int:
    from mattegate.doctor.__main__ import main as doctor  # noqa: PLC0415 - it needs nothing else of the product

    try:
        return doctor(argv, prog="mattegate doctor")
    except Exception as error:  # noqa: BLE001 - told as every command tells it
        return _tell(error)


def _tell(error: Exception) -> int:
    from mattegate.cli import rendering  # noqa: PLC0415
    from mattegate.vocabulary.refusal import Refusal  # noqa: PLC0415

    refusal = Refusal("internal.error", problem=f"{type(error).__name__}: {error}")
    rendering.tell_refusal(refusal)
    return rendering.exit_code_of(refusal)


def _print_version() -> int:
    from mattegate import __version__  # noqa: PLC0415

    sys.stdout.write(f"mattegate {__version__}\n")
    return 0
