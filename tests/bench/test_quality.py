"""Composites with known alpha, and the errors that are measured on them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from bench.composites import KINDS, SUBJECTS, composites, mixed, pairs_in, recipes
from bench.problems import Unmeasurable
from bench.quality import Judged, Score, colour_error, score


def square(side: int = 60) -> np.ndarray:
    """The alpha of a hard square."""
    alpha = np.zeros((side, side), np.uint8)
    alpha[20:40, 20:40] = 255
    return alpha


def test_there_are_enough_composites() -> None:
    """More than thirty, each its own, and every subject with every kind of edge."""
    every = recipes()
    assert len({(each.subject, each.kind, each.background) for each in every}) == len(every) >= 30
    assert {(each.subject, each.kind) for each in every} == {(s, k) for s in SUBJECTS for k in KINDS}


def test_composites_are_what_they_say() -> None:
    """Where alpha is 255 the picture is the foreground, up to the noise; the same call gives the same pixels."""
    (first,), (again,) = list(composites(1))[:1], list(composites(1))[:1]
    assert first.foreground is not None
    inside = first.alpha == 255
    assert 0.1 < inside.mean() < 0.9
    assert np.abs(first.rgb[inside].astype(int) - first.foreground[inside]).mean() < 3
    assert np.array_equal(first.rgb, again.rgb)


def test_perfect_mattes_have_no_error() -> None:
    """The known alpha scores zero; a blurred one worse, a more blurred one worse still."""
    alpha = square()
    blurred = [score(np.asarray(cv2.GaussianBlur(alpha, (0, 0), sigma)), alpha) for sigma in (1, 4)]
    assert score(alpha, alpha) == Score(0, 0)
    assert 0 < blurred[0].mean < blurred[1].mean
    assert 0 < blurred[0].gradient < blurred[1].gradient


def test_mean_error_is_a_share() -> None:
    """All wrong is 1."""
    assert score(np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)).mean == 1


def test_colour_error_counts_what_is_seen_through() -> None:
    """Only translucent pixels count, and by their alpha."""
    alpha = np.array([[0, 51, 255]], np.uint8)
    colours, known = np.full((1, 3, 3), 110, np.uint8), np.full((1, 3, 3), 100, np.uint8)
    assert colour_error(colours, alpha, known) == pytest.approx(10 * 0.2)
    assert colour_error(colours, np.array([[0, 255, 255]], np.uint8), known) == 0


def test_mixing_at_the_ends() -> None:
    """Alpha 255 is the foreground, 0 the background."""
    foreground, background = np.full((1, 2, 3), 200, np.uint8), np.full((1, 2, 3), 10, np.uint8)
    assert mixed(foreground, np.array([[255, 0]], np.uint8), background)[0, :, 0].tolist() == [200, 10]


def test_ratios_and_found() -> None:
    """What is told is after over before; a subject that the network missed is no case for refinement."""
    judged = Judged("x", "sharp", Score(0.02, 10), Score(0.01, 4))
    assert (judged.mean_ratio, judged.gradient_ratio, judged.found) == (0.5, 0.4, True)
    assert not Judged("x", "sharp", Score(0.3, 10), Score(0.3, 9)).found


def test_pairs_from_a_folder(tmp_path: Path) -> None:
    """A photograph with its alpha beside it is taken; sizes that differ are refused."""
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(tmp_path / "cat.png")
    Image.fromarray(np.full((5, 6), 9, np.uint8)).save(tmp_path / "cat_alpha.png")
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(tmp_path / "alone.png")
    (pair,) = pairs_in(tmp_path)
    assert (pair.name, pair.rgb.shape, int(pair.alpha[0, 0])) == ("cat", (5, 6, 3), 9)
    Image.fromarray(np.zeros((5, 5, 3), np.uint8)).save(tmp_path / "cat.png")
    with pytest.raises(Unmeasurable, match="size"):
        list(pairs_in(tmp_path))
