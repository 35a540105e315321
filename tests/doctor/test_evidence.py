"""One fact in several places is one sentence of evidence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mattegate.doctor.evidence import folded, told


def test_the_same_sentence_of_several_places_is_told_once() -> None:
    """The first place stays, the times are added up, and other sentences keep their order."""
    seen = (told("refused", "a.log:3"), told("closed", "a.log:4"), told("refused", "b.log:9", 4))
    assert folded(seen) == ("refused (a.log:3, seen 5 times)", "closed (a.log:4)")


def test_a_sentence_without_a_place_stays_as_it_is() -> None:
    """Brackets in the middle are no place."""
    assert folded(["nobody (of them) answers", "nobody (of them) answers"]) == ("nobody (of them) answers",)


@given(st.lists(st.text(st.characters(exclude_characters="()"), min_size=1, max_size=20), unique=True, max_size=6))
def test_what_differs_is_never_folded(sentences: list[str]) -> None:
    """Nothing is lost where no two sentences are alike."""
    seen = tuple(told(says, f"x:{line}") for line, says in enumerate(sentences, start=1))
    assert folded(seen) == seen
