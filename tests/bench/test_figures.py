"""From what a server and a peer answer to figures: the small arithmetic of the measurements."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest

from bench.http_request import median_stages
from bench.memory import thirds, watched
from bench.parity import difference
from bench.problems import Unmeasurable
from bench.service import Answer


def answer(timing: str) -> Answer:
    """A success with that ``Server-Timing``."""
    return Answer(200, {"server-timing": timing}, b"", 0.1)


def test_stages_are_medians_in_their_order() -> None:
    """Each name that ``Server-Timing`` lists, in milliseconds; entries without a duration are passed over."""
    answers = [answer("decode;dur=1.0, infer;dur=10"), answer("decode;dur=3.0, infer;dur=20, cached"), answer("")]
    answers.append(answer('decode;desc="x";dur=8.0, infer;dur=60'))
    assert list(median_stages(answers).items()) == [("decode", 3.0), ("infer", 20.0)]


def test_difference_of_masks() -> None:
    """The mean over all pixels and the greatest of any, in levels, whichever mask is the brighter."""
    ours, theirs = np.zeros((2, 4), np.uint8), np.zeros((2, 4), np.uint8)
    ours[0, 0], theirs[1, 1] = 3, 255
    found = difference("x", ours, theirs)
    assert (found.mean, found.greatest) == (258 / 8, 255)
    assert (found.width, found.height, found.coverage) == (4, 2, 1 / 8)


def test_masks_of_different_shapes_are_no_parity() -> None:
    """A mask that lost its orientation must not be compared by broadcasting."""
    with pytest.raises(Unmeasurable, match="our mask is"):
        difference("x", np.zeros((2, 4), np.uint8), np.zeros((4, 2), np.uint8))


def test_growth_compares_first_and_last_third() -> None:
    """The middle third says nothing about growth."""
    first, last = thirds([1, 2, 3, 100, 100, 100, 4, 5, 6])
    assert (first.median, last.median) == (2, 5)


def test_watching_sees_this_process() -> None:
    """The peak is that of the tree while the block ran."""
    with watched(os.getpid(), every_s=0.01) as peak:
        deadline = time.monotonic() + 20
        while peak.megabytes == 0 and time.monotonic() < deadline:
            time.sleep(0.01)
    assert peak.megabytes > 5
