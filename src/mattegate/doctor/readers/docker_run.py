"""Reads ``docker run`` command lines (podman's and nerdctl's alike): one ``setting`` for each, and nothing is run.

Fields are those of :mod:`mattegate.doctor.readers.compose`, as far as a command line has them: ``kind``
(``container``), ``service``, ``image``, the ports, ``network_mode``, ``command``, ``entrypoint`` and ``environment``:
names alone, no values.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.documents import MEBIBYTE, read_text
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.readers.published import port_fields, short_port
from mattegate.doctor.redact import clean, safe

_MOST: Final = MEBIBYTE
_MOST_CHARS: Final = 2_000
COMMAND: Final = re.compile(
    r"^[ \t]{0,20}(?:[$>%] ?|[\w.@:~/-]{1,80}[$#] )?(?:sudo )?"
    r"(?:docker|podman|nerdctl) (?:container )?(?:run|create)[ \t]+"
    r"(?P<words>(?:[^\n\\]|\\[^\n]|\\\n)+)",
    re.MULTILINE,
)
"""A command with the lines that it goes on in."""
_ALONE: Final = re.compile(
    r"--(?:detach|rm|interactive|tty|init|privileged|read-only|publish-all|no-healthcheck|sig-proxy|disable-content-trust"
    r"|oom-kill-disable|quiet|replace|tls-verify)(?:=.*)?|-[ditPq]+"
)
"""Options without a value; whatever else begins with a hyphen takes the next word, as nearly all of docker's do."""
_NAMED: Final = {
    "-p": "ports",
    "--publish": "ports",
    "--name": "service",
    "--network": "network_mode",
    "--net": "network_mode",
    "--expose": "expose",
    "-e": "environment",
    "--env": "environment",
    "--entrypoint": "entrypoint",
}
_GLUED: Final = re.compile(r"-[ditq]*(?P<option>[pe])(?P<value>[^=].*)?")
"""``-p8000:80``, ``-dp 8000:80``."""


class DockerRunReader:
    """Commands that start containers."""

    name = "docker-run"

    def recognises(self, head: str, name: str) -> bool:
        """A command at the beginning of the text: one within other things is for whoever takes these apart."""
        del name
        return COMMAND.match(head.lstrip("\n")) is not None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each command. Raises :class:`Unreadable`."""
        text = clean(read_text(stream, most=_MOST))
        found = False
        for command in COMMAND.finditer(text):
            found = True
            fields = _fields(command["words"].replace("\\\n", " "))
            yield Observation(
                "setting", Place(source, text.count("\n", 0, command.start("words")) + 1), fields=_safe(fields)
            )
        if not found:
            raise Unreadable("no docker run command was found in it")


def _fields(command: str) -> dict[str, str]:
    options, rest = _options(_words(command))
    ports = [(word, short_port(word)) for word in options.get("ports", ())]
    image, *program = rest or [""]
    return {
        "service": (options.get("service") or [image.rpartition("/")[2].partition(":")[0] or "the container"])[-1],
        "image": image,
        "network_mode": "".join(options.get("network_mode", ())[-1:]),
        "expose": " ".join(options.get("expose", ())),
        "environment": " ".join(word.partition("=")[0] for word in options.get("environment", ())),
        "entrypoint": "".join(options.get("entrypoint", ())[-1:]),
        "command": " ".join(program),
        **port_fields([port for _, port in ports if port is not None]),
        "unread_ports": " ".join(word for word, port in ports if port is None),
    }


def _words(command: str) -> list[str]:
    """The shell's words up to a pipe or a second command; of an open quotation what stands before it."""
    try:
        words = shlex.split(command, comments=True)
    except ValueError:
        words = command.partition('"')[0].partition("'")[0].split()
    stops = (place for place, word in enumerate(words) if word in ("|", "&&", "||", ";", "&", ">"))
    return words[: next(stops, len(words))]


def _options(words: Sequence[str]) -> tuple[dict[str, list[str]], list[str]]:
    """The values of the options that are known, and what begins with the image."""
    found: dict[str, list[str]] = {}
    at = 0
    while at < len(words) and words[at].startswith("-"):
        word = words[at]
        at += 1
        if _ALONE.fullmatch(word):
            continue
        option, value = _option(word)
        if value is None:
            value = "".join(words[at : at + 1])
            at += 1
        if option in _NAMED:
            found.setdefault(_NAMED[option], []).append(value)
    return found, list(words[at:])


def _option(word: str) -> tuple[str, str | None]:
    """The option, and its value where that is glued to it."""
    if word.startswith("--"):
        option, equals, value = word.partition("=")
        return option, value if equals else None
    glued = _GLUED.fullmatch(word)
    return (f"-{glued['option']}", glued["value"]) if glued else (word, None)


def _safe(fields: dict[str, str]) -> dict[str, str]:
    return {"kind": "container", **{name: safe(value)[:_MOST_CHARS] for name, value in fields.items() if value}}
