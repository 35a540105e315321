"""Fits the commands that findings suggest to what was given: its files, its container, its host.

The catalogue writes a command for a server of which nothing is known: nginx runs right there, its logs lie where the
packages put them, its configuration is what `nginx -T` prints. Rules of this file:

1. What was given is named as it was given, quoted for a shell; a dump or a single file is searched itself.
2. A service or container of nginx is entered, and its log is what it prints: in its image the log files are pipes.
3. Nobody is told to do again what was just done, nor to run as anybody what only root may.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from mattegate.doctor.answer import Answer, Finding
from mattegate.doctor.causes import causes, in_command
from mattegate.doctor.command.sources import STDIN, Read
from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.tree import Tree

_DUMPED: Final = "nginx -T 2>/dev/null"
_ASKED: Final = re.compile(
    r"(?:nginx -T(?: 2>/dev/null)? \| )?mattegate doctor nginx (?:/etc/nginx/nginx\.conf|/dev/stdin|-)(?=\s|\Z)"
)
_SEARCHED: Final = re.compile(r"nginx -T(?: 2>/dev/null)? \| (grep [^|;]+?)(?=\s*(?:[|;]|\Z))")
_LOGGED: Final = re.compile(
    r"(?P<program>(?:grep|tail|head)(?: -[\w-]+| \d+| '[^']*')*) (?P<file>/var/log/nginx/(?P<which>error|access)\.log)"
)
_PROGRAM: Final = re.compile(r"(?<![\w/-])nginx(?= -[tT]\b)")
_NGINX_IMAGE: Final = re.compile(r"(?:nginx|openresty|tengine|angie)(?:-[\w.-]+)?")
_AS_ROOT: Final = "  # as root, where nginx runs"
_OF_ROOT: Final = re.compile(
    r"\b(?:ausearch|semanage|nft list|journalctl|ss -\w*p)\b|/var/log/(?:apache2|httpd|audit)/"
)
"""What says nothing, or too little, to anybody else: `ss -p` shows only the caller's own programs."""
_HOST: Final = re.compile(r"\bHOST\b|<host>|YOUR-(?:HOST|SERVER)")
_URL: Final = re.compile(r"(?<= )URL(?=\s|\Z)")
_NO_METHOD: Final = in_command("the request")
"""As a method is spoken of that nobody saw."""
_ERROR_LOGS: Final = frozenset({"nginx-error"})


@dataclass(frozen=True, slots=True)
class Given:
    """What of the reader's own machine is known."""

    configurations: tuple[tuple[str, Tree], ...] = ()
    """Each with its name on the command line, or ``-``."""
    logs: Mapping[str, str] = field(default_factory=dict)
    """``error`` and ``access``: the files that were given."""
    configured: Mapping[str, str] = field(default_factory=dict)
    """The same, as the configuration names them."""
    enters: str = ""
    """What runs a program inside nginx's container; empty where none is known."""
    prints: str = ""
    """What prints that container's log."""


def given_by(reads: Sequence[tuple[str, Read]]) -> Given:
    """What the inputs, each with its name on the command line, tell of where commands will be run."""
    enters, prints = next(_containers(read for _, read in reads), ("", ""))
    trees = tuple((name, read.tree) for name, read in reads if read.tree is not None)
    configured = {log: path for _, tree in trees for log, path in _configured_logs(tree.directives)}
    named = {_log_of(read): name for name, read in reversed(reads) if name != STDIN and _log_of(read)}
    return Given(trees, named, configured, enters, prints)


def _log_of(read: Read) -> str:
    return "error" if read.kind in _ERROR_LOGS else "access" if read.kind == "access" else ""


def _configured_logs(directives: Iterable[Directive]) -> Iterator[tuple[str, str]]:
    """The outermost ones come last, and so they count."""
    later: list[tuple[str, str]] = []
    for directive in directives:
        yield from _configured_logs(directive.block or ())
        if directive.name in ("error_log", "access_log") and directive.args and directive.args[0].startswith("/"):
            later.append((directive.name.removesuffix("_log"), directive.args[0]))
    yield from reversed(later)


def _containers(reads: Iterable[Read]) -> Iterator[tuple[str, str]]:
    """How nginx's service or container is entered, and how its log is printed."""
    for seen in (seen for read in reads for seen in read.observations if seen.format == "setting"):
        image = seen.fields.get("image", "")
        program = image.rpartition("/")[2].partition(":")[0]
        if not _NGINX_IMAGE.fullmatch(program):
            continue
        name = in_command(seen.fields.get("service", ""))
        if seen.fields.get("kind") == "service":
            yield f"docker compose exec -T {name}", f"docker compose logs {name} 2>&1"
            continue
        if name == program:  # nobody named it: it goes by its image
            name = f'"$(docker ps -qf ancestor={in_command(image)})"'
        yield f"docker exec {name}", f"docker logs {name} 2>&1"


def fitted(answer: Answer, given: Given) -> Answer:
    """``answer``, whose commands can be copied as they are."""
    return replace(answer, findings=tuple(_with_command(each, answer, given) for each in answer.findings))


def _with_command(finding: Finding, answer: Answer, given: Given) -> Finding:
    configuration = _configuration(finding, given)
    command = finding.next
    if _ASKED.match(command) and configuration and _decides(finding, configuration[1]):
        command = causes()[finding.cause].said("check", finding.facts)
    command = _ASKED.sub(lambda _: _doctor(configuration, given), command)
    if configuration and configuration[0] != STDIN and _is_all(configuration[1]):
        command = _SEARCHED.sub(lambda found: f"{found[1]} {_word(configuration[0])}", command)
    command = _LOGGED.sub(lambda found: _log(found, given), command)
    if host := _host(finding, answer):
        command = _HOST.sub(lambda _: in_command(host), command)
    if path := finding.request.partition(" (")[0].rpartition(" ")[2]:
        url = shlex.quote(f"http://{in_command(host or 'localhost')}{in_command(path)}")
        command = _URL.sub(lambda _: url, command)
    command = command.replace(_NO_METHOD, "<method>")
    return replace(finding, next=_entered(command, given))


def _configuration(finding: Finding, given: Given) -> tuple[str, Tree] | None:
    """The one in which the finding is, or the first."""
    deciding = (each for each in given.configurations if _decides(finding, each[1]))
    return next(deciding, next(iter(given.configurations), None))


def _decides(finding: Finding, tree: Tree) -> bool:
    return any(line.file in tree.files for line in finding.culprit)


def _is_all(tree: Tree) -> bool:
    """Whether one file holds all that is known of it: a dump, or a file without others."""
    return tree.pasted or len(tree.files) == 1


def _doctor(configuration: tuple[str, Tree] | None, given: Given) -> str:
    if configuration and configuration[0] != STDIN:
        return f"mattegate doctor nginx {_word(configuration[0])}"
    return f"{_DUMPED} | mattegate doctor nginx -"


def _log(found: re.Match[str], given: Given) -> str:
    which = found["which"]
    if which not in given.logs and given.prints:
        return f"{given.prints} | {found['program']}"
    return f"{found['program']} {_word(given.logs.get(which) or given.configured.get(which) or found['file'])}"


def _entered(command: str, given: Given) -> str:
    """With nginx where it runs; what is only root's says so."""
    if given.enters:
        return _PROGRAM.sub(lambda _: f"{given.enters} nginx", command)
    if "#" in command:
        return command
    if _PROGRAM.search(command) or "/var/log/nginx/" in command:
        return f"{command}{_AS_ROOT}"
    return f"{command}  # as root" if _OF_ROOT.search(command) else command


def _word(path: str) -> str:
    """A file's name as one word of a command, which is never taken for an option."""
    return shlex.quote(f"./{path}" if path.startswith("-") else path)


def _host(finding: Finding, answer: Answer) -> str:
    known = finding.facts.get("host", "")
    asked = (_member(request, "host") for request in answer.requests if request.get("request") == finding.request)
    host = known or next(asked, "")
    return "" if host in ("localhost", "_", "") else host


def _member(request: Mapping[str, Any], name: str) -> str:
    return str(request.get(name) or "")
