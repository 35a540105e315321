"""PNG encoding against Pillow's default, on a fixed set of cut-outs.

The cut-outs: five photographs at 1.5 and at 12 megapixels (:mod:`bench.inputs`), each with a soft-edged matte of a
fixed shape that covers 20 to 70 per cent, colours hidden as the product hides them. For each, `mattegate`'s writer with
as many threads as there are cores and `Image.save("PNG")` with Pillow's defaults encode the same planes in turn, from
arrays to bytes in memory; Pillow gets its RGBA image ready-made. The speed is the median of the pairs' ratios over all
cut-outs, the bytes are the median of the cut-outs' ratios; each pair of files is decoded and compared first.
"""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from bench.inputs import MP_1P5, MP_12, SUBJECTS, Format, large_jpeg
from bench.pairs import Paired, Spread, alternate
from mattegate.cutout.alpha import hide_colours
from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.png import encode_png

NAME: Final = "png_encoding"
_COVERAGES: Final = (0.2, 0.35, 0.45, 0.55, 0.7)


@dataclass(frozen=True, slots=True, eq=False)
class CutoutSample:
    """One cut-out of the set."""

    name: str
    rgb: RGB
    alpha: Plane


@dataclass(frozen=True, slots=True, eq=False)
class _Comparison:
    """What one cut-out showed."""

    name: str
    times: Paired
    bytes_ratio: float


def samples() -> Iterator[CutoutSample]:
    """The fixed set, one at a time."""
    for form in (MP_1P5, MP_12):
        for name, coverage in zip(SUBJECTS, _COVERAGES, strict=True):
            rgb = _pixels(large_jpeg(name, form))
            alpha = soft_matte(form, coverage, seed=sum(name.encode()))
            yield CutoutSample(f"{name}, {form.name}, {coverage:.0%}", hide_colours(rgb, alpha), alpha)


def soft_matte(form: Format, coverage: float, *, seed: int) -> Plane:
    """An irregular subject around the centre with an edge some pixels soft."""
    draw = np.random.default_rng(seed)
    lumps = cv2.resize(draw.normal(size=(6, 8)), (form.width, form.height), interpolation=cv2.INTER_CUBIC)
    y, x = np.ogrid[-1 : 1 : form.height * 1j, -1 : 1 : form.width * 1j]
    field = (0.35 * lumps - 1.5 * (x * x + y * y)).astype(np.float32)
    edge = 0.02  # of the field's range: about 10 pixels at 1.5 megapixels
    level = np.quantile(field[::8, ::8], 1 - coverage)
    return np.asarray(np.clip((field - level) / edge + 0.5, 0, 1) * 255, np.uint8)


def measure(pairs: int = 5, progress: Callable[[str], None] = lambda _: None) -> dict[str, object]:
    """The figures ``png_speed_vs_pillow`` and ``png_bytes_vs_pillow`` with their method and what they are made of."""
    threads = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    found = []
    for sample in samples():
        progress(sample.name)
        found.append(_compare(sample, threads, pairs))
    speeds = [ratio for one in found for ratio in _ratios(one.times)]
    return {
        "png_speed_vs_pillow": Spread.of(speeds).median,
        "png_bytes_vs_pillow": Spread.of([one.bytes_ratio for one in found]).median,
        "method": __doc__,
        "threads": threads,
        "speed": Spread.of(speeds).as_json(),
        "bytes": Spread.of([one.bytes_ratio for one in found]).as_json(),
        "cutouts": [_told(one) for one in found],
    }


def _compare(sample: CutoutSample, threads: int, pairs: int) -> _Comparison:
    image = Image.fromarray(np.dstack([sample.rgb, sample.alpha]))
    ours, theirs = _ours(sample, threads), _pillows(image)
    _require_equal(b"".join(ours), theirs)
    times = alternate(
        lambda _: _seconds(lambda: _ours(sample, threads)), lambda _: _seconds(lambda: _pillows(image)), pairs=pairs
    )
    return _Comparison(sample.name, times, sum(map(len, ours)) / len(theirs))


def _ours(sample: CutoutSample, threads: int) -> Sequence[bytes | memoryview]:
    return encode_png(sample.rgb, sample.alpha, threads=threads)


def _pillows(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _require_equal(ours: bytes, theirs: bytes) -> None:
    first, second = (_pixels(data) for data in (ours, theirs))
    if not np.array_equal(first, second):
        raise ValueError("the two files decode differently")


def _pixels(data: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image)


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _ratios(times: Paired) -> list[float]:
    return [theirs / ours for ours, theirs in zip(times.first, times.second, strict=True)]


def _told(one: _Comparison) -> dict[str, object]:
    return {
        "name": one.name,
        "speed": round(one.times.inverse_ratio.median, 1),
        "bytes": round(one.bytes_ratio, 3),
        "ms": round(Spread.of(one.times.first).median * 1e3, 1),
        "pillow_ms": round(Spread.of(one.times.second).median * 1e3),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
