"""``mattegate send``: a cut-out from a server, asked for as any client would ask."""

from __future__ import annotations

import sys
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.cli.options import CutoutFlags, unfolded
from mattegate.cli.pipe import PIPE
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.server_flags import CredentialFlags, server_of
from mattegate.client import Client, Cutout, Patience, RefusedError, UnreachableError
from mattegate.cutout.files.faults import unwritable
from mattegate.cutout.files.writing import write_whole
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "send"

EXAMPLES: Final = (
    "mattegate send photo.jpg --server https://api.example.com --key-file key",
    "mattegate send photo.jpg --server http://127.0.0.1:8000 --signing-id ID --signing-secret-file secret",
    "mattegate send photo.jpg --server URL --signing-id ID --signing-secret-file secret --scheme sigv4",
    "mattegate send photo.jpg --server URL --signing-id ID --signing-secret-file private.pem -o cutout.webp",
)


@unfolded
def command(
    path: Annotated[str, typer.Argument(metavar="PATH", help="A picture, or - for a pipe.")],
    server: Annotated[str, typer.Option(help="The server's address.", metavar="URL")],
    credential: CredentialFlags,
    cutout: CutoutFlags,
    out: Annotated[
        str | None,
        typer.Option("--out", "-o", metavar="OUT", help="A file, or - for a pipe.", show_default="beside the picture"),
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option("--ca-file", help="Trust these certificates, in PEM.", show_default=False)
    ] = None,
    tries: Annotated[int, typer.Option(help="How often to try in all, where waiting helps.", min=1, max=20)] = 4,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace a file that is there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Tell how it went as JSON.")] = False,
) -> None:
    """Have a server make a cut-out, with an API key or a signature.

    What the server asks to wait is waited, and the picture is worked on and charged once however often it is tried. A
    refusal is told with its reason, its remedy and the id that the operator finds it by (exit code 3).
    """
    if as_json and out == PIPE:
        raise typer.BadParameter("--json and -o - both want standard output")
    server_of(server)
    target = _target(path, out, cutout.format)
    _refuse_bad_target(target, force=force)
    image = _read(path)
    try:
        with Client(
            server, credential.credential(), patience=Patience(tries), verify=str(ca_file) if ca_file else True
        ) as client:
            made = client.remove_background(image, **_texts(cutout))
    except (RefusedError, UnreachableError) as error:
        raise typer.Exit(_tell(error, as_json=as_json)) from None
    _write(target, made)
    if as_json:
        write_json({"file": target, "bytes": len(made.bytes), "request_id": made.request_id, "tries": made.tries})


def _texts(cutout: CutoutFlags) -> dict[str, str]:
    """The options as the API has them; what they mean is the server's to say."""
    given = {field.name: getattr(cutout, field.name) for field in fields(cutout)}
    return {name: "true" if value is True else str(value) for name, value in given.items() if value}


def _target(path: str, out: str | None, kind: str | None) -> str:
    if out is not None or path == PIPE:
        return out or PIPE
    source = Path(path)
    extension = {"jpeg": "jpg"}.get(kind or "png", kind or "png")
    return str(source.with_name(f"{source.stem}-cutout.{extension}"))


def _refuse_bad_target(target: str, *, force: bool) -> None:
    if target == PIPE and sys.stdout.isatty():
        raise Refusal("file.terminal")
    if target != PIPE and Path(target).exists() and not force:
        raise Refusal("file.exists", path=target)


def _read(path: str) -> bytes:
    if path == PIPE:
        return sys.stdin.buffer.read()
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise Refusal("file.not_found", path=path) from None
    except OSError as error:
        raise Refusal("file.unreadable", path=path, problem=error.strerror) from error


def _write(target: str, made: Cutout) -> None:
    if target == PIPE:
        sys.stdout.buffer.write(made.bytes)
        sys.stdout.buffer.flush()
        return
    try:
        write_whole(Path(target), memoryview(made.bytes))
    except OSError as error:
        raise unwritable(Path(target), error) from error


def _tell(error: RefusedError | UnreachableError, *, as_json: bool) -> int:
    """Say why there is no cut-out; returns the exit code."""
    if isinstance(error, UnreachableError):
        if as_json:
            write_json({"reason": "", "detail": str(error), "tries": error.tries})
        write_error(f"mattegate: {error}")
        write_error("  Check the address, and whether anything listens there: mattegate doctor URL")
        return 1
    if as_json:
        write_json(dict(error.problem) or {"reason": "", "status": error.status, "detail": error.detail})
    write_error(f"mattegate: {error.title} ({error.reason or error.status})")
    told = (error.detail, error.remedy, f"request id: {error.request_id}" if error.request_id else "")
    for line in filter(None, told):
        write_error(f"  {line}")
    if error.canonical:
        write_error("  mattegate sign --compare FILE shows the line that differs (FILE: this answer, by --json)")
    return 1 if error.status >= 500 else 3
