"""What mattegate itself writes: access lines, the records that ``mattegate why --json`` prints, problem documents.

Also the three sentences that published guides have servers log for a refused key, origin or address.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.readers.logs.blocks import blocks
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.json_lines import STATUS, document, flat, matters
from mattegate.doctor.readers.logs.keys import by_members
from mattegate.doctor.readers.logs.kinds import Kinds
from mattegate.doctor.readers.logs.line import Line, observed, shown, status_of, target
from mattegate.doctor.readers.logs.moments import moment
from mattegate.doctor.readers.protocol import Unreadable

_ACCESS_NAMES: Final = frozenset({"address", "method", "path", "status", "reason", "request_id", "bytes_in"})
_ACCESS_MEMBERS: Final = frozenset({"time", "address", "method", "path", "status", "problem"})
_RECORD_NAMES: Final = frozenset({"request_id", "decision", "checks", "reason"})
_PROBLEM_NAMES: Final = frozenset({"type", "title", "status"})
_WORDS: Final = re.compile(
    r"(?P<key>Invalid API key format)|Origin not allowed: (?P<origin>\S{1,255})|Request from blocked IP: "
    r"(?P<client>\S{1,64})"
)
_LONGEST_DOCUMENTS: Final = 4 << 20


def access_sketch(line: bytes) -> Sketch | None:
    """Reason, status, address, request, key id."""
    found = document(line)
    if found is None or not found.keys() >= _ACCESS_NAMES:
        return None
    if not matters(found["status"]):
        return PASSES
    return (str(found["reason"]), found["status"]), *(
        str(found.get(name)) for name in ("address", "method", "path", "key")
    )


def parse_access(line: Line) -> Observation | None:
    """One access line."""
    found = document(line.text)
    if found is None:
        return None
    fields = {name: value for name, value in found.items() if name not in _ACCESS_MEMBERS}
    fields["key_id"] = fields.pop("key", "")  # it is the id and never the key
    return observed(
        line,
        "mattegate-access",
        fields={name: value for name, value in fields.items() if not isinstance(value, dict | list)},
        at=moment(shown(found.get("time"))),
        client=shown(found.get("address")),
        status=status_of(shown(found.get("status"))),
        message=shown(found.get("problem")),
        **target(shown(found.get("method")), shown(found.get("path"))).members,
    )


def record_sketch(line: bytes) -> Sketch | None:
    """A record or a problem document on one line."""
    found = document(line)
    if found is None or not is_record(found):
        return None
    return (str(found.get("reason")), str(found.get("status"))), str(found.get("request_id")), str(found.get("detail"))


def parse_record(line: Line) -> Observation | None:
    """The same, told."""
    found = document(line.text)
    return None if found is None or not is_record(found) else record(found, line)


def is_record(found: Mapping[str, Any]) -> bool:
    """Whether it is what ``why --json`` prints, or a problem document (RFC 9457) with a reason of the catalogue."""
    if found.keys() >= _RECORD_NAMES:
        return True
    return found.keys() >= _PROBLEM_NAMES and "reason" in found and "request_id" in found


def record(found: Mapping[str, Any], line: Line) -> Observation:
    """A record as an observation; the check that refused, and why, are fields of their own."""
    refusing = next((check for check in _checks(found) if str(check.get("effect", "")).endswith("DENY")), {})
    fields = {name: value for name, value in flat(found) if not name.startswith(("checks", "title"))}
    fields |= {
        "title": found.get("title"),
        "refused_by": refusing.get("layer"),
        "refused_detail": refusing.get("detail"),
    }
    attempt = found.get("attempt") if isinstance(found.get("attempt"), dict) else found
    assert isinstance(attempt, dict | Mapping)
    return observed(
        line,
        "mattegate-record",
        fields=fields,
        at=moment(shown(found.get("at"))),
        client=shown(attempt.get("address") or attempt.get("client")),
        status=status_of(shown(found.get("status"))),
        message=shown(found.get("operator") or found.get("detail") or found.get("sentence")),
        **target(shown(attempt.get("method")), shown(attempt.get("path"))).members,
    )


def _checks(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    checks = found.get("checks")
    return [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []


def guide_words(message: str) -> dict[str, str]:
    """The facts of the guides' three sentences; none where it is another."""
    found = _WORDS.search(message)
    if found is None:
        return {}
    if found["key"]:
        return {"says": "key format"}
    return (
        {"says": "origin", "origin": found["origin"]}
        if found["origin"]
        else {"says": "address", "client": found["client"]}
    )


MATTEGATE_ACCESS: Final = Format(
    "mattegate-access",
    (STATUS,),
    access_sketch,
    parse_access,
    telling=("reason", "key_id", "identity"),
    keys=by_members(
        ("reason", "status", "address", "method", "key", "identity"), paths=("path",), left=("reason", "status")
    ),
)
MATTEGATE_RECORD: Final = Format(
    "mattegate-record", (re.compile(rb'equest_id\\?"'),), record_sketch, parse_record, telling=("request_id", "reason")
)


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Documents, one or several, on one line each or indented."""

    name: str
    formats: tuple[Format, ...]
    decide: Callable[[str, str], str]

    def recognises(self, head: str, name: str) -> bool:
        """By the members of the first document."""
        return self.decide(head, name) == self.name

    def read(self, stream: BinaryIO, source: str) -> Iterator[Observation]:
        """One observation for each kind of document. Raises :class:`~mattegate.doctor.readers.protocol.Unreadable`."""
        text = _bounded(stream).decode("utf-8", "replace")
        kinds = Kinds()
        for found, line in documents(text):
            if is_record(found):
                kinds.add(MATTEGATE_RECORD, record(found, Line("", Place(source, line))))
        yield from kinds.observations(lambda shape, raw, number: None)


def _bounded(stream: BinaryIO) -> bytes:
    data = b""
    for block in blocks(stream):
        data += block
        if len(data) > _LONGEST_DOCUMENTS:
            raise Unreadable(
                f"more than {_LONGEST_DOCUMENTS >> 20} MiB of documents; give them one on a line, as a log"
            )
    return data


def documents(text: str) -> Iterator[tuple[dict[str, Any], int]]:
    """The objects of a text of JSON documents, each with its line; from the first that is none on nothing."""
    decoder, at, number = json.JSONDecoder(), 0, 1
    while (start := text.find("{", at)) >= 0 and not text[at:start].strip(" \t\r\n,[]"):
        number += text.count("\n", at, start)
        try:
            found, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            return
        yield found, number
        number, at = number + text.count("\n", start, end), end
