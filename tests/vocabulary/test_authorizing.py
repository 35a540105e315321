"""What is an answer of an authorizer, and what is none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.vocabulary.authorizing import MOST_CONTEXT, MOST_WHY, Answer, NoAnswerError, read_answer

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=80), inner, max_size=20),
    max_leaves=20,
)
ANSWERS = st.fixed_dictionaries(
    {"allow": JSON}, optional={"why": JSON, "context": JSON, "ttl": JSON, "more": JSON}
)  # fmt: skip


def _read(value: Any) -> tuple[str, Answer | None]:
    try:
        return "", read_answer(value)
    except NoAnswerError as error:
        return str(error), None


@given(st.one_of(JSON, ANSWERS))
def test_anything_is_an_answer_or_is_none(value: Any) -> None:
    """Only a plain true allows; what is kept is bounded; and what is none says why without quoting it."""
    problem, answer = _read(value)
    if answer is None:
        assert 0 < len(problem) < 200
        return
    assert answer.allow is (value if isinstance(value, bool) else value["allow"])
    assert len(answer.why) <= MOST_WHY
    assert answer.why.isprintable()
    assert len(answer.context) <= MOST_CONTEXT
    assert all(isinstance(text, str) for pair in answer.context.items() for text in pair)
    assert answer.ttl is None or 0 <= answer.ttl < float("inf")


@pytest.mark.parametrize("value", [True, {"allow": True}, Answer(True), {"allow": True, "why": None, "ttl": None}])
def test_there_are_several_ways_to_allow(value: object) -> None:
    """A plain word, an object, a value of the type."""
    assert read_answer(value) == Answer(True)


@pytest.mark.parametrize("value", [1, "true", None, [], object(), {"allow": 1}, {"Allow": True}, {"allow": None}])
def test_nothing_else_allows(value: object) -> None:
    """Not what is merely taken for true elsewhere."""
    with pytest.raises(NoAnswerError):
        read_answer(value)


def test_its_words_are_made_fit_to_be_read() -> None:
    """Line breaks and controls become blanks; what is too long says so by its last character."""
    assert read_answer({"allow": False, "why": " a\r\nb\x1b[2J "}).why == "a  b [2J"
    long = read_answer({"allow": False, "why": "x" * 300}).why
    assert (len(long), long[-1]) == (200, "…")
