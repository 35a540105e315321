"""Records as bytes."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.ledger.protocols import Record
from mattegate.ledger.records_codec import (
    Unreadable,
    decode_index,
    decode_record,
    decode_rulebook,
    encode_record,
    encode_rulebook,
    fill,
    needle,
    record_form,
)
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import Facts, Outcome
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.rulebook import NetworkRule, NetworkRules, Rulebook, Tier
from tests.ledger.record_samples import records, refusal


@settings(max_examples=150, deadline=None)
@given(records)
def test_any_record_comes_back_as_it_was(record: Record) -> None:
    """Whatever a record holds, decoding gives it back, on one line, and its id can be searched for in the bytes."""
    data = encode_record(record)
    assert decode_record(data) == record
    assert b"\n" not in data
    assert needle(record.request_id) in data
    index = decode_index(data)
    assert (index.request_id, index.at, index.reason) == (record.request_id, record.at, record.reason)


@settings(max_examples=150, deadline=None)
@given(records, st.floats(0, 1e11), st.floats(0, 1e9))
def test_a_form_filled_in_is_the_record_made_once_more(record: Record, at: float, ms: float) -> None:
    """Whatever a record holds, percent signs and NULs too: id and moments are new, everything else is as it was."""
    request_id = "req_" + "7" * 26
    data = fill(record_form(record), request_id, at=at, ms=ms)
    assert decode_record(data) == record.again(request_id, at=at, ms=ms)
    assert b"\n" not in data
    assert needle(request_id) in data


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_comes_back(code: str) -> None:
    """A record of each reason in the catalogue is decoded to the same reason."""
    assert decode_record(encode_record(refusal(reason=code))).reason == code


def test_layers_that_were_not_asked_cost_their_names_alone() -> None:
    """A refusal's tail is written as a list of names, and comes back as the findings that it stands for."""
    data = json.loads(encode_record(refusal()))
    assert data["skipped"] == ["route", "policy", "rate", "quota", "upload", "capacity", "engine"]
    assert len(data["record"]["findings"]) == len(refusal().findings) - 7
    assert len(encode_record(refusal())) < 1_400


def test_only_a_tail_is_written_so() -> None:
    """A layer that was passed over in the middle stays in its place, and one with more to say keeps it."""
    findings = (
        Finding("host", Effect.SKIPPED),
        Finding("flood", Effect.ALLOW),
        Finding("rate", Effect.SKIPPED),
        Finding("quota", Effect.SKIPPED, detail="nothing to take"),
        Finding("engine", Effect.SKIPPED),
    )
    record = replace(refusal(), findings=findings)
    assert json.loads(encode_record(record))["skipped"] == ["engine"]
    assert decode_record(encode_record(record)) == record


def test_records_that_were_written_at_length_can_be_read() -> None:
    """A line that spells every default and every finding, as earlier lines did, means the same."""
    at_length = json.dumps({"v": 1, "record": msgspec.to_builtins(refusal())}).encode()
    assert decode_record(at_length) == refusal()


def test_what_json_cannot_hold_is_made_storable() -> None:
    """A lone surrogate becomes visible, a number beyond 64 bits the largest there is, a strange object its text."""
    odd = replace(refusal().attempt, path="/\ud800x", declared_bytes=10**30)
    finding = replace(refusal().findings[0], facts={"kind": ValueError("strange"), "tried": ["a", 1]})  # type: ignore[dict-item]
    outcome = Outcome("engine.memory", {"sizes": (1, 2)})  # type: ignore[dict-item]
    strange = replace(refusal(), attempt=odd, findings=(finding,), facts=Facts(outcome=outcome))
    decoded = decode_record(encode_record(strange))
    assert decoded.attempt.path == "/\\ud800x"
    assert decoded.attempt.declared_bytes == 2**63 - 1
    assert decoded.findings[0].facts == {"kind": "strange", "tried": "['a', 1]"}
    assert decoded.facts.outcome == Outcome("engine.memory", {"sizes": "(1, 2)"})


def test_fields_of_the_future_are_passed_over() -> None:
    """A record to which a newer version added fields can still be read."""
    data = json.loads(encode_record(refusal()))
    data["record"]["mood"] = "good"
    data["record"]["attempt"]["altitude"] = {"m": 400}
    assert decode_record(json.dumps(data | {"v": 2}).encode()) == refusal()


def test_a_newer_meaning_is_told_as_such() -> None:
    """What a newer version wrote differently is refused with its version, not read wrongly."""
    data = json.loads(encode_record(refusal()))
    data["record"]["findings"] = "all fine"
    with pytest.raises(Unreadable, match="newer version"):
        decode_record(json.dumps(data | {"v": 9}).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[]", b'{"v":1}', b'{"v":1,"record":null}'])
def test_rubbish_is_unreadable(data: bytes) -> None:
    """Bytes that are no record raise one exception."""
    with pytest.raises(Unreadable):
        decode_record(data)


def test_a_rulebook_comes_back_with_its_revision() -> None:
    """The hash over a decoded rulebook is that of the one that was encoded."""
    rules = NetworkRules(rules=(NetworkRule("203.0.113.0/24", allow=False, shadow=True),))
    rulebook = Rulebook(network=rules, tiers=(Tier("free"),))
    assert decode_rulebook(encode_rulebook(rulebook)) == rulebook
    assert decode_rulebook(encode_rulebook(rulebook)).revision() == rulebook.revision()
