"""The catalogue of reasons holds together."""

from __future__ import annotations

import pickle
import string

import pytest

from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import Refusal


class _AnyFacts(dict[str, object]):
    """Facts that answer every placeholder with a number, which every format specification accepts."""

    def __missing__(self, key: str) -> object:
        return 1


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS)
def test_every_entry_is_complete(reason: Reason) -> None:
    """A reason has a title, a sentence that ends, a remedy, a log line and an error type."""
    assert 400 <= reason.status < 600
    assert reason.title
    assert not reason.title.endswith(".")
    for text in (reason.sentence, reason.remedy, reason.operator):
        assert string.Formatter().vformat(text, (), _AnyFacts())
    assert reason.sentence.endswith("."), reason.sentence
    assert reason.error_type.endswith("Exception")
    passes = reason.status == 503 and reason.layer in {"capacity", "engine", "dependency"}
    assert (reason.retry_after_s is not None) == (passes or reason.code == "idempotency.in_progress")


def test_anchors_are_unique() -> None:
    """Every public code has its own section in the documentation."""
    anchors = {reason.anchor for reason in REASONS.values()}
    assert len(anchors) == len({reason.public for reason in REASONS.values()})


def test_a_refusal_tells_its_facts_and_survives_a_process_boundary() -> None:
    """What a worker refuses reads the same in the server."""
    refusal = Refusal("upload.pixels", width=9000, height=9000, megapixels=81.0, limit_mp=50.0)
    assert refusal.detail == "The image is 9000 × 9000 = 81.0 megapixels; the limit is 50."
    copy = pickle.loads(pickle.dumps(refusal))
    assert (copy.reason, copy.facts, copy.detail) == (refusal.reason, refusal.facts, refusal.detail)


def test_an_unknown_code_is_a_bug() -> None:
    """Only the catalogue's codes can be refused with."""
    with pytest.raises(KeyError):
        Refusal("upload.never_heard_of")
