"""What others put before a line: docker, docker compose, kubectl, journalctl, syslog, CloudWatch. It is taken off here.

Documented by: docker's ``logs --timestamps`` and json-file driver, ``docker compose logs``, ``kubectl logs
--timestamps --prefix``, the Kubernetes CRI log format, journalctl(1) ``--output``, RFC 3164 section 4.1, RFC 5424
section 6, ``aws logs tail``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from mattegate.doctor.readers.logs.fence import BEHIND_QUOTE, FENCE, fenced

Unwrapped = tuple[bytes, bytes, bytes]
"""The inner line, the wrapping's time, and who said it; empty where the wrapping does not say."""

AS_BYTES: Final = re.compile(rb'"MESSAGE" ?: ?\[')
"""A journal's message with a colour in it is a list of numbers, in which nothing can be found."""
_LOOKED_AT: Final = 8
"""Lines of a block that show whether its lines are wrapped."""
_COLOUR: Final = rb"(?:\x1b\[[0-9;]{0,16}m){0,4}"
_ISO: Final = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9}|)(?:Z|[+-]\d\d:?\d\d)"
_PROGRAM: Final = rb"[\w./@-]{1,64}+"
_PREFIX: Final = re.compile(
    rb"(?:(?![A-Z][a-z]{2} [ \d]\d |\d{4}-\d\d-\d\dT\d\d:)"  # a time, of which no service has its name
    + _COLOUR
    + rb"(?:(?P<service>[\w.-]{1,128}+) {1,64}+\|"
    + _COLOUR
    + rb" ?|\[pod/(?P<pod>[\w./-]{1,256})\] )"
    + _COLOUR
    + rb")?"
    rb"(?:<\d{1,3}>1 (?P<at5>\S{1,40}) \S{1,255} (?P<app5>\S{1,48}) \S{1,128} \S{1,32} "
    rb"(?:-|(?:\[[^\]\n]{0,2048}\]){1,16})(?: \xef\xbb\xbf| |$)"
    rb"|(?:<\d{1,3}>|)[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9}|) "
    rb"(?:[\w.:-]{1,255}+ |)(?P<app3>" + _PROGRAM + rb")(?:\[\d{1,10}\]|): ?"
    rb"|[A-Z][a-z]{2} (?P<atf>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [A-Z]{1,5}) "
    rb"[\w.:-]{1,255}+ (?P<appf>" + _PROGRAM + rb")(?:\[\d{1,10}\]|): "
    rb"|(?P<at>" + _ISO + rb")(?: std(?:out|err) [FP]|) "
    rb"(?:[\w.:-]{1,255}+ (?P<app>" + _PROGRAM + rb"(?=\[\d)|kernel(?=:)|audit(?=:))(?:\[\d{1,10}\])?: "
    rb"|[\w/\[\]$.-]{8,255}+ (?=\{|\([0-9a-f]{8}-))?)?"
)


_INNER: Final = re.compile(rb"^" + re.sub(rb"\?P<\w+>", b"?:", _PREFIX.pattern) + rb"(.*)$", re.MULTILINE)
"""The same of many lines at once: what stands behind the prefix."""


def bare_lines(raw: Sequence[bytes]) -> Sequence[bytes]:
    """What :func:`unwrapped` takes the inner lines to be, of many lines of one input at once."""
    if any(line.startswith(b'{"') and unwrapped(line)[0] != line for line in raw[:_LOOKED_AT]):
        return [_inner(line, said) for line, said in zip(raw, _SAID.findall(fenced(raw)), strict=True)]
    if any(unwrapped(line)[0] != line for line in raw[:_LOOKED_AT]):
        block = b"\n".join(raw)
        return _INNER.findall(block.replace(b"\r\n", b"\n") if b"\r" in block else block)
    return raw


_SAID: Final = re.compile(
    rb'^(?:\{(?:[^"]*+"(?!(?:log|MESSAGE)"|' + BEHIND_QUOTE + rb'$))*+[^"]*+"(?:log|MESSAGE)" ?: ?'
    rb'"([^"]*+(?:(?<=\\)"[^"]*+)*+)".*\}' + FENCE + rb"|.*)$",
    re.MULTILINE,
)
"""Of lines of a JSON wrapping what they wrap, up to the first quote that no backslash stands before."""


def _inner(line: bytes, said: bytes) -> bytes:
    """What it says where it has none but the usual escapes."""
    bare = said.replace(b'\\"', b'"').removesuffix(b"\\n")
    return bare if bare and b"\\" not in bare else unwrapped(line)[0]


def unwrapped(raw: bytes) -> Unwrapped:
    """Take everything off that does not belong to the program's own line. Never raises."""
    line = raw.strip(b"\0\r\n")
    if line.startswith(b'{"') and (b'"log"' in line or b'"MESSAGE"' in line):
        return _from_json(line)
    return _from_text(line)


def _from_text(line: bytes) -> Unwrapped:
    found = _PREFIX.match(line)
    if found is None or not found.end():
        return line, b"", b""
    service, pod, at5, app5, app3, atf, appf, at, app = found.groups()
    inner = line[found.end() :]
    if app is None and at is not None and service is not None:
        inner, _, deeper = _from_text(inner)  # compose with timestamps around a syslog line
        app = deeper or None
    return inner, at5 or atf or at or b"", app5 or app3 or appf or app or service or pod or b""


def _from_json(line: bytes) -> Unwrapped:
    """docker's json-file (``log``, ``time``) and journalctl ``-o json`` (``MESSAGE``, ``__REALTIME_TIMESTAMP``)."""
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return line, b"", b""
    message, time, teller = _wrapped(document)
    if message is None:
        return line, b"", b""
    inner, inner_time, inner_teller = _from_text(message.rstrip(b"\r\n"))
    return inner, time or inner_time, inner_teller or teller


def _wrapped(document: dict[str, Any]) -> tuple[bytes | None, bytes, bytes]:
    if isinstance(log := document.get("log"), str):
        return _encoded(log), _encoded(document.get("time", "")), b""
    said = document.get("MESSAGE")
    if isinstance(said, list):  # journald gives what is no UTF-8 as a list of bytes
        said = bytes(byte for byte in said if isinstance(byte, int) and 0 <= byte < 256).decode("utf-8", "replace")
    if not isinstance(said, str):
        return None, b"", b""
    micros = str(document.get("__REALTIME_TIMESTAMP", ""))
    time = f"{micros[:-6]}.{micros[-6:]}" if micros.isdigit() and len(micros) > 6 else ""
    return _encoded(said), time.encode(), _encoded(document.get("SYSLOG_IDENTIFIER", ""))


def _encoded(value: object) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""
