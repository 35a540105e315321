"""Which log an input is: all formats look at the lines of its head, and the smallest reader that reads them all has it.

A file of several programs' lines (a composition, a journal) belongs to the reader ``mixed``. Lines that no format
knows count for nothing, unless there is no other: then an application wrote them, if they look like a log at all.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import Final

from mattegate.doctor.readers.logs.apache import APACHE_ACCESS, APACHE_ERROR
from mattegate.doctor.readers.logs.application import APPLICATION, has_log_shape
from mattegate.doctor.readers.logs.aws import ALB, APIGW_ACCESS, APIGW_COMMON, APIGW_EXECUTION, WAF
from mattegate.doctor.readers.logs.caddy import CADDY
from mattegate.doctor.readers.logs.cloudfront import CLOUDFRONT, CLOUDFRONT_JSON
from mattegate.doctor.readers.logs.envoy import ENVOY_ACCESS, ENVOY_JSON, ENVOY_LOG
from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.haproxy import HAPROXY
from mattegate.doctor.readers.logs.json_lines import document
from mattegate.doctor.readers.logs.lines import LogReader
from mattegate.doctor.readers.logs.mandatory import APPARMOR, SELINUX
from mattegate.doctor.readers.logs.mattegate import (
    MATTEGATE_ACCESS,
    MATTEGATE_RECORD,
    RecordReader,
    documents,
    is_record,
)
from mattegate.doctor.readers.logs.modsecurity import MODSECURITY, MODSECURITY_JSON, ModSecurityReader, is_audit
from mattegate.doctor.readers.logs.nginx import ACCESS, NGINX_ACCESS, NGINX_ERROR, NGINX_JSON
from mattegate.doctor.readers.logs.squid import SQUID_ACCESS, SQUID_LOG
from mattegate.doctor.readers.logs.traefik import TRAEFIK_ACCESS, TRAEFIK_JSON, TRAEFIK_LOG
from mattegate.doctor.readers.logs.wrapping import unwrapped
from mattegate.doctor.readers.protocol import HEAD_BYTES, Reader

_LINES: Final = 400
_CUT: Final = HEAD_BYTES // 2
"""A head that is longer ends somewhere in a line; half a line may look like another program's whole one."""
_TRANSCRIPT: Final = re.compile(
    r"^(?:[<>] ?)?HTTP/\d(?:\.\d)? \d{3}|^> ?[A-Z]{3,8} \S+ HTTP/\d"
    r"|^\* (?:Connected|Trying|connect to|Could not resolve)",
    re.MULTILINE,
)
"""An exchange as a client shows it; the body of an answer in it may look like any log."""
_LOG_MEMBERS: Final = frozenset(
    {"level", "severity", "levelname", "timestamp", "time", "@timestamp", "ts", "timeStamp", "category"}
)
_STAMPED: Final = re.compile(r"(?:<\d{1,3}>)?(?:1 )?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d)")
_LEAST_LOGGED: Final = 3
"""Lines that make a log of an application where none of them tells of a refusal."""
_SOME: Final = 8
"""One line of so many makes an application of the programs that write together: it may refuse yet."""
_APACHE_NAMES: Final = ("apache", "httpd", "other_vhosts")


@lru_cache(maxsize=8)
def recognised(head: str, name: str) -> str:
    """The name of the reader for an input that begins so; empty where it is no log that is known."""
    if is_audit(head.encode("utf-8", "replace")):
        return "modsecurity"
    if _TRANSCRIPT.search(head):
        return ""
    if head.lstrip()[:1] == "{" and any(is_record(found) for found, _ in documents(head)):
        return "mattegate-record"
    seen, alike = _votes(head)
    if not seen:
        return "app-log" if alike else ""
    if len(seen) == 1 and (whose := _shared(next(iter(seen)), head, name)):
        return whose
    return next((reader.name for reader in _LINE_READERS if _reads(reader, seen)), "mixed")


def _votes(head: str) -> tuple[Counter[str], bool]:
    """How many lines each format knows, and whether others look like an application's log."""
    seen: Counter[str] = Counter()
    refusing = logged = 0
    formats = [shape.fresh() if shape.fresh else shape for shape in _STRICT]
    lines = [line for line in _lines(head) if line.strip()]
    for text in lines:
        inner = unwrapped(text.encode("utf-8", "replace"))[0]
        shape = next((one for one in formats if one.sketch(inner) is not None), None)
        if shape is not None:
            seen[shape.name] += 1
        elif _logged(text, inner):
            logged += 1
            refusing += APPLICATION.sketch(inner) is not None
    many = logged >= _LEAST_LOGGED
    if seen and (refusing or (many and logged * _SOME >= len(lines))):
        seen[APPLICATION.name] += 1
    return seen, bool(refusing) or (many and logged * 2 >= len(lines))


def _lines(head: str) -> list[str]:
    lines = head.split("\n")
    if len(head) > _CUT and len(lines) > 1:
        lines.pop()
    return lines[:_LINES]


def _logged(text: str, inner: bytes) -> bool:
    """Of an application: with a time, a level or an address first, taken out of a wrapping with a time, or as JSON with
    either."""
    said = inner.decode("utf-8", "replace")
    if (found := document(inner)) is not None:
        return bool(_LOG_MEMBERS & found.keys())
    return has_log_shape(said) or (said != text.strip() and _STAMPED.match(text) is not None)


def _reads(reader: Reader, seen: Counter[str]) -> bool:
    names = {shape.name for shape in getattr(reader, "formats", ())}
    return set(seen) <= names


def _shared(shape: str, head: str, name: str) -> str:
    """Whose the lines of one format are that several programs write; empty for any other format."""
    if shape == ACCESS.name:
        return _whose(name)
    return _whose_rules(head) if shape == MODSECURITY.name else ""


def _whose(name: str) -> str:
    """The combined line is nginx's and Apache's alike; only the name of the file may tell."""
    lower = name.lower()
    if any(word in lower for word in _APACHE_NAMES):
        return "apache-access"
    return "nginx-access" if "nginx" in lower else "access"


def _whose_rules(head: str) -> str:
    """In whose error log ModSecurity writes; a line that was cut out of it without its beginning is in nobody's."""
    first = next((line for line in head.encode("utf-8", "replace").split(b"\n") if MODSECURITY.sketch(line)), b"")
    for shape in (NGINX_ERROR, APACHE_ERROR):
        if any(finder.search(first) for finder in shape.finders):
            return shape.name
    return MODSECURITY.name


_ERROR_LOGS: Final = (MODSECURITY, NGINX_ERROR, APACHE_ERROR)
_JSON: Final = (
    CADDY,
    TRAEFIK_JSON,
    ENVOY_JSON,
    WAF,
    CLOUDFRONT_JSON,
    MATTEGATE_ACCESS,
    MATTEGATE_RECORD,
    MODSECURITY_JSON,
    NGINX_JSON,
    APIGW_ACCESS,
)
_STRICT: Final[tuple[Format, ...]] = (
    *_ERROR_LOGS,
    SELINUX,
    APPARMOR,
    HAPROXY,
    TRAEFIK_ACCESS,
    TRAEFIK_LOG,
    ENVOY_ACCESS,
    ENVOY_LOG,
    SQUID_ACCESS,
    SQUID_LOG,
    ALB,
    CLOUDFRONT,
    APIGW_COMMON,
    APIGW_EXECUTION,
    *_JSON,
    ACCESS,
)
"""The narrower before the wider: a line belongs to the first that knows it."""

_WITHIN: Final = replace(MODSECURITY, finders=())
"""In an error log every line of ModSecurity's is found as the server's own."""

_LINE_READERS: Final[tuple[Reader, ...]] = (
    LogReader("nginx-error", (_WITHIN, NGINX_ERROR), recognised),
    LogReader("apache-error", (_WITHIN, APACHE_ERROR), recognised),
    ModSecurityReader("modsecurity", (MODSECURITY, MODSECURITY_JSON), recognised),
    LogReader("haproxy-log", (HAPROXY,), recognised),
    LogReader("caddy-log", (CADDY,), recognised),
    LogReader("traefik-log", (TRAEFIK_ACCESS, TRAEFIK_LOG, TRAEFIK_JSON), recognised),
    LogReader("envoy-log", (ENVOY_ACCESS, ENVOY_LOG, ENVOY_JSON), recognised),
    LogReader("squid-access", (SQUID_ACCESS,), recognised),
    LogReader("squid-log", (SQUID_LOG,), recognised),
    LogReader("aws-alb", (ALB,), recognised),
    LogReader("aws-cloudfront", (CLOUDFRONT, CLOUDFRONT_JSON), recognised),
    LogReader("aws-waf", (WAF,), recognised),
    LogReader("aws-apigw-access", (APIGW_ACCESS, APIGW_COMMON), recognised),
    LogReader("aws-apigw-execution", (APIGW_EXECUTION,), recognised),
    LogReader("selinux", (SELINUX,), recognised),
    LogReader("apparmor", (APPARMOR,), recognised),
    LogReader("mattegate-access", (MATTEGATE_ACCESS,), recognised),
    RecordReader("mattegate-record", (MATTEGATE_RECORD,), recognised),
    LogReader("nginx-access", (NGINX_JSON, NGINX_ACCESS), recognised),
    LogReader("apache-access", (APACHE_ACCESS,), recognised),
    LogReader("access", (ACCESS,), recognised),
    LogReader("app-log", (APPLICATION,), recognised),
)
READERS: Final[tuple[Reader, ...]] = (*_LINE_READERS, LogReader("mixed", (*_STRICT, APPLICATION), recognised))
