"""Photographs with known alpha: subjects of real photographs, cut along an outline and laid over other photographs.

What they are, exactly. Five subjects are cut from photographs that scikit-image ships, along outlines drawn by hand
inside the subject's own; each is given three kinds of edge:

* ``sharp``: the outline, anti-aliased;
* ``soft``: as if out of focus, the outline blurred by a Gaussian of 0.35 % of the longer side;
* ``hair``: some 1,500 curved, tapering strands of one to two pixels that grow out of the outline.

Outside the outline the subject's colour is that of the nearest pixel inside. Subject and background are enlarged to
1.5 megapixels with Lanczos, mixed as ``alpha * foreground + (1 - alpha) * background``, and the mixture is given the
noise of a sensor (sigma 2, fixed seed). So alpha and foreground are known to the bit, colours and textures are
photographs', and the strands are drawn, not photographed. Other pairs can be added from a folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.inputs import MP_1P5, photograph
from bench.problems import Unmeasurable

Pixels = NDArray[np.uint8]
Points = NDArray[np.float64]

WIDTH: Final = MP_1P5.width
HEIGHT: Final = MP_1P5.height
KINDS: Final = ("sharp", "soft", "hair")
BACKGROUNDS: Final = ("rocket", "grass", "motorcycle_left", "brick", "hubble_deep_field", "gravel")
_BACKGROUNDS_EACH: Final = 3
_NOISE_SIGMA: Final = 2.0
_SOFT_SIGMA: Final = 0.0035 * WIDTH
_STRANDS: Final = 1500
_LENGTHS: Final = (0.01, 0.045)
"""Shortest and longest strand as a share of the longer side."""
_FINENESS: Final = 3
"""Strands are drawn this many times as large and averaged down."""

# Corners in per cent of the photograph's width and height.
# fmt: off
_OUTLINES: Final = {
    "astronaut": ((31, 20), (30, 12), (34, 5), (42, 3), (52, 4), (58, 10), (58, 18), (55, 25), (53, 31), (58, 38),
                  (61, 47), (67, 53), (70, 62), (72, 67), (82, 68), (92, 74), (97, 86), (98, 99), (4, 99), (5, 84),
                  (8, 66), (10, 50), (20, 41), (25, 32), (34, 29), (35, 25)),
    "camera": ((32, 20), (36, 14), (41, 12), (47, 15), (52, 20), (52, 26), (62, 28), (62, 36), (58, 40), (58, 53),
               (48, 60), (40, 58), (28, 75), (29, 99), (2, 99), (2, 50), (8, 42), (14, 29), (25, 24)),
    "chelsea": ((12, 22), (18, 8), (30, 2), (55, 2), (70, 4), (80, 14), (82, 28), (80, 42), (76, 60), (72, 74),
                (66, 88), (55, 96), (42, 98), (25, 90), (14, 75), (9, 55), (8, 36)),
    "coffee": ((46, 5), (60, 8), (68, 18), (70, 26), (76, 40), (79, 55), (77, 70), (70, 85), (58, 94), (46, 97),
               (32, 93), (20, 82), (14, 66), (13, 52), (18, 36), (27, 24), (30, 12), (38, 6)),
    "retina": ((50, 3), (74, 10), (90, 26), (97, 50), (90, 74), (74, 90), (50, 97), (26, 90), (10, 74), (3, 50),
               (10, 26), (26, 10)),
}
# fmt: on
SUBJECTS: Final = tuple(_OUTLINES)


@dataclass(frozen=True, slots=True, eq=False)
class Composite:
    """A picture whose alpha is known; ``foreground`` is ``None`` where only alpha is.

    ``rgb`` and ``foreground`` are ``(height, width, 3)``, ``alpha`` ``(height, width)``, all uint8.
    """

    name: str
    group: str
    rgb: Pixels
    alpha: Pixels
    foreground: Pixels | None = None


@dataclass(frozen=True, slots=True)
class Recipe:
    """Which subject, with which kind of edge, over which background."""

    subject: str
    kind: str
    background: str
    seed: int


def recipes() -> tuple[Recipe, ...]:
    """Every subject with every kind of edge over three backgrounds each: 45."""
    return tuple(
        Recipe(subject, kind, BACKGROUNDS[seed % len(BACKGROUNDS)], seed)
        for (number, subject), (turn, kind) in product(enumerate(SUBJECTS), enumerate(KINDS))
        for seed in range((number + turn) * _BACKGROUNDS_EACH, (number + turn + 1) * _BACKGROUNDS_EACH)
    )


def composites(count: int | None = None) -> Iterator[Composite]:
    """All of them, or about ``count``, spread over subjects and kinds."""
    chosen = recipes()
    for recipe in chosen[:: max(1, len(chosen) // count) if count else 1]:
        alpha, foreground = _cut(recipe.subject, recipe.kind)
        rgb = _noisy(mixed(foreground, alpha, _covering(recipe.background)), recipe.seed)
        yield Composite(
            f"{recipe.subject}, {recipe.kind}, over {recipe.background}", recipe.kind, rgb, alpha, foreground
        )


def pairs_in(folder: Path) -> Iterator[Composite]:
    """The photographs ``NAME.png`` in a folder that have their alpha beside them as ``NAME_alpha.png``.

    Raises :class:`Unmeasurable` where the two differ in size.
    """
    for file in sorted(folder.glob("*_alpha.png")):
        name = file.stem.removesuffix("_alpha")
        rgb = _pixels(folder / f"{name}.png", "RGB")
        alpha = _pixels(file, "L")
        if rgb.shape[:2] != alpha.shape:
            raise Unmeasurable(f"{file} is not of the size of its photograph")
        yield Composite(name, "given", rgb, alpha)


def mixed(foreground: Pixels, alpha: Pixels, background: Pixels) -> Pixels:
    """``foreground`` over ``background``, rounded."""
    share = alpha[..., np.newaxis].astype(np.float32) / 255
    return np.rint(foreground * share + background * (1 - share)).astype(np.uint8)


# --- outlines and edges ----------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def _cut(subject: str, kind: str) -> tuple[Pixels, Pixels]:
    """Alpha and foreground of a subject."""
    outline, picture = _placed(subject)
    filled = _filled(outline)
    return _alpha(outline, filled, kind, seed=SUBJECTS.index(subject)), _spread(picture, filled)


def _placed(subject: str) -> tuple[Points, Pixels]:
    """The outline of a subject in pixels of the picture, and its photograph at that place."""
    image = photograph(subject).convert("RGB")
    scale = 0.92 * HEIGHT / image.height
    size = round(image.width * scale), round(image.height * scale)
    canvas = Image.new("RGB", (WIDTH, HEIGHT))
    corner = (WIDTH - size[0]) // 2, HEIGHT - size[1]
    canvas.paste(image.resize(size, Image.Resampling.LANCZOS), corner)
    outline = np.array(_OUTLINES[subject]) / 100 * size + corner
    return _rounded(outline), np.asarray(canvas)


def _rounded(corners: Points) -> Points:
    """The polygon with its corners cut four times (Chaikin), which makes it a smooth curve."""
    for _ in range(4):
        following = np.roll(corners, -1, axis=0)
        corners = np.stack([0.75 * corners + 0.25 * following, 0.25 * corners + 0.75 * following], axis=1).reshape(
            -1, 2
        )
    return corners


def _alpha(outline: Points, filled: Pixels, kind: str, *, seed: int) -> Pixels:
    if kind == "soft":
        return np.asarray(cv2.GaussianBlur(filled, (0, 0), _SOFT_SIGMA), np.uint8)
    return np.maximum(filled, _strands(outline, seed)) if kind == "hair" else filled


def _filled(outline: Points, fineness: int = 4) -> Pixels:
    """The inside of the outline, anti-aliased."""
    large = np.zeros((HEIGHT * fineness, WIDTH * fineness), np.uint8)
    cv2.fillPoly(large, [np.rint(outline * fineness).astype(np.int32)], 255)
    return np.asarray(cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _strands(outline: Points, seed: int) -> Pixels:
    """Hair that grows out of the outline: curved, tapering, crossing; 8-bit coverage."""
    draw = np.random.default_rng(seed)
    large = np.zeros((HEIGHT * _FINENESS, WIDTH * _FINENESS), np.uint8)
    lengths = draw.uniform(*_LENGTHS, _STRANDS) * WIDTH
    for number, length in zip(draw.integers(0, len(outline), _STRANDS), lengths, strict=True):
        ahead = outline[(number + 1) % len(outline)] - outline[number]
        root = outline[number] + draw.uniform(0, 1) * ahead
        outward = np.array([ahead[1], -ahead[0]]) / max(float(np.hypot(*ahead)), 1e-9)
        _draw_strand(large, root, outward + draw.normal(0, 0.45, 2), float(length), draw.normal(0, 0.4))
    return np.asarray(cv2.resize(large, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


def _draw_strand(large: Pixels, root: Points, along: Points, length: float, bend: float) -> None:
    """One strand, from two pixels at its root to less than one at its tip."""
    steps = np.linspace(-0.2, 1, 9)[:, np.newaxis]
    across = np.array([-along[1], along[0]])
    path = np.rint((root + length * (steps * along + bend * steps**2 * across)) * _FINENESS).astype(np.int32)
    half = len(path) // 2
    cv2.polylines(large, [path[: half + 1]], False, 255, thickness=2 * _FINENESS, lineType=cv2.LINE_AA)
    cv2.polylines(large, [path[half:]], False, 255, thickness=_FINENESS, lineType=cv2.LINE_AA)


# --- colours ---------------------------------------------------------------------------------------------------


def _spread(picture: Pixels, inside: Pixels) -> Pixels:
    """The picture with every pixel that is not wholly inside replaced by the nearest one that is."""
    outside = np.asarray(cv2.erode(inside, np.ones((5, 5), np.uint8)) < 255, np.uint8)
    _, nearest = cv2.distanceTransformWithLabels(outside, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    colours = np.zeros((int(nearest.max()) + 1, 3), np.uint8)
    colours[nearest[outside == 0]] = picture[outside == 0]
    return np.asarray(colours[nearest])


def _covering(name: str) -> Pixels:
    """The middle of a photograph at the composite's size."""
    image = photograph(name).convert("RGB")
    scale = max(WIDTH / image.width, HEIGHT / image.height)
    width, height = WIDTH / scale, HEIGHT / scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (left, top, left + width, top + height)
    return np.asarray(image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box))


def _noisy(rgb: Pixels, seed: int) -> Pixels:
    noise = np.random.default_rng(seed).normal(0, _NOISE_SIGMA, rgb.shape).astype(np.float32)
    return np.asarray(np.rint(rgb + noise).clip(0, 255), np.uint8)


def _pixels(file: Path, mode: str) -> Pixels:
    with Image.open(file) as image:
        return np.asarray(image.convert(mode))
