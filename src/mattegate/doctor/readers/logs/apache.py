"""Apache's error log; its access log is :mod:`.combined`'s.

The line is ``ErrorLogFormat``'s default of httpd 2.4 (core documentation): ``[time] [module:level] [pid N:tid M]
[client A:P] AH01234: message, referer: R``. Its times have no zone; 2.2 wrote ``[time] [level] [client A] message``.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs import combined
from mattegate.doctor.readers.logs.fence import text_before
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.keys import by_line
from mattegate.doctor.readers.logs.line import Line, observed

_TIME: Final = r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d(?:\.\d{1,9})? \d{4})\] "
_HEAD: Final = _TIME + (
    r"\[(?:([\w-]*):)?(emerg|alert|crit|error|warn|notice|info|debug|trace\d)\] "
    r"(?:\[pid (\d+)(?::tid \d+)?\] )?(?:([\w./-]+\.c)\(\d+\): )?(?:\((\d{1,6})\)([^:\n]{1,120}): )?"
    r"(?:\[(?:client|remote) ([^\]\s]+)\] )?(?:([\w./-]+\.c)\(\d+\): )?(?:(AH\d{5}): )?"
)
_SKETCH: Final = re.compile((_HEAD + r"(.*)").encode())
_LINE: Final = re.compile(_HEAD + r"(.*?)(?:, referer: (\S+))?", re.DOTALL)
_FINDERS: Final = (
    re.compile(rb":(?:error|crit|alert|emerg|warn)\] \[pid "),
    re.compile(rb"\[(?:error|crit)\] \[client "),
)
_DULL: Final = (b"info", b"debug", b"notice", b"trace")
_INNER: Final = re.compile(r"AH\d{5}: ")
_PORT: Final = re.compile(r"(?:\[(.+)\]|([^\[\]]+)):(\d{1,5})")
_PORT_BYTES: Final = re.compile(rb":\d+\Z")
_PATH: Final = re.compile(r"(?:configuration: |directory |access to |)((?:/|proxy:)[^\s,]*)")
_USER: Final = re.compile(r"user (\S+?):? (?:not found|in realm|authentication failure)")


def sketch(line: bytes) -> Sketch | None:
    """Message, module and code, client without its port."""
    found = _SKETCH.match(line)
    if found is None or b" ModSecurity: " in line:
        return None
    _, module, level, _, _, errno, _, client, _, code, message = found.groups()
    if level.startswith(_DULL):
        return PASSES
    return message.partition(b", referer: ")[0], module, level, code, _PORT_BYTES.sub(b"", client or b""), errno


def parse(line: Line) -> Observation | None:
    """One line of the error log."""
    found = _LINE.fullmatch(line.text)
    if found is None:
        return None
    time, module, level, pid, _, errno, error, client, _, code, message, referer = found.groups()
    address, port = _address(client or "")
    code = code or (inner[0][:7] if (inner := _INNER.search(message)) else "")
    fields = {"time": time, "module": module, "level": level, "pid": pid, "code": code, "client_port": port}
    fields |= {"errno": errno or "", "error": error or ""} | _facts(message)
    said = f"{code}: {message}" if code and not message.startswith(code) else message
    return observed(
        line,
        "apache-error",
        fields=fields,
        client=address,
        message=f"({errno}){error}: {said}" if errno else said,
        request_headers=(("referer", referer),) if referer else (),
    )


def _address(client: str) -> tuple[str, str]:
    """2.4 writes the port, 2.2 did not; IPv6 stands bare or in brackets."""
    found = _PORT.fullmatch(client)
    if found is None or (found[2] and found[2].count(":") not in (0, 7) and "::" not in found[2]):
        return client, ""
    return found[1] or found[2], found[3]


def _facts(message: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    if path := _PATH.search(message):
        fields["file"] = path[1]
    if user := _USER.search(message):
        fields["user"] = user[1]
    return fields


_KEYS: Final = by_line(
    rb"\[[A-Z][a-z]{2} [^\]]{1,40}\] \[(?!security2:)([\w-]*:?(?:error|crit|alert|emerg|warn))\] "
    rb"(?:\[pid \d+(?::tid \d+)?\] |)(?:([\w./-]+\.c\(\d+\)): |)(?:(\(\d{1,6}\)[^:\n]{1,120}): |)"
    rb"(?:\[(?:client|remote) ([\d.]++|[^\]\s]+?)(?::\d+|)\] |)"
    rb"(" + text_before(b" referer: ") + rb")(?:, referer: \S+|)",
    left=4,
)
APACHE_ERROR: Final = Format(
    "apache-error", _FINDERS, sketch, parse, telling=("code", "level", "errno", "file"), keys=_KEYS
)
APACHE_ACCESS: Final = Format(
    "apache-access",
    (combined.STATUS,),
    combined.sketch,
    lambda line: combined.parse(line, "apache-access"),
    keys=combined.KEYS,
)
