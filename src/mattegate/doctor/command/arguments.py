"""The words of the command line, and what they ask for."""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn

from mattegate.doctor.command.gathering import Wanted
from mattegate.doctor.command.sources import BadInput, is_url
from mattegate.doctor.nginx.addresses import parse_address
from mattegate.doctor.nginx.request import Certificate, Headers, Request
from mattegate.doctor.probe.credential import Credential
from mattegate.doctor.probe.plan import ProbePlan
from mattegate.doctor.probe.target import BadTarget, parse_target
from mattegate.doctor.probe.tls import ClientCertificate

COMMANDS: Final = ("nginx", "cors", "watch", "causes")
_MOST_BURST: Final = 30
_MOST_DATA: Final = 12 << 20

_EXAMPLES: Final = """\
commands, each with a --help of its own:
  nginx   what a configuration does with a request, line by line
  cors    what a browser would do, and what a page would get to read
  watch   which refusals rise above what is usual, in a log
  causes  everything that a finding can name
  config  mattegate's own settings; not in the doctor of one file

examples:
  curl -v https://api.example.com/v1/remove-bg 2>&1 | mattegate doctor -
  mattegate doctor https://api.example.com/v1/remove-bg --direct http://127.0.0.1:8000
  mattegate doctor page.har --nginx /etc/nginx/nginx.conf --error-log /var/log/nginx/error.log
  mattegate doctor nginx /etc/nginx/nginx.conf --request 'POST /v1/remove-bg' --client-ip 203.0.113.9 --prove
  mattegate doctor cors https://api.example.com/v1/remove-bg --origin https://app.example.com --method POST
  mattegate doctor watch /var/log/mattegate/access.jsonl --since 10m --quiet
  mattegate doctor causes proxy_pass.prefix_stripped

exit codes: 0 nothing refuses, 1 failed, 2 wrong usage, 3 fault found, 4 undecided
"""


class Usage(Exception):  # noqa: N818 - the state of a command line
    """A command line that cannot be used; the message says why and how."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Usage(f"{message}\n\n{self.format_usage().strip()}\nmore: {self.prog} --help")


def parser(command: str, prog: str = "mattegate doctor") -> argparse.ArgumentParser:
    """The parser of ``examine`` (no command), ``nginx``, ``cors``, ``watch`` or ``causes``."""
    made: dict[str, Any] = {"nginx": _nginx, "cors": _cors, "watch": _watch, "causes": _causes}
    made_parser: argparse.ArgumentParser = made.get(command, _examine)()
    made_parser.prog = f"{prog} {command}".strip()
    answer_options(made_parser)
    return made_parser


def _parser(says: str) -> _Parser:
    return _Parser(
        description=says,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def answer_options(parser: argparse.ArgumentParser) -> None:
    """How the answer is shown: the same for every command."""
    group = parser.add_argument_group("the answer")
    group.add_argument("--json", action="store_true", help="print the answer as JSON")
    group.add_argument("--html", metavar="FILE", type=Path, help="also write it as one HTML page")
    group.add_argument("--markdown", metavar="FILE", type=Path, help="also write it as Markdown")
    group.add_argument("--share", action="store_true", help="replace names, addresses and ids: safe to post")
    group.add_argument("--language", choices=("en", "zh"), default="en", help="of the report")
    group.add_argument("--verbose", action="store_true", help="all evidence, and what is being done")
    group.add_argument("--plain", action="store_true", help="no colours, ASCII only")


def _request_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("the request")
    group.add_argument(
        "--request", metavar="'METHOD PATH'", action="append", default=[], help="may be given repeatedly"
    )
    group.add_argument("--host", metavar="NAME", help="its Host header")
    group.add_argument("--header", metavar="'NAME: VALUE'", action="append", default=[], help="may be given repeatedly")
    group.add_argument("--client-ip", metavar="ADDRESS", help="where it comes from, as nginx sees the connection")
    group.add_argument("--body-bytes", metavar="N", type=int, default=0, help="the size of its body")
    group.add_argument("--port", metavar="N", type=int, help="the port it connects to")
    group.add_argument("--tls", action=argparse.BooleanOptionalAction, default=None, help="whether it is encrypted")
    group.add_argument("--client-certificate", choices=[str(c) for c in Certificate], default="none",
                       help="what it shows in the TLS handshake")  # fmt: skip


def _file_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument("--error-log", metavar="FILE", action="append", default=[], help="of nginx or any other server")
    group.add_argument("--access-log", metavar="FILE", action="append", default=[], help="of nginx or any other server")
    group.add_argument("--root", metavar="FOLDER", type=Path, action="append", default=[],
                       help="where includes may be read from, besides the folder of the configuration")  # fmt: skip
    group.add_argument("--no-files", action="store_true", help="the paths in the configuration are another machine's")
    group.add_argument("--prove", action="store_true", help="try the findings out on a real nginx, safely on loopback")


def _nginx() -> argparse.ArgumentParser:
    parser = _parser("What this request gets from this configuration of nginx, and which line decides.")
    parser.add_argument("conf", metavar="CONF", help="nginx.conf, a site's file, an `nginx -T` dump, a piece, or -")
    _request_options(parser)
    _file_options(parser)
    return parser


def _examine() -> argparse.ArgumentParser:
    parser = _parser("Which layer really refused, from whatever there is: addresses, logs, transcripts, files.")
    parser.add_argument("inputs", metavar="INPUT", nargs="*", help="an address to ask, a file of any kind, or -")
    parser.add_argument(
        "--as", dest="as_name", metavar="KIND", default="", help="read INPUT as this kind (curl, har …)"
    )
    parser.add_argument("--nginx", metavar="CONF", action="append", default=[], help="a configuration of nginx")
    for name in ("har", "curl", "compose", "log"):
        parser.add_argument(f"--{name}", metavar="FILE", action="append", default=[], help=argparse.SUPPRESS)
    _request_options(parser)
    _file_options(parser)
    _probe_options(parser)
    return parser


def _probe_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("asking an address")
    group.add_argument("--direct", metavar="URL", default="", help="the application itself, past every proxy")
    group.add_argument("--method", default="", help="GET unless a body is given")
    group.add_argument("--origin", default="", help="the page whose script calls")
    group.add_argument("--data", metavar="FILE", type=Path, help="the body to send")
    group.add_argument("--key-env", metavar="NAME", default="", help="the variable that holds the API key")
    group.add_argument("--key-file", metavar="FILE", type=Path, help="the file that holds the API key")
    group.add_argument("--burst", metavar="N", type=int, default=0, help=f"up to {_MOST_BURST} requests in a row: "
                       "consent to run into the rate limit")  # fmt: skip
    group.add_argument("--echo-ticket", metavar="TICKET", action="append", default=[], help="of `mattegate echo`")
    group.add_argument("--cert", metavar="FILE", type=Path, help="client certificate (with --cert-key)")
    group.add_argument("--cert-key", metavar="FILE", type=Path, help="its key")
    group.add_argument("--ca", metavar="FILE", type=Path, help="authorities to trust besides this machine's")
    group.add_argument("--allow-metadata", action="store_true", help="ask link-local addresses too")


def _cors() -> argparse.ArgumentParser:
    parser = _parser("What a browser makes of a call from a page on another origin, asked for real.")
    parser.add_argument("url", metavar="URL")
    parser.add_argument("--origin", required=True, help="the page's, such as https://app.example.com")
    parser.add_argument("--method", default="GET")
    parser.add_argument("--header", metavar="'NAME: VALUE'", action="append", default=[], help="set by the script")
    parser.add_argument("--credentials", action="store_true", help="credentials: 'include'")
    parser.add_argument("--upload-listener", action="store_true", help="an XMLHttpRequest that watches its upload")
    return parser


def _watch() -> argparse.ArgumentParser:
    parser = _parser("What is refused far more often than usual: a reason, a key, an address, a status.")
    parser.add_argument(
        "logs", metavar="LOG", nargs="*", help="access logs, ours or any server's; - for standard input"
    )
    parser.add_argument("--since", metavar="T", help="tell only what went on since: 10m, 2027-01-31T12:00:00Z")
    parser.add_argument("--window", metavar="SPAN", default="5m", help="what is compared (default: 5m)")
    parser.add_argument("--baseline", metavar="SPAN", default="24h", help="with how much before it (default: 24h)")
    parser.add_argument("--least", metavar="N", type=int, default=20, help="refusals in a window below which nothing "
                        "is told (default: 20)")  # fmt: skip
    parser.add_argument("--follow", action="store_true", help="tell each rise when it begins and when it is over")
    parser.add_argument("--exit-code", action="store_true", help="exit with 3 where something rose, 4 where nothing "
                        "can be said; 0 otherwise and without this option")  # fmt: skip
    parser.add_argument("--quiet", action="store_true", help="print nothing where nothing rose")
    return parser


def _causes() -> argparse.ArgumentParser:
    parser = _parser("Every cause that a finding can have, or one of them in full.")
    parser.add_argument("code", metavar="CODE", nargs="?", default="")
    return parser


def wanted_of(options: argparse.Namespace, environ: Mapping[str, str]) -> Wanted:
    """What a command line asks for. Raises :class:`Usage`, :class:`BadInput`."""
    inputs: list[str] = [options.conf] if "conf" in options else list(options.inputs)
    named = [*getattr(options, "nginx", []), *options.error_log, *options.access_log]
    for name in ("har", "curl", "compose", "log"):
        named += getattr(options, name, [])
    urls = [text for text in inputs if is_url(text)]
    sources = [text for text in inputs if not is_url(text)] + named
    if not urls and not sources:
        raise Usage("nothing to look at: give an address, a file, or - for standard input")
    if sources.count("-") > 1:
        raise Usage("standard input can be read once")
    return Wanted(
        sources=tuple(dict.fromkeys(sources)),
        as_name="nginx" if "conf" in options and len(sources) == 1 else getattr(options, "as_name", ""),
        roots=tuple(options.root),
        requests=tuple(_requests(options)),
        probes=tuple(_plan(url, options, environ) for url in urls),
        files=not options.no_files,
        prove=options.prove,
        now=time.time(),
    )


def headers_of(lines: Sequence[str]) -> Headers:
    """``NAME: VALUE`` each. Raises :class:`Usage`."""
    found = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            raise Usage(f"--header {line!r}: write it as 'NAME: VALUE'")
        found.append((name.strip(), value.strip()))
    return tuple(found)


def _requests(options: argparse.Namespace) -> list[Request]:
    lines = options.request or (["POST /v1/remove-bg"] if _told(options) else [])
    return [_request(line, options) for line in lines]


def _told(options: argparse.Namespace) -> bool:
    """Whether anything about the request was said, so that one is meant."""
    about = (options.host, options.header, options.client_ip, options.body_bytes, options.port)
    return "conf" in options and any(about)


_REQUEST: Final = re.compile(r"^\s*(?:([A-Za-z]+)\s+)?(\S+)\s*(?:HTTP/\d(?:\.\d)?)?\s*$")


def _request(line: str, options: argparse.Namespace) -> Request:
    found = _REQUEST.match(line)
    if found is None or not found[2].startswith(("/", "http://", "https://", "*")):
        raise Usage(f"--request {line!r}: write it as 'METHOD /path', such as 'POST /v1/remove-bg'")
    client = options.client_ip or "192.0.2.10"
    if client != "unix:" and parse_address(client) is None:
        raise Usage(f"--client-ip {client!r}: this is no address")
    headers = headers_of(options.header)
    host = next((value for name, value in headers if name.lower() == "host"), None)
    return Request(
        method=found[1] or "GET",
        target=found[2],
        host=options.host or host or _only_host(options),
        headers=tuple(pair for pair in headers if pair[0].lower() != "host"),
        client=client,
        port=options.port,
        tls=options.tls,
        certificate=Certificate(options.client_certificate),
        body_bytes=max(0, options.body_bytes),
    )


def _only_host(options: argparse.Namespace) -> str | None:
    """Of the address that is asked as well; ``None``: of the configuration."""
    return next((parse_target(text).authority for text in getattr(options, "inputs", []) if is_url(text)), None)


def _plan(url: str, options: argparse.Namespace, environ: Mapping[str, str]) -> ProbePlan:
    body = _data(options.data)
    if (options.cert is None) is not (options.cert_key is None):
        raise Usage("--cert and --cert-key belong together")
    try:
        parse_target(url)
        return ProbePlan(
            url=url,
            direct=options.direct,
            method=options.method or ("POST" if body else "GET"),
            headers=headers_of(options.header),
            body=body,
            credential=_credential(options, environ),
            page=options.origin,
            burst=min(max(0, options.burst), _MOST_BURST),
            echo_tickets=tuple(options.echo_ticket),
            environ=environ,
            client_certificate=ClientCertificate(options.cert, options.cert_key) if options.cert else None,
            ca=options.ca,
            allow_metadata=options.allow_metadata,
        )
    except BadTarget as error:
        raise Usage(f"{url}: {error}") from error


def _data(path: Path | None) -> bytes:
    if path is None:
        return b""
    try:
        with path.open("rb") as file:
            return file.read(_MOST_DATA)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from error


def _credential(options: argparse.Namespace, environ: Mapping[str, str]) -> Credential | None:
    if options.key_env:
        secret = environ.get(options.key_env, "")
        if not secret:
            raise Usage(f"--key-env {options.key_env}: this variable is not set")
        return Credential(secret)
    if options.key_file is None:
        return None
    try:
        return Credential(options.key_file.read_text("utf-8").strip())
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{options.key_file}: {os.strerror(getattr(error, 'errno', 0) or 5)}") from error
