"""Squid: the native access log, and ``cache.log``.

The native format is ``%ts.%03tu %6tr %>a %Ss/%03>Hs %<st %rm %ru %[un %Sh/%<a %mt`` (Squid's ``logformat`` directive).
A CONNECT that is denied never reached the server it was for.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch, refused
from mattegate.doctor.readers.logs.keys import by_line
from mattegate.doctor.readers.logs.line import Line, RequestLine, observed, status_of, target

_ACCESS: Final = r"(\d{9,11}\.\d{3}) +(-?\d+) (\S+) ([A-Z_]+)/(\d{3}) (\d+) (\S+) (\S+) (\S+) ([A-Z_]+)/(\S+) (\S+)"
_ACCESS_TEXT: Final = re.compile(_ACCESS)
_ACCESS_BYTES: Final = re.compile(_ACCESS.encode())
_FINDER: Final = re.compile(rb"/[45]\d\d \d+ [A-Z]")
_CACHE: Final = re.compile(r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)(?: kid\d+)?\| (.*)", re.DOTALL)
_CACHE_BYTES: Final = re.compile(_CACHE.pattern.encode(), re.DOTALL)
_CACHE_FINDER: Final = re.compile(rb"\| (?:ERROR|WARNING|FATAL|SECURITY ALERT)")
_CACHE_SAYS: Final = re.compile(rb"ERROR|WARNING|FATAL|SECURITY ALERT|DENIED|denied|refused")


def sketch(line: bytes) -> Sketch | None:
    """Squid's code with the status, client, request without its query, where it went."""
    found = _ACCESS_BYTES.match(line)
    if found is None:
        return None
    _, _, client, code, status, _, method, url, _, hierarchy, peer, _ = found.groups()
    return (
        (code + b"/" + status, client, method, url.partition(b"?")[0], hierarchy, peer) if refused(status) else PASSES
    )


def parse(line: Line) -> Observation | None:
    """One access line."""
    found = _ACCESS_TEXT.match(line.text)
    if found is None:
        return None
    time, elapsed, client, code, status, size, method, url, user, hierarchy, peer, kind = found.groups()
    asked = RequestLine(method, url, host=url.rpartition(":")[0]) if method == "CONNECT" else target(method, url)
    fields = {"result_code": code, "elapsed": elapsed, "bytes": size, "user": "" if user == "-" else user}
    fields |= {"hierarchy": hierarchy, "peer": peer, "content_type": "" if kind == "-" else kind}
    return observed(
        line, "squid-access", fields=fields, at=float(time), client=client, status=status_of(status), **asked.members
    )


def cache_sketch(line: bytes) -> Sketch | None:
    """The message, of those that tell of trouble."""
    found = _CACHE_BYTES.match(line)
    if found is None:
        return None
    return (found[2],) if _CACHE_SAYS.search(found[2]) else PASSES


def parse_cache(line: Line) -> Observation | None:
    """One line of ``cache.log``."""
    found = _CACHE.match(line.text)
    if found is None:
        return None
    return observed(line, "squid-log", fields={"time": found[1]}, message=found[2])


_KEYS: Final = by_line(
    rb"\d{9,11}\.\d{3} +-?\d+ (\S+) ([A-Z_]+/[45]\d\d) \d+ (\S+ [^\s?]+)\S* \S+ ([A-Z_]+/\S+) \S+", left=1
)
SQUID_ACCESS: Final = Format(
    "squid-access", (_FINDER,), sketch, parse, telling=("result_code", "hierarchy", "peer"), keys=_KEYS
)
SQUID_LOG: Final = Format("squid-log", (_CACHE_FINDER,), cache_sketch, parse_cache, needles=(b"denied", b"refused"))
