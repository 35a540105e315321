"""Records and rulebooks as bytes: versioned JSON, readable for as long as a newer reader only adds fields.

Rules of this file: what is encoded can be decoded again; a text that UTF-8 cannot hold and a number that JSON readers
cannot hold are made storable rather than refused, because a request must not go unrecorded for what it contains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeVar

import msgspec

from mattegate.ledger.protocols import Record
from mattegate.vocabulary.facts import Plain
from mattegate.vocabulary.rulebook import Rulebook

_T = TypeVar("_T")

VERSION: Final = 1
"""Raised when a field changes its meaning; new fields with defaults need no new version."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})
_LARGEST: Final = 2**63 - 1


class Unreadable(Exception):  # noqa: N818 - the state of what is stored
    """Stored bytes are not a record (any more), or one of a newer version."""


@dataclass(frozen=True, slots=True)
class Index:
    """What the store sorts records by."""

    request_id: str
    at: float
    revision: str
    status: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _StoredRecord:
    v: int
    record: Record


@dataclass(frozen=True, slots=True)
class _StoredIndex:
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
    return _encode(_StoredRecord(VERSION, record if _is_plain(record) else _made_plain(record)))


def decode_record(data: bytes) -> Record:
    """The record that was encoded; fields of newer versions are passed over.

    Raises :class:`Unreadable`.
    """
    return _decode(_RECORDS, data).record


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


def _is_plain(record: Record) -> bool:
    """Whether every fact has a type that the decoder will take."""
    outcome = record.facts.outcome
    if outcome is not None and outcome.facts and not _PLAIN.issuperset(map(type, outcome.facts.values())):
        return False
    return all(not finding.facts or _PLAIN.issuperset(map(type, finding.facts.values())) for finding in record.findings)


def _made_plain(record: Record) -> Record:
    """The record with the text of whatever stands among its facts and should not."""
    findings = tuple(replace(finding, facts=_texts(finding.facts)) for finding in record.findings)
    outcome = record.facts.outcome
    if outcome is not None:
        outcome = replace(outcome, facts=_texts(outcome.facts))
    return replace(record, findings=findings, facts=replace(record.facts, outcome=outcome))


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
