"""What refinement and decontamination do to pictures whose alpha is known, through the running service.

Each composite (:mod:`bench.composites` says what they are) is posted as PNG, once with `refine=none` and once with
`refine=edges`. Against the known alpha stand the mean absolute error and the gradient error (Rhemann et al. 2009:
Gaussian derivatives of sigma 1.4, squared differences of the magnitudes, summed). Told is the mean over all composites
of each composite's own ratio. Composites in which the network did not find the subject, which no refinement can mend
(mean absolute error above 0.1 without it), are left out and counted. Colour error: over the translucent pixels of the
answer, alpha times the distance of its colour from the known foreground, in levels of 255, which is the fringe that is
seen over white, black, green or anything else, beside the same for the picture's own colours. Cost: the `refine` stage
of `Server-Timing` over the whole of the same request, 1.5 MP JPEG to PNG, median.
"""

from __future__ import annotations

import argparse
import io
import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.composites import Composite, Pixels, composites, pairs_in, recipes
from bench.context import CACHE, FULL, QUICK, Bench, Outcome
from bench.http_request import cut_out, median_stages
from bench.inputs import MP_1P5, SUBJECTS, encoded, large_jpeg
from bench.pairs import Spread
from bench.problems import Unmeasurable
from bench.service import Answer, Caller

NAME: Final = "quality"
FIGURES: Final = ("refine_edges_gradient_gain", "refine_edges_error_over_none", "refine_edges_cost")
NOT_FOUND: Final = 0.1
"""Mean absolute error above which the network saw another subject."""
_SIGMA: Final = 1.4
_SUPPORT: Final = 1e-2
"""Where the derivative's tails are cut, as in Rhemann's evaluation script."""
_SAMPLES: Final = 12
"""Composites of a quick run."""


@dataclass(frozen=True, slots=True)
class Score:
    """Errors of one matte against the known alpha (0-1 for the mean, thousands for the gradient)."""

    mean: float
    gradient: float


@dataclass(frozen=True, slots=True)
class Judged:
    """One composite: errors without and with edges refined, and how far colours are from the known ones, in levels."""

    name: str
    group: str
    none: Score
    edges: Score
    colour_error: float | None = None
    colour_error_kept: float | None = None

    @property
    def found(self) -> bool:
        """Whether the network saw the subject at all."""
        return self.none.mean <= NOT_FOUND

    @property
    def gradient_ratio(self) -> float:
        """Gradient error with over without."""
        return self.edges.gradient / max(self.none.gradient, 1e-9)

    @property
    def mean_ratio(self) -> float:
        """Mean absolute error with over without."""
        return self.edges.mean / max(self.none.mean, 1e-9)


def measure(bench: Bench, pairs: Path | None = None) -> Outcome:
    """The figures of :data:`FIGURES`; ``pairs`` is a folder of further photographs with known alpha.

    Raises :class:`Unmeasurable` where the network found no subject in any picture.
    """
    made = composites(_SAMPLES if bench.effort == QUICK else None)
    given = pairs_in(pairs) if pairs else ()
    told, judged = bench.steps(NAME, len(recipes())), list[Judged]()
    with bench.service.caller() as caller:
        for picture in chain(made, given):
            judged.append(judge(picture, caller))
            told(min(len(judged), len(recipes()) - 1))
        cost = _cost(caller, bench.effort.pairs_1p5mp)
    told(len(recipes()))
    counted = [each for each in judged if each.found]
    if not counted:
        raise Unmeasurable("the network found no subject in any of the composites")
    figures = (
        1 - _mean(each.gradient_ratio for each in counted),
        _mean(each.mean_ratio for each in counted),
        cost.median,
    )
    details = {
        "composites": len(counted),
        "left_out": [each.name for each in judged if not each.found],
        "groups": {group: _summary([each for each in counted if each.group == group]) for group in _groups(counted)},
        "cost": cost.as_json(),
        "each": [asdict(each) for each in judged],
    }
    return Outcome(dict(zip(FIGURES, figures, strict=True)), __doc__ or "", details)


def judge(picture: Composite, caller: Caller) -> Judged:
    """Post one picture with and without refinement and compare the answers with what is known."""
    posted = encoded(Image.fromarray(picture.rgb), "PNG", compress_level=1)
    none = _channels(cut_out(caller, posted, media_type="image/png", refine="none", mask="true"))
    refined = _channels(cut_out(caller, posted, media_type="image/png", refine="edges"))
    colours, alpha = refined[..., :3], refined[..., 3]
    scores = score(none, picture.alpha), score(alpha, picture.alpha)
    if picture.foreground is None:
        return Judged(picture.name, picture.group, *scores)
    errors = (colour_error(each, alpha, picture.foreground) for each in (colours, picture.rgb))
    return Judged(picture.name, picture.group, *scores, *errors)


def score(matte: Pixels, truth: Pixels) -> Score:
    """Errors of a matte; both planes are ``(height, width)`` uint8."""
    mean = float(np.abs(matte.astype(np.int16) - truth).mean()) / 255
    gradient = float(((_gradient(matte) - _gradient(truth)) ** 2).sum()) / 1000
    return Score(mean, gradient)


def colour_error(colours: Pixels, alpha: Pixels, foreground: Pixels) -> float:
    """How far colours are from the known foreground where both are seen through, in levels weighted by alpha."""
    seen = (alpha > 0) & (alpha < 255)
    if not seen.any():
        return 0.0
    apart = np.abs(colours[seen].astype(np.float32) - foreground[seen]).mean(-1)
    return float((apart * (alpha[seen] / np.float32(255))).mean())


def _gradient(plane: Pixels) -> NDArray[np.float32]:
    """The magnitude of the plane's gradient on a scale of 0-1, by Gaussian derivatives."""
    half = int(np.ceil(_SIGMA * np.sqrt(-2 * np.log(np.sqrt(2 * np.pi) * _SIGMA * _SUPPORT))))
    at = np.arange(-half, half + 1)
    bell = np.exp(-(at**2) / (2 * _SIGMA**2)) / (_SIGMA * np.sqrt(2 * np.pi))
    kernel = np.outer(bell, -at * bell / _SIGMA**2)
    kernel /= np.sqrt((kernel**2).sum())
    values = plane.astype(np.float32) / 255
    across, down = (cv2.filter2D(values, -1, each, borderType=cv2.BORDER_REPLICATE) for each in (kernel, kernel.T))
    return np.asarray(np.hypot(across, down), np.float32)


def _cost(caller: Caller, count: int) -> Spread:
    """The share of ``refine`` in whole requests."""
    answers = [
        cut_out(caller, large_jpeg(SUBJECTS[number % len(SUBJECTS)], MP_1P5), refine="edges")
        for number in range(count + len(SUBJECTS))
    ]
    return Spread.of([_refining_ms(each) / (each.seconds * 1e3) for each in answers[len(SUBJECTS) :]])


def _refining_ms(answer: Answer) -> float:
    stages = median_stages([answer])
    if "refine" not in stages:
        raise Unmeasurable("the server does not tell how long refinement took")
    return stages["refine"]


def _channels(answer: Answer) -> Pixels:
    with Image.open(io.BytesIO(answer.body)) as image:
        return np.asarray(image)


def _groups(judged: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.group for each in judged))


def _summary(judged: Sequence[Judged]) -> dict[str, float | int | None]:
    coloured = [each for each in judged if each.colour_error is not None]
    return {
        "composites": len(judged),
        "gradient_ratio": round(_mean(each.gradient_ratio for each in judged), 3),
        "mean_ratio": round(_mean(each.mean_ratio for each in judged), 3),
        "colour_error": round(_mean(each.colour_error or 0 for each in coloured), 2) if coloured else None,
        "colour_error_kept": round(_mean(each.colour_error_kept or 0 for each in coloured), 2) if coloured else None,
    }


def _mean(values: Iterable[float]) -> float:
    return statistics.fmean(values)


class _Silent:
    """An observer for whom progress does not matter."""

    def step(self, measurement: str, done: int, of: int) -> None:
        """See :class:`bench.context.Observer`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m bench.quality [--pairs DIR] [--quick] [--home HOME]``: measure and print JSON."""
    parser = argparse.ArgumentParser(prog="bench.quality", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=Path, help="a folder with NAME.png beside NAME_alpha.png, measured as well")
    parser.add_argument("--quick", action="store_true", help="a dozen composites; the figures prove nothing")
    parser.add_argument("--home", type=Path, default=CACHE / "home", help="where the weights lie or are fetched to")
    asked = parser.parse_args(arguments)
    with Bench(asked.home, QUICK if asked.quick else FULL, _Silent()) as bench:
        outcome = measure(bench, asked.pairs)
    print(json.dumps({**outcome.figures, **outcome.details}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
