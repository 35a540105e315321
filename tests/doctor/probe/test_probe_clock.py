"""Stories of clocks: a difference is told with its bounds, or not at all."""

from __future__ import annotations

from email.utils import formatdate

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.probe.clock import clock_clue, skew_of

NOW = 1_780_000_000.25


def answered(
    date: str, *more: tuple[str, str], status: int = 200, sent: tuple[tuple[str, str], ...] = ()
) -> Observation:
    """An answer that took half a second."""
    return Observation(
        "exchange", Place("probe"), at=NOW, host="a.example", status=status, fields={"took_ms": "500"},
        request_headers=sent, response_headers=(("date", date), *more),
    )  # fmt: skip


def test_the_bounds_hold_what_the_network_and_whole_seconds_hide() -> None:
    """The true difference, here ten seconds, lies within them."""
    skew = skew_of(answered(formatdate(int(NOW) + 10, usegmt=True)))
    assert skew is not None
    assert skew.least <= 10 <= skew.most
    assert skew.most - skew.least == pytest.approx(1.5)
    assert not skew.notable


def test_more_than_a_minute_is_a_clue_and_for_what_is_signed_a_likely_one() -> None:
    """Ahead and behind; certain bounds only."""
    late, signed = formatdate(int(NOW) - 400, usegmt=True), (("authorization", "AWS4-HMAC-SHA256 Credential=…"),)
    plain, refused = clock_clue(answered(late)), clock_clue(answered(late, status=403, sent=signed))
    assert plain is not None
    assert plain.certainty is Certainty.POSSIBLE
    assert "behind" in plain.evidence[0]
    assert refused is not None
    assert refused.certainty is Certainty.LIKELY
    assert clock_clue(answered(formatdate(int(NOW) + 60, usegmt=True))) is None


@pytest.mark.parametrize(
    "seen",
    [
        answered("yesterday"),
        answered(formatdate(0), ("age", "12")),
        answered(formatdate(0), ("x-cache", "Hit from cloudfront")),
        answered("Mon, 99 Foo 99999 99:99:99 GMT"),
    ],
)
def test_what_measures_nothing_says_nothing(seen: Observation) -> None:
    """Nonsense, and answers out of a cache."""
    assert skew_of(seen) is None
