"""The photographs that speed and parity are measured with.

They are the real ones that scikit-image ships in its wheel. Those are small, so the large ones are cut to 3:2 or 4:3,
enlarged with Lanczos, and given the noise of a sensor (luminance sigma 2.5, chrominance half of it, fixed seed),
because an enlarged picture without noise compresses unnaturally well; then JPEG at quality 90.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

SUBJECTS: Final = ("astronaut", "chelsea", "coffee", "rocket", "motorcycle_left")
"""Photographs with a subject, in colour."""
OTHERS: Final = ("motorcycle_right", "camera", "coins", "retina", "hubble_deep_field")
"""Photographs without one, or in grey: the network's answer is faint there, which tests the stretching."""
JPEG_QUALITY: Final = 90
_NOISE_SIGMA: Final = 2.5


@dataclass(frozen=True, slots=True)
class Format:
    """A size of photograph; sides in pixels."""

    name: str
    width: int
    height: int

    @property
    def megapixels(self) -> float:
        """Millions of pixels."""
        return self.width * self.height / 1e6


MP_1P5: Final = Format("1.5 MP", 1500, 1000)
MP_12: Final = Format("12 MP", 4000, 3000)


@dataclass(frozen=True, slots=True)
class Sample:
    """One encoded picture and whether it is an ordinary photograph or an odd form of one."""

    name: str
    data: bytes
    photograph: bool = True


def photograph(name: str) -> Image.Image:
    """The photograph as scikit-image ships it."""
    import skimage  # noqa: PLC0415 - a heavy import, and only for where its files lie

    folder = Path(skimage.__file__).parent / "data"
    file = next(path for path in sorted(folder.glob(f"{name}.*")) if path.suffix in {".png", ".jpg"})
    with Image.open(file) as image:
        image.load()
        return image


@cache
def large_jpeg(name: str, form: Format) -> bytes:
    """The photograph at that size, as JPEG."""
    enlarged = _cut(photograph(name).convert("RGB"), form).resize((form.width, form.height), Image.Resampling.LANCZOS)
    seed = sum(name.encode()) + form.width
    return encoded(Image.fromarray(_noisy(np.asarray(enlarged), seed)), "JPEG", quality=JPEG_QUALITY)


def encoded(image: Image.Image, kind: str, **how: object) -> bytes:
    """The picture in a format of Pillow."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **how)
    return buffer.getvalue()


def parity_samples() -> Iterator[Sample]:
    """Real photographs first (landscape, square and portrait), then the odd forms in which pictures also come."""
    for name in (*SUBJECTS, *OTHERS):
        yield Sample(name, encoded(photograph(name).convert("RGB"), "PNG"))
    yield Sample("coffee, 1.5 MP jpeg", large_jpeg("coffee", MP_1P5))
    yield Sample("rocket, portrait", encoded(_upright(photograph("rocket")), "JPEG", quality=JPEG_QUALITY))
    yield from _odd_forms(photograph("astronaut").convert("RGB"))


def _odd_forms(image: Image.Image) -> Iterator[Sample]:
    turned = Image.Exif()
    turned[0x0112] = 6  # Orientation: the camera was turned by a quarter
    yield Sample("exif rotated", encoded(image.rotate(90, expand=True), "JPEG", quality=90, exif=turned), False)
    yield Sample("greyscale", encoded(image.convert("L"), "PNG"), False)
    yield Sample("palette", encoded(image.quantize(128), "PNG"), False)
    yield Sample("rgba, opaque", encoded(image.convert("RGBA"), "PNG"), False)
    yield Sample("cmyk jpeg", encoded(image.convert("CMYK"), "JPEG", quality=90), False)


def _upright(image: Image.Image) -> Image.Image:
    """The middle of a landscape as a portrait of 2:3."""
    width = image.height * 2 // 3
    left = (image.width - width) // 2
    return image.crop((left, 0, left + width, image.height))


def _cut(image: Image.Image, form: Format) -> Image.Image:
    """The largest centred part with the proportions of ``form``."""
    width = min(image.width, round(image.height * form.width / form.height))
    height = min(image.height, round(image.width * form.height / form.width))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _noisy(rgb: np.ndarray, seed: int) -> np.ndarray:
    draw = np.random.default_rng(seed)
    luminance = draw.normal(0, _NOISE_SIGMA, rgb.shape[:2]).astype(np.float32)
    chrominance = draw.normal(0, _NOISE_SIGMA / 2, rgb.shape).astype(np.float32)
    noisy = rgb + luminance[..., np.newaxis] + chrominance
    return noisy.clip(0, 255).astype(np.uint8)
