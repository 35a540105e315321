"""Reads what curl printed: ``-v``, ``-i``, ``--trace-ascii``, ``-sS`` errors; HTTPie too, whose output is like ``-i``.

A transcript may hold several commands and redirects; each answer becomes an ``exchange``, each failure a
``client-error``. What curl says beside them (``*`` lines) becomes fields: ``address``, ``port``, ``proxy``, ``tls`` …
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.command_line import MOST_CHARS, as_request
from mattegate.doctor.readers.curl_dump import Dump
from mattegate.doctor.readers.curl_says import GLUED, Said, is_curls
from mattegate.doctor.readers.documents import MEBIBYTE
from mattegate.doctor.readers.http_message import REQUEST_LINE, STATUS_LINE, Target, body_text, header_of, target_of
from mattegate.doctor.redact import clean, safe, safe_headers

_LINE_BYTES: Final = MEBIBYTE
_BODY_BYTES: Final = 65_536
_MOST_HEADERS: Final = 500

_ERROR: Final = re.compile(r"curl: \((\d{1,3})\) ?(.*)")
_HTTPIE_ERROR: Final = re.compile(r"https?: error: (.*)")
_COMMAND: Final = re.compile(r"(?:[^\s$#>%]{0,80}[$#>%] ?)?(curl(?:\.exe)? .*)")
_NOISE: Final = re.compile(
    r"[{}] \[\d+ bytes data\]|\s*% Total\s"
    r"|\s*Dload\s+Upload|\s*\d+\s[\d.kMG ]+--:--:--|\s*\d+\s+[\d.kMG]+\s+\d+\s.*--:--"
)


@dataclass(slots=True)
class _Exchange:
    """One request and its answer, as far as they are read."""

    line: int
    target: Target = field(default_factory=Target)
    method: str = ""
    version: str = ""
    request_headers: list[tuple[str, str]] = field(default_factory=list)
    status: int | None = None
    reason: str = ""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    body_bytes: int = 0
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def started(self) -> bool:
        """Whether anything of it was sent or answered."""
        return bool(self.method) or self.status is not None


class _Transcript:
    """Walks from line to line. What is complete waits in ``done``."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._number = 0
        self._now = _Exchange(1)
        self._said = Said()
        self._typed = ""
        self._part = ""
        """Where the lines without a mark belong: ``request`` or ``head`` (verbose), ``plain`` (``-i``), ``body``."""
        self._dump = Dump()
        self.done: list[Observation] = []

    def take(self, line: str, number: int) -> None:
        """One line without its end."""
        self._number = number
        undumped = self._dump.undone(line)
        if undumped is None:
            return
        line = undumped
        if line.startswith("* "):
            self._info(line[2:])
        elif line.startswith("> ") or line == ">":
            self._sent(line[2:])
        elif line.startswith("< ") or line == "<":
            self._received(line[2:])
        else:
            self._plain(line)

    def end(self) -> None:
        """Nothing follows."""
        if self._now.started and self._now.status is None and self._said.notes:
            self._fail("", self._said.notes[-1])
        self._flush()

    # --- lines with a mark

    def _info(self, text: str) -> None:
        if self._part == "body" and not is_curls(text):
            self._body(f"* {text}")
            return
        self._said.hear(text)

    def _sent(self, text: str) -> None:
        request = REQUEST_LINE.fullmatch(text.strip())
        if request is not None:
            self._flush()
            self._start(request)
        elif self._part == "request" and (header := header_of(text)):
            self._add(self._now.request_headers, header)
        elif self._part == "body":
            self._body(f"> {text}")

    def _start(self, request: re.Match[str]) -> None:
        self._part = "request"
        self._now = _Exchange(self._number, method=request[1], version=request[3])
        self._now.target = Target(host=request[2].lower()) if request[1] == "CONNECT" else target_of(request[2])

    def _received(self, text: str) -> None:
        status = STATUS_LINE.fullmatch(text)
        if status is not None:
            self._answer(status)
            self._part = "head"
        elif self._part == "head" and not text.strip():
            self._part = "body"
        elif self._part == "head" and (header := header_of(text)):
            self._add(self._now.response_headers, header)
        elif self._part == "body":
            self._body(f"< {text}")

    # --- lines without a mark

    def _plain(self, line: str) -> None:
        if self._typed:
            self._command(f"{self._typed}{line}")
        elif (error := _ERROR.match(line)) is not None:
            self._fail(error[1], line)
        elif (error := _HTTPIE_ERROR.match(line)) is not None:
            self._fail("", line)
        elif (command := _COMMAND.fullmatch(line)) is not None and self._part not in ("request", "head"):
            self._command(command[1])
        elif _NOISE.match(line):
            self._after_meter(line)
        else:
            self._unmarked(line)

    def _after_meter(self, line: str) -> None:
        """The progress meter ends no line: what follows it may be glued to it."""
        _, star, text = line.partition("* ")
        if star and "--:--" in line:
            self._info(text)

    def _unmarked(self, line: str) -> None:
        status = STATUS_LINE.fullmatch(line)
        if status is not None and self._part != "request" and not self._repeats(status):
            self._answer(status)
            self._part = "plain"
        elif status is not None:
            self._part = "again" if self._part == "body" else self._part
        elif self._part == "plain" and line and (header := header_of(line)):
            self._add(self._now.response_headers, header)
        elif self._part in ("plain", "again") and not line:
            self._part = "body"
        elif self._part == "body":
            self._body(line)

    def _repeats(self, status: re.Match[str]) -> bool:
        """With ``-v -i`` the head stands twice, the second time without its mark."""
        return bool(self._now.method) and self._now.status == int(status[2]) and not self._now.body

    def _command(self, command: str) -> None:
        """A command that was typed; it may go on in the next line."""
        if command.endswith(("\\", "^")) and len(command) < MOST_CHARS:
            self._typed = f"{command}\n"
            return
        self._typed = ""
        self._flush()
        request = as_request(command)
        self._said.asked = request.target if request else None
        self._now = _Exchange(self._number)
        if request is not None:
            self._now.facts |= {name: value for name, value in request.options.items() if name != "user"}
            self._now.facts["command_method"] = request.method
        self._part = ""

    def _body(self, line: str) -> None:
        glued = GLUED.search(line)
        text = line[: glued.start()] if glued else line
        if self._now.body_bytes < _BODY_BYTES and text:
            self._now.body.append(text)
            self._now.body_bytes += len(text) + 1
        if glued:
            self._info(line[glued.start() + 2 :])

    def _add(self, headers: list[tuple[str, str]], header: tuple[str, str]) -> None:
        if len(headers) < _MOST_HEADERS:
            headers.append(header)

    # --- what becomes of it

    def _answer(self, status: re.Match[str]) -> None:
        """An answer begins. One of 1xx is only noted, and a second one without a request belongs to a new exchange."""
        code = int(status[2])
        if self._now.status is not None:
            self._flush()
        if 100 <= code < 200 and code != 101:
            self._now.facts["interim"] = str(code)
            return
        self._now.version, self._now.status, self._now.reason = status[1], code, (status[3] or "").strip()
        self._now.response_headers = []

    def _fail(self, code: str, said: str) -> None:
        """The client gave up. What had been answered before stays its own observation."""
        answered = self._now.status
        if code == "22" and answered is not None:
            return
        reported = re.search(r"(?:returned error:|response|HTTP code) (\d{3})\b", said)
        fields = {"program": "curl", **({"curl_code": code} if code else {})}
        failed = self._observation("client-error", message=safe(said)[:2_000], more=fields)
        status = int(reported[1]) if reported else None
        self._flush()
        self.done.append(_with(failed, status=status, line=self._number))
        self._said.notes.clear()

    def _flush(self) -> None:
        exchange = self._now
        tunnel = exchange.method == "CONNECT" and exchange.status is not None and exchange.status < 300
        if exchange.status is not None and not tunnel:
            self.done.append(self._observation("exchange"))
            self._said.notes.clear()
        if tunnel:
            self._said.connection["proxy_tunnel"] = exchange.target.host
        self._now = _Exchange(self._number + 1)

    def _observation(self, kind: str, *, message: str = "", more: dict[str, str] | None = None) -> Observation:
        exchange = self._now
        target = self._target()
        facts = {**exchange.facts, **self._said.connection, **(more or {})}
        method = exchange.method or facts.pop("command_method", "")
        facts.pop("command_method", None)
        if self._said.notes:
            facts["notes"] = "\n".join(self._said.notes)
        failed = kind == "client-error"
        return Observation(
            format=kind,
            place=Place(self._source, exchange.line),
            method=safe(method),
            scheme=target.scheme,
            host=target.host,
            path=target.path,
            http_version=exchange.version,
            request_headers=safe_headers(exchange.request_headers),
            status=None if failed else exchange.status,
            reason_phrase="" if failed else safe(exchange.reason),
            response_headers=() if failed else safe_headers(exchange.response_headers),
            body="" if failed else body_text("\n".join(exchange.body)),
            message=message,
            fields={name: value for name, value in facts.items() if name != "host"},
        )

    def _target(self) -> Target:
        sent = self._now.target
        asked = self._said.asked or Target()
        named = next((safe(value) for name, value in self._now.request_headers if name.lower() == "host"), "")
        host = sent.host or named.lower() or asked.host or self._said.connection.get("host", "")
        scheme = sent.scheme or asked.scheme or self._said.scheme(sent=bool(self._now.method))
        return Target(scheme, host, sent.path or ("" if self._now.method else asked.path))


def _with(observation: Observation, *, status: int | None, line: int) -> Observation:
    place = observation.place if observation.method else Place(observation.place.source, line)
    return replace(observation, status=status, place=place)


class CurlReader:
    """Transcripts of curl."""

    name = "curl"
    _LOOKS: Final = re.compile(
        r"^(?:> "
        + REQUEST_LINE.pattern
        + r"|< HTTP/[\d.]{1,3} \d{3}|\* {1,3}(?:Trying |Connected to |Could not resolve "
        r"|Uses proxy |Host \S+ was resolved|Rebuilt URL|Established connection)|curl: \(\d{1,3}\)|== Info: "
        r"|https?: error: \w+Error)",
        re.MULTILINE,
    )
    _PLAIN: Final = re.compile(r"(?:[^\n]{0,80}?curl [^\n]*\n(?:[^\n]*\n){0,20}?)?HTTP/[\d.]{1,3} \d{3}[ \n]")

    def recognises(self, head: str, name: str) -> bool:
        """By what curl writes before its lines, or by an answer's head at the very beginning."""
        del name
        return self._LOOKS.search(head) is not None or self._PLAIN.match(head.lstrip()) is not None

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """Each answer and each failure, in their order."""
        transcript = _Transcript(source)
        number = 1
        while raw := stream.readline(_LINE_BYTES):
            for part in raw.decode("utf-8", "replace").rstrip("\r\n").split("\r"):
                transcript.take(clean(part), number)
            number += raw.endswith(b"\n")
            yield from transcript.done
            transcript.done.clear()
        transcript.end()
        yield from transcript.done
