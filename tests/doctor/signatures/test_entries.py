"""Every signature of every file: recognises its samples through the real readers, and keeps the rules of honesty."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from string import Formatter

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.signatures import Matcher, Sample, Signature, signatures
from tests.doctor.signatures.regexes import nested_quantifier
from tests.doctor.signatures.samples import observations

_SAMPLES = [
    pytest.param(signature, sample, id=f"{signature.id}[{number}]")
    for signature in signatures()
    for number, sample in enumerate(signature.samples)
]
_HOSTILE = ("a" * 16_384, '"' * 16_384, "\\" * 16_383, "\n" * 16_384, "[a " * 5_461, "ab: " * 4_096, "<center>" * 2_048)


@cache
def _matcher() -> Matcher:
    return Matcher()


def _clues(sample: Sample) -> Iterator[Clue]:
    for seen in observations(sample):
        yield from _matcher().clues(seen)


@pytest.mark.parametrize(("signature", "sample"), _SAMPLES)
def test_a_signature_recognises_its_sample(signature: Signature, sample: Sample) -> None:
    """The sample is read by the real reader, and the signature is among those that fit."""
    found = [clue.origin for clue in _clues(sample)]
    assert f"signature {signature.id}" in found, observations(sample)


@pytest.mark.parametrize(("signature", "sample"), _SAMPLES)
def test_nobody_else_claims_to_prove_another_cause(signature: Signature, sample: Sample) -> None:
    """What one signature knows for its cause, none proves for another."""
    proven = {clue.cause for clue in _clues(sample) if clue.certainty is Certainty.PROVEN}
    assert proven <= {signature.cause}


@pytest.mark.parametrize(("signature", "sample"), _SAMPLES)
def test_a_clue_fills_the_title_of_its_cause(signature: Signature, sample: Sample) -> None:
    """No finding is told with a gap in its sentence."""
    title = causes()[signature.cause].title
    needed = {name for _, name, _, _ in Formatter().parse(title) if name}
    (clue, *_) = (clue for clue in _clues(sample) if clue.origin == f"signature {signature.id}")
    assert needed <= clue.facts.keys()


@pytest.mark.parametrize("signature", signatures(), ids=lambda signature: signature.id)
def test_causes_exist(signature: Signature) -> None:
    """A signature points to a cause of the catalogue."""
    assert signature.cause in causes()


@pytest.mark.parametrize("signature", signatures(), ids=lambda signature: signature.id)
def test_certainty_is_honest(signature: Signature) -> None:
    """What was not seen with a version is never proven, and what is only possible says what would tell it apart."""
    assert signature.verified or signature.certainty is not Certainty.PROVEN
    assert signature.tell_apart or signature.certainty is not Certainty.POSSIBLE
    assert signature.cite


@pytest.mark.parametrize("signature", signatures(), ids=lambda signature: signature.id)
def test_patterns_are_linear(signature: Signature) -> None:
    """No pattern repeats a repetition, and hostile texts of the longest size are through at once."""
    for pattern in (*signature.match.patterns, *signature.match.none):
        assert not nested_quantifier(pattern.regex.pattern), pattern.regex.pattern
        for text in _HOSTILE:
            pattern.regex.search(text)


def test_enough_is_known() -> None:
    """At least 170 looks of at least 30 programs and services."""
    entries = signatures()
    assert len(entries) >= 170
    assert len({entry.source for entry in entries}) >= 30
