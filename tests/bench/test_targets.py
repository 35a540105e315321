"""What is promised, and how a figure is judged by it."""

from __future__ import annotations

import pytest

from bench.plan import MEASUREMENTS
from bench.targets import BY_KEY, TARGETS, Target, Verdict

PUBLISHED = (
    "request_over_inference_1p5mp", "rembg_throughput_1p5mp", "rembg_throughput_12mp", "png_speed_vs_pillow",
    "png_bytes_vs_pillow", "two_clients_over_one", "decision_us", "refused_over_empty", "gate_added_ms",
)  # fmt: skip
"""The keys that programs may rely on."""


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (1.10, Verdict.GOAL),
        (1.15, Verdict.GOAL),
        (1.20, Verdict.MET),
        (1.26, Verdict.MISSED),
        (None, Verdict.NOT_TAKEN),
    ],
)
def test_judging_at_most(value: float | None, verdict: Verdict) -> None:
    """Where less is better, the bounds themselves still count as reached."""
    assert Target("k", "t", must=1.25, goal=1.15).judge(value) is verdict


def test_judging_at_least() -> None:
    """Where more is better; and without a must the figure is only told."""
    target = Target("k", "t", must=5.0, goal=6.5, at_most=False)
    assert [target.judge(value) for value in (6.5, 5.0, 4.9)] == [Verdict.GOAL, Verdict.MET, Verdict.MISSED]
    assert Target("k", "t").judge(3.0) is Verdict.TOLD


def test_every_published_key_is_promised() -> None:
    """A key that programs rely on is always in the answer."""
    assert set(PUBLISHED) <= set(BY_KEY)
    assert len(BY_KEY) == len(TARGETS)


def test_every_promise_is_measured_or_says_why_not() -> None:
    """Each target belongs to exactly one measurement, or stands among those that cannot be measured yet."""
    measured = [figure for each in MEASUREMENTS for figure in each.figures]
    assert sorted(measured) == sorted(BY_KEY)
