"""Records and rulebooks as bytes: versioned JSON, readable for as long as a newer reader only adds fields.

Rules of this file:

1. What is encoded can be decoded again. A text that UTF-8 cannot hold and a number that JSON readers cannot hold are
   made storable rather than refused, because a request must not go unrecorded for what it contains.
2. Every refusal waits for its record, and anybody can cause refusals; so what a reader knows without being told is not
   written: fields of an attempt that are as they are by default, facts that are not known, and findings of layers that
   were not asked, of which only the names stand there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import compress
from operator import attrgetter, is_not
from typing import Any, Final, TypeVar

import msgspec

from mattegate.ledger.form import HOLE, TEXT_HOLE, Form, json_with_holes
from mattegate.ledger.protocols import Record
from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import Facts, Plain
from mattegate.vocabulary.rulebook import Rulebook

_T = TypeVar("_T")

VERSION: Final = 1
"""Raised when a field changes its meaning; new fields with defaults need no new version."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_LARGEST: Final = 2**63 - 1


class Unreadable(Exception):  # noqa: N818 - the state of what is stored
    """Stored bytes are not a record (any more), or one of a newer version."""


class Index(msgspec.Struct, frozen=True, gc=False):
    """What the store sorts records by."""

    request_id: str
    at: float
    revision: str
    status: int
    reason: str = ""


class _Written(msgspec.Struct, gc=False, omit_defaults=True):
    """A record as it is written; the names and meanings are those of :class:`Record`."""

    request_id: str
    at: float
    attempt: dict[str, object]
    facts: dict[str, object]
    findings: list[dict[str, object]]
    revision: str
    version: str
    status: int
    reason: str = ""
    address: str = ""
    ms: float = 0.0


class _WrittenRecord(msgspec.Struct, gc=False, omit_defaults=True):
    v: int
    record: _Written
    skipped: list[str] = []
    """The layers behind those of the findings, which were not asked any more."""


class _StoredRecord(msgspec.Struct, gc=False):
    v: int
    record: Record
    skipped: tuple[str, ...] = ()


class _StoredIndex(msgspec.Struct, gc=False):
    v: int
    record: Index


@dataclass(frozen=True, slots=True)
class _StoredRulebook:
    v: int
    rulebook: Rulebook


class _Version(msgspec.Struct):
    v: int = 0


_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)
_RECORDS: Final = msgspec.json.Decoder(_StoredRecord)
_INDEXES: Final = msgspec.json.Decoder(_StoredIndex)
_RULEBOOKS: Final = msgspec.json.Decoder(_StoredRulebook)
_VERSIONS: Final = msgspec.json.Decoder(_Version)


def encode_record(record: Record) -> bytes:
    """One line of JSON without a line break."""
    findings, skipped = _told(record.findings)
    return _encode(
        _WrittenRecord(
            VERSION,
            _Written(
                record.request_id,
                record.at,
                _given(record.attempt),
                _known(record.facts),
                findings,
                record.revision,
                record.version,
                record.status,
                record.reason,
                record.address,
                record.ms,
            ),
            skipped,
        )
    )


def record_form(record: Record) -> Form:
    """The record with holes where others of the same decision differ: see :func:`fill`."""
    document: dict[str, Any] = msgspec.json.decode(encode_record(record))
    written = document["record"]
    for part in (written, written["attempt"]):
        part |= {"request_id": TEXT_HOLE, "at": HOLE}
    written["ms"] = HOLE
    return Form(json_with_holes(document))


def fill(form: Form, request_id: str, *, at: float, ms: float) -> bytes:
    """What :func:`encode_record` makes of :meth:`Record.again`."""
    spelled, moment = request_id.encode(), b"%a" % at
    return form.fill(spelled, moment, spelled, moment, b"%a" % ms)


def decode_record(data: bytes) -> Record:
    """The record that was encoded; fields of newer versions are passed over.

    Raises :class:`Unreadable`.
    """
    stored = _decode(_RECORDS, data)
    if not stored.skipped:
        return stored.record
    tail = (Finding(layer, Effect.SKIPPED) for layer in stored.skipped)
    return replace(stored.record, findings=(*stored.record.findings, *tail))


def decode_index(data: bytes) -> Index:
    """Only what the store sorts by, at a fraction of the price.

    Raises :class:`Unreadable`.
    """
    return _decode(_INDEXES, data).record


def encode_rulebook(rulebook: Rulebook) -> bytes:
    """One line of JSON without a line break."""
    return _encode(_StoredRulebook(VERSION, rulebook))


def decode_rulebook(data: bytes) -> Rulebook:
    """The rulebook that was encoded.

    Raises :class:`Unreadable`.
    """
    return _decode(_RULEBOOKS, data).rulebook


def needle(request_id: str) -> bytes:
    """What stands in the encoded record of this id and in no text inside another, where quotes are escaped."""
    return b'"record":{"request_id":' + _encode(request_id)


_ATTEMPT: Final = tuple(field.name for field in fields(Attempt))
_ATTEMPT_VALUES: Final = attrgetter(*_ATTEMPT)
_ATTEMPT_DEFAULTS: Final = tuple(field.default for field in fields(Attempt))
_FACTS: Final = tuple(field.name for field in fields(Facts))
_FACTS_VALUES: Final = attrgetter(*_FACTS)


def _given(attempt: Attempt) -> dict[str, object]:
    """The fields that hold anything but their very defaults."""
    values: tuple[object, ...] = _ATTEMPT_VALUES(attempt)
    return dict(compress(zip(_ATTEMPT, values, strict=True), map(is_not, values, _ATTEMPT_DEFAULTS)))


def _known(facts: Facts) -> dict[str, object]:
    """The facts that are there; the outcome with texts for whatever no record can hold."""
    known: dict[str, Any] = {name: fact for name, fact in zip(_FACTS, _FACTS_VALUES(facts), strict=True) if fact}
    if facts.outcome is not None:
        known["outcome"] = replace(facts.outcome, facts=_plain(facts.outcome.facts))
    return known


def _told(findings: Sequence[Finding]) -> tuple[list[dict[str, object]], list[str]]:
    """The findings, and the layers behind them of which there is nothing to say but that they were not asked."""
    told: list[dict[str, object]] = []
    skipped: list[str] = []
    for finding in findings:
        says_more = finding.reason or finding.facts or finding.detail or finding.rule or finding.shadow
        if finding.effect is Effect.SKIPPED and not says_more:
            skipped.append(finding.layer)
            continue
        if skipped:
            told += [{"layer": layer, "effect": Effect.SKIPPED} for layer in skipped]
            skipped = []
        told.append(_whole(finding) if says_more else {"layer": finding.layer, "effect": finding.effect})
    return told, skipped


def _whole(finding: Finding) -> dict[str, object]:
    return {
        "layer": finding.layer,
        "effect": finding.effect,
        "reason": finding.reason,
        "facts": _plain(finding.facts),
        "rule": finding.rule,
        "detail": finding.detail,
        "shadow": finding.shadow,
    }


def _plain(facts: dict[str, Plain]) -> dict[str, Plain]:
    """Facts with the text of whatever stands among them and the decoder would not take."""
    return facts if _PLAIN.issuperset(map(type, facts.values())) else _texts(facts)


def _texts(facts: Mapping[str, Plain]) -> dict[str, Plain]:
    return {name: value if type(value) in _PLAIN else str(value) for name, value in facts.items()}


def _encode(value: object) -> bytes:
    try:
        return _ENCODER.encode(value)
    except (UnicodeEncodeError, OverflowError):  # lone surrogates; integers beyond 64 bits
        return _ENCODER.encode(_storable(msgspec.to_builtins(value, enc_hook=str)))


def _storable(value: object) -> object:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case bool():
            return value
        case int():
            return max(-_LARGEST, min(_LARGEST, value))
        case dict():
            return {_storable(key): _storable(item) for key, item in value.items()}
        case list() | tuple():
            return [_storable(item) for item in value]
    return value


def _decode(decoder: msgspec.json.Decoder[_T], data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unreadable(_problem(data, error)) from error


def _problem(data: bytes, error: Exception) -> str:
    try:
        version = _VERSIONS.decode(data).v
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"it is not JSON any more: {error}"
    if version > VERSION:
        return f"it was written by a newer version of mattegate (format {version}, known is {VERSION})"
    return str(error)
