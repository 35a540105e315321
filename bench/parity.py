"""How far our masks in the `rembg` profile are from rembg's own.

The same bytes go to a running `mattegate serve` (`mask=true`, `numerics=rembg`, PNG) and to `rembg.remove(…,
only_mask=True)` with the same weights. Told in levels of 255: the mean over all pixels of one picture, of which the
worst picture counts, and the greatest difference of any pixel. The figures are over real photographs; odd forms of
one (EXIF-rotated, greyscale, palette, RGBA, CMYK) stand apart in the details.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.context import Bench, Outcome
from bench.http_request import cut_out
from bench.inputs import Sample, parity_samples
from bench.problems import Unmeasurable
from bench.service import Caller

NAME = "parity"


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of two masks of one picture, in levels of 255.

    ``width`` and ``height`` are those of the masks, ``coverage`` the mean of rembg's, 0 to 1: masks of nothing agree
    without effort.
    """

    name: str
    photograph: bool
    width: int
    height: int
    coverage: float
    mean: float
    greatest: int


def measure(bench: Bench) -> Outcome:
    """The figures ``parity_mean_<model>`` and ``parity_max_<model>``."""
    samples = tuple(parity_samples())
    models = bench.effort.parity_models
    told = bench.steps(NAME, len(samples) * len(models))
    found: dict[str, list[Difference]] = {model: [] for model in models}
    with bench.service.caller() as caller:
        for number, (model, sample) in enumerate(product(models, samples), 1):
            found[model].append(_compared(bench, caller, model, sample))
            told(number)
    figures = {key: value for model in models for key, value in _worst(model, found[model]).items()}
    details = {model: [asdict(each) for each in found[model]] for model in models}
    left_out = {"u2netp", "u2net"} - set(models)
    reasons = {f"parity_{what}_{model}": "left out of a quick run" for model in left_out for what in ("mean", "max")}
    return Outcome(figures, __doc__ or "", details, reasons)


def difference(name: str, ours: NDArray[np.uint8], theirs: NDArray[np.uint8], *, photograph: bool = True) -> Difference:
    """Compare two masks, shape ``(height, width)``. Raises :class:`Unmeasurable` where their shapes differ."""
    if ours.shape != theirs.shape:
        raise Unmeasurable(f"{name}: our mask is {ours.shape}, rembg's {theirs.shape}")
    apart = np.abs(ours.astype(np.int16) - theirs.astype(np.int16))
    height, width = ours.shape
    coverage = round(float(theirs.mean()) / 255, 4)
    return Difference(name, photograph, width, height, coverage, round(float(apart.mean()), 5), int(apart.max()))


def _worst(model: str, differences: Sequence[Difference]) -> dict[str, float]:
    photographs = [each for each in differences if each.photograph]
    return {
        f"parity_mean_{model}": max(each.mean for each in photographs),
        f"parity_max_{model}": max(each.greatest for each in photographs),
    }


def _compared(bench: Bench, caller: Caller, model: str, sample: Sample) -> Difference:
    image, out = bench.file("parity-in", sample.data), bench.scratch / "parity-out.png"
    answer = cut_out(caller, sample.data, model=model, mask="true", numerics="rembg")
    bench.peer.remove(model, image, out=out, mask=True)
    return difference(sample.name, _mask(answer.body), _mask(out.read_bytes()), photograph=sample.photograph)


def _mask(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        if image.mode != "L":
            raise Unmeasurable(f"a mask came as {image.mode}")
        return np.asarray(image)
