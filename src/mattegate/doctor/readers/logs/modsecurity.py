"""ModSecurity: what version 2 writes to Apache's error log, version 3 to nginx's, and the audit log of both.

Lines: ModSecurity Handbook's and reference manual's ``[file "…"] [line "…"] [id "…"] …``; audit log: reference manual,
"Audit Log" (parts A, B, F, H, Z; version 3's boundary has three hyphens), and version 3's JSON (``transaction``).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO, Final

from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.readers.logs.blocks import blocks
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.json_lines import document, flat, headers
from mattegate.doctor.readers.logs.keys import by_facts
from mattegate.doctor.readers.logs.kinds import Kinds
from mattegate.doctor.readers.logs.line import Line, observed, request_line, shown, status_of, target
from mattegate.doctor.readers.logs.lines import read_lines
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.protocol import Unreadable

_FINDER: Final = re.compile(rb"ModSecurity: (?!for |PCRE|APR|LIBXML|StatusEngine|LOADED|Loaded|YAJL|LUA|nginx)")
_FACT: Final = re.compile(r'\[([a-z_]+) "([^"\\]*(?:\\.[^"\\]*)*)"\]')
_CODE: Final = re.compile(r"Access denied with (?:code (\d{3})|connection close|redirection)(?:.*?\(phase (\d)\))?")
_PHASE: Final = re.compile(r"\(phase (\d)\)")
_OPERATOR: Final = re.compile(
    r"""Matched "Operator `(\w+)'|(Pattern match|String match|Matched phrase|Match of|Operator \w+)"""
)
_TARGET: Final = re.compile(r"""against variable `([^']+)'| at ([A-Z_]+(?::[\w.$-]+)?)""")
_BEHIND: Final = re.compile(
    r', client: (?P<client>[^,\n]*)(?:, server: [^,\n]*)?(?:, request: "(?P<request>[^"\n]*)")?(?:, host: "'
    r'(?P<host>[^"\n]*)")?'
)
_CLIENT: Final = re.compile(r"\[client ([^\]\s]+)\]")
_APACHE_PORT: Final = re.compile(r"^([^:]+|\[[^\]]+\]):\d+$")
_NGINX_TIME: Final = re.compile(r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d|(?<=^\[)[A-Z][a-z]{2} [A-Z][^\]]+")
_KIND_FACTS: Final = re.compile(
    rb'\[(?:id|uri|hostname|severity) "[^"]*"\]|\[client [^\]:]+|Access denied with code \d+|, request: "[^?"]*'
)
_MANY: Final = ("tag",)


def sketch(line: bytes) -> Sketch | None:
    """Rule, status, client, address of the request."""
    found = _FINDER.search(line)
    if found is None:
        return PASSES if b"ModSecurity: " in line else None
    facts = _KIND_FACTS.findall(line)
    return tuple(facts[1:]) or (line[found.end() : found.end() + 200],), line[found.end() : found.end() + 32], *facts


def parse(line: Line) -> Observation | None:
    """One line of an error log. A warning only scores; ``Access denied`` refuses."""
    start = line.text.find("ModSecurity: ")
    if start < 0:
        return None
    said = line.text[start + len("ModSecurity: ") :]
    facts = _facts(said)
    behind, client = _BEHIND.search(said), _CLIENT.search(line.text[:start])
    told = behind.groupdict() if behind else {}
    time = _NGINX_TIME.search(line.text[:64])
    asked = request_line(told.get("request") or "")
    uri = facts.get("uri", "")
    code = _CODE.search(said)
    return observed(
        line,
        "modsecurity",
        fields=facts | {"time": time[0] if time else ""},
        client=told.get("client") or _bare(client[1] if client else ""),
        status=status_of(code[1]) if code and code[1] else None,
        message=_FACT.sub("", said.partition(", client: ")[0]).strip(),
        **asked.members | {"host": told.get("host") or facts.get("hostname", ""), "path": asked.path or uri},
    )


def _bare(client: str) -> str:
    found = _APACHE_PORT.match(client)
    return found[1].strip("[]") if found else client


def _facts(said: str) -> dict[str, str]:
    """The bracketed facts, and those of the sentence; tags, of which there are many, in one."""
    pairs = _FACT.findall(said)
    facts = {name: value for name, value in pairs if name not in _MANY}
    facts["tags"] = ", ".join(value for name, value in pairs if name in _MANY)
    if phase := _PHASE.search(said):
        facts["phase"] = phase[1]
    if operator := _OPERATOR.search(said):
        facts["operator"] = operator[1] or operator[2] or ""
    if where := _TARGET.search(said):
        facts["variable"] = (where[1] or where[2]).rstrip(".")
    facts["disruptive"] = "yes" if "Access denied" in said else ""
    return facts


# --- the audit log, serial ---------------------------------------------------------------------------------------

_BOUNDARY: Final = re.compile(rb"^-{2,3}([A-Za-z0-9]{8,10})-{1,3}([A-Z])--\r?$", re.MULTILINE)
_END: Final = re.compile(rb"^-{2,3}[A-Za-z0-9]{8,10}-{1,3}Z--\r?\n", re.MULTILINE)
_LONGEST_RECORD: Final = 4 << 20
_PARTS: Final = frozenset("ABFH")
_LONGEST_PART: Final = 65_536
_A: Final = re.compile(r"\[([^\]\n]{1,40})\] (\S+) (\S+) (\d{1,5}) \S+ \d{1,5}")
_STATUS_LINE: Final = re.compile(r"HTTP/[\d.]+ (\d{3})")
_MESSAGE: Final = re.compile(r"^(?:Message: |ModSecurity: |Apache-Error: )(.*)$", re.MULTILINE)
_ACTION: Final = re.compile(r"^Action: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Record:
    parts: dict[str, str]
    line: int


def _records(whole: Iterator[bytes]) -> Iterator[_Record]:
    """Transactions, each from its ``A`` to its ``Z``; one that is longer than 4 MiB is cut, a torn last one is told."""
    carry, line = b"", 1
    for block in whole:
        data, at = carry + block, 0
        for end in _END.finditer(data):
            yield _record(data[at : end.end()], line)
            line += data.count(b"\n", at, end.end())
            at = end.end()
        carry = data[at:]
        if len(carry) > _LONGEST_RECORD:
            yield _record(carry, line)
            line, carry = line + carry.count(b"\n"), b""
    if _BOUNDARY.search(carry):
        yield _record(carry, line)


def _record(data: bytes, line: int) -> _Record:
    marks = list(_BOUNDARY.finditer(data))
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    parts = {
        mark[2].decode(): data[mark.end() : min(end, mark.end() + _LONGEST_PART)]
        .decode("utf-8", "replace")
        .strip("\r\n")
        for mark, end in zip(marks, ends, strict=True)
        if mark[2].decode() in _PARTS
    }
    return _Record(parts, line)


def parse_record(record: _Record, source: str) -> Iterator[Observation]:
    """One observation for each message of a transaction; what Apache itself said in it is told as Apache's."""
    head = _A.search(record.parts.get("A", ""))
    request, *sent = record.parts.get("B", "").splitlines() or [""]
    answer = _STATUS_LINE.search(record.parts.get("F", ""))
    asked, request_headers = request_line(request), _header_lines(sent)
    host = next((value for name, value in request_headers if name == "host"), asked.host)
    members: dict[str, Any] = asked.members | {
        "host": host,
        "at": moment(head[1]) if head else None,
        "client": head[3] if head else "",
        "status": status_of(answer[1]) if answer else None,
        "request_headers": request_headers,
    }
    trailer = record.parts.get("H", "")
    action = _ACTION.search(trailer)
    common = {"unique_id": head[2] if head else "", "action": action[1] if action else ""}
    line = Line(trailer, Place(source, record.line))
    for said in _MESSAGE.finditer(trailer):
        if "ModSecurity: " not in said[1]:  # Apache's copy of the same message
            yield _message(line, said, members, common)


def _message(line: Line, said: re.Match[str], members: dict[str, Any], common: dict[str, str]) -> Observation:
    text = said[1]
    if said[0].startswith("Apache-Error:"):
        code = re.search(r"AH\d{5}", text)
        fields = common | {"code": code[0] if code else "", "audit": "yes"}
        return observed(line, "apache-error", fields=fields, message=text, **members)
    facts = _facts(text)
    return observed(
        line, "modsecurity", fields=common | facts | {"audit": "yes"}, message=_FACT.sub("", text).strip(), **members
    )


def _header_lines(lines: list[str]) -> Headers:
    pairs = (line.partition(":") for line in lines[:64])
    return tuple((name.strip().lower(), value.strip()) for name, colon, value in pairs if colon)


# --- the audit log, JSON -----------------------------------------------------------------------------------------


def json_sketch(line: bytes) -> Sketch | None:
    """Every transaction is told once for each of its messages; most have few."""
    found = document(line)
    if found is None or not isinstance(found.get("transaction"), dict):
        return None
    transaction = found["transaction"]
    messages = _messages(found)
    if not messages:
        return PASSES
    request = transaction.get("request", {})
    asked = (
        str(transaction.get("client_ip") or transaction.get("remote_address")),
        str(request).partition("?")[0][:200],
    )
    rules = tuple(str(dict(flat(message)).get("details.ruleId")) for message in messages)
    return rules, *asked


def parse_json(line: Line) -> Observation | None:
    """A transaction as JSON; of several messages the last, which is the one that refused."""
    found = document(line.text)
    if found is None:
        return None
    transaction: dict[str, Any] = found["transaction"]
    request, response = (_object(found, transaction, name) for name in ("request", "response"))
    messages = _messages(found)
    last = dict(flat(messages[-1])) if messages else {}
    sent = headers(request.get("headers"))
    asked = (
        request_line(shown(request.get("request_line")))
        if "request_line" in request
        else target(shown(request.get("method")), shown(request.get("uri")))
    )
    facts = {_JSON_NAMES.get(name, name): value for name, value in last.items()} | _facts(shown(last.get("message")))
    facts |= {"ids": ", ".join(shown(dict(flat(one)).get("details.ruleId")) for one in messages), "audit": "yes"}
    facts["unique_id"] = shown(transaction.get("unique_id") or transaction.get("transaction_id"))
    time = shown(transaction.get("time_stamp") or transaction.get("time"))
    return observed(
        line,
        "modsecurity",
        fields=facts | {"time": time},
        client=shown(transaction.get("client_ip") or transaction.get("remote_address")),
        at=moment(time),
        status=status_of(shown(response.get("http_code") or response.get("status"))),
        message=shown(last.get("message")),
        request_headers=sent,
        **asked.members | {"host": next((value for name, value in sent if name == "host"), asked.host)},
    )


_JSON_NAMES: Final = {
    "details.ruleId": "id",
    "details.file": "file",
    "details.lineNumber": "line",
    "details.data": "data",
    "details.severity": "severity",
    "details.match": "match",
    "details.tags": "tags",
    "message": "msg",
}


def _object(found: Any, transaction: dict[str, Any], name: str) -> dict[str, Any]:
    value = transaction.get(name, found.get(name))  # version 3 has it inside, version 2 beside the transaction
    return value if isinstance(value, dict) else {}


def _messages(found: Any) -> list[dict[str, Any]]:
    inside = found["transaction"].get("messages")
    audit = found.get("audit_data")
    beside = audit.get("messages") if isinstance(audit, dict) else None
    messages = inside if isinstance(inside, list) else beside if isinstance(beside, list) else []
    return [message if isinstance(message, dict) else {"message": message} for message in messages[:64]]


_KEYS: Final = by_facts(
    rb'\[(?:id|uri|hostname|severity) "[^"]*"\]|\[client [^\]:]+|Access denied with code \d+ \(phase \d'
    rb'|, request: "[^?"]*',
    left=(b"[id ", b"Access "),
)
MODSECURITY: Final = Format("modsecurity", (_FINDER,), sketch, parse, telling=("id", "phase", "uri"), keys=_KEYS)
MODSECURITY_JSON: Final = Format(
    "modsecurity-json", (re.compile(rb'ransaction\\?": ?\{'),), json_sketch, parse_json, telling=("id", "ids")
)


@dataclass(frozen=True, slots=True)
class ModSecurityReader:
    """Lines of error logs, and audit logs of either kind."""

    name: str
    formats: tuple[Format, ...]
    decide: Callable[[str, str], str]

    def recognises(self, head: str, name: str) -> bool:
        """By a part's boundary, or by its lines."""
        return self.decide(head, name) == self.name

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """One observation for each kind of message. Raises ``Unreadable`` behind what was read."""
        whole = blocks(stream)
        opening = next(whole, b"")
        if is_audit(opening):
            return _read_audit(chain([opening], whole), source)
        return read_lines(chain([opening], whole), source, self.formats)


def is_audit(head: bytes) -> bool:
    """Whether it begins like a serial audit log."""
    return _BOUNDARY.search(head, 0, 65_536) is not None


def _read_audit(whole: Iterator[bytes], source: str) -> Iterator[Observation]:
    kinds, damage = Kinds(), None
    try:
        for record in _records(whole):
            for seen in parse_record(record, source):
                kinds.add(MODSECURITY, seen)
    except Unreadable as error:
        damage = error
    yield from kinds.observations(lambda shape, raw, number: None)
    if damage is not None:
        raise damage
