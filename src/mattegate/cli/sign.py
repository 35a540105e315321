"""``mattegate sign``: the proof of a request as a line for curl, what exactly is signed, and why two sides disagree."""

from __future__ import annotations

import json
import secrets
import shlex
import sys
import time
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from mattegate.cli.options import unfolded
from mattegate.cli.pipe import PIPE
from mattegate.cli.rendering import shown, write_error, write_json
from mattegate.cli.server_flags import CredentialFlags, server_of
from mattegate.client.comparing import canonical_text, compare, differences, moment_of
from mattegate.client.credentials import Moment, fresh_text, signed
from mattegate.client.request import Outgoing, outgoing
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "sign"

EXAMPLES: Final = (
    "mattegate sign POST URL --signing-id ID --signing-secret-file secret --data-file photo.jpg -H 'Accept: */*'",
    "mattegate sign GET http://127.0.0.1:8000/v1/whoami --signing-id ID --signing-secret-file s --scheme sigv4",
    "mattegate sign POST URL --signing-id ID --signing-secret-file secret --data-file photo.jpg --compare answer.json",
)
_SET_BY_CURL: Final = frozenset({"host", "content-length"})


@unfolded
def command(
    method: Annotated[str, typer.Argument(metavar="METHOD")],
    url: Annotated[str, typer.Argument(metavar="URL")],
    credential: CredentialFlags,
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="A header of the request; repeatable.", metavar="N: V")
    ] = None,
    data_file: Annotated[
        Path | None, typer.Option("--data-file", help="What the body is.", metavar="FILE", show_default=False)
    ] = None,
    against: Annotated[
        str | None,
        typer.Option("--compare", help="A refusal (problem document) to compare with, or -.", metavar="FILE"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Tell everything as JSON.")] = False,
) -> None:
    """Sign a request for curl, and show why two sides disagree about a signature.

    The line for curl goes to standard output, and what exactly is signed beside it to standard error. With --compare
    the text that a server sent back with signature.mismatch is held against our own, line by line, for the moment and
    the nonce of that request: exit code 3 where a line differs. Where none does, the secret does.
    """
    proof = credential.credential()
    asked = _asked(method, url, header or [], data_file)
    theirs = _canonical_in(against) if against else ""
    moment = moment_of(theirs) or Moment(time.time(), fresh_text(secrets.token_bytes(18)))
    try:
        whole = signed(asked, proof, moment)
    except ValueError as error:
        apart = "; an answer to another scheme is compared with --scheme" if against else ""
        raise typer.BadParameter(f"this request cannot be signed: {error}{apart}") from None
    ours = canonical_text(whole, credential.rules)
    if against:
        raise typer.Exit(_compared(ours, theirs, as_json=as_json))
    if as_json:
        write_json(_facts(whole, ours))
        return
    sys.stdout.write(_curl_line(whole, data_file) + "\n")
    for line in ours.splitlines():
        write_error(line)


def _asked(method: str, url: str, headers: list[str], data_file: Path | None) -> Outgoing:
    parts = urlsplit(url)
    server = server_of(f"{parts.scheme}://{parts.netloc}")
    try:
        body = data_file.read_bytes() if data_file else b""
    except OSError as error:
        raise Refusal("file.unreadable", path=str(data_file), problem=error.strerror) from error
    try:
        given = dict(_header(text) for text in headers)
        return outgoing(server, method, parts.path or "/", query=parts.query.encode("ascii"), headers=given, body=body)
    except UnicodeEncodeError:
        raise typer.BadParameter("write what is not ASCII in an address as %XX, and leave it out of headers") from None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise typer.BadParameter(f"a header is NAME: VALUE, not {text[:40]!r}")
    return name.strip().lower(), value.strip()


def _canonical_in(file: str) -> str:
    """The member ``canonical`` of a problem document."""
    try:
        content = sys.stdin.read() if file == PIPE else Path(file).read_text("utf-8")
    except OSError as error:
        raise Refusal("file.unreadable", path=file, problem=error.strerror) from error
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{file} is no JSON") from None
    try:
        canonical = json.loads(content)["canonical"]
    except (ValueError, RecursionError, KeyError, TypeError):
        raise typer.BadParameter(
            f"{file} is no answer with a member canonical, as signature.mismatch has one"
        ) from None
    if not isinstance(canonical, str) or moment_of(canonical) is None:
        raise typer.BadParameter(f"the member canonical of {file} is no text that was signed")
    return canonical


def _compared(ours: str, theirs: str, *, as_json: bool) -> int:
    lines = compare(ours, theirs)
    differing = list(differences(lines))
    if as_json:
        rows = [{"line": number, "ours": line.ours, "theirs": line.theirs} for number, line in differing]
        write_json({"same": not differing, "differs": rows})
        return 3 if differing else 0
    for line in lines:
        marks = (("  ", line.ours),) if line.same else (("- ", line.ours), ("+ ", line.theirs))
        for mark, text in marks:
            if text is not None:
                sys.stdout.write(f"{mark}{shown(text)}\n")
    write_error(_conclusion(len(differing)))
    return 3 if differing else 0


def _conclusion(count: int) -> str:
    if not count:
        return "Both sides wrote down the same: the secret, or the id of the key, is another one."
    return f"{count} {'line differs' if count == 1 else 'lines differ'}: - is what we signed, + what the server saw."


def _facts(whole: Outgoing, canonical: str) -> dict[str, object]:
    headers = [[name.decode(), value.decode("latin-1")] for name, value in whole.headers]
    return {"method": whole.method, "url": whole.address, "headers": headers, "canonical": canonical}


def _curl_line(whole: Outgoing, data_file: Path | None) -> str:
    lines = [f"curl -sS --path-as-is -X {shlex.quote(whole.method)} {shlex.quote(whole.address)}"]
    for name, value in whole.headers:
        if name.decode() not in _SET_BY_CURL:
            lines.append("-H " + shlex.quote(f"{name.decode()}: {value.decode('latin-1')}"))
    lines += [f"--data-binary {shlex.quote(f'@{data_file}')}"] if data_file else []
    return " \\\n  ".join(lines)
