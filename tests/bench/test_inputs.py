"""The photographs that figures are taken with."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps

from bench.inputs import MP_1P5, OTHERS, SUBJECTS, Sample, large_jpeg, parity_samples, photograph


def opened(data: bytes) -> Image.Image:
    """The decoded picture."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("name", SUBJECTS)
def test_large_jpegs_have_their_size_and_the_bytes_of_a_photograph(name: str) -> None:
    """1500 x 1000 pixels, and with at least a bit per pixel as noisy as a sensor's picture, within the upload limit."""
    data = large_jpeg(name, MP_1P5)
    assert opened(data).size == (1500, 1000)
    assert opened(data).format == "JPEG"
    assert 1.0 < 8 * len(data) / 1.5e6 < 8.0


def test_the_same_photograph_gives_the_same_bytes() -> None:
    """Two runs measure the same picture."""
    first = large_jpeg("coffee", MP_1P5)
    large_jpeg.cache_clear()
    assert large_jpeg("coffee", MP_1P5) == first


def test_every_photograph_is_shipped() -> None:
    """None of them has to be downloaded."""
    assert all(min(photograph(name).size) >= 300 for name in (*SUBJECTS, *OTHERS))


def test_parity_is_shown_on_enough_photographs_and_on_odd_forms() -> None:
    """At least eight real photographs, a portrait among them, and five odd forms that stand apart."""
    samples = {sample.name: sample for sample in parity_samples()}
    real = [sample for sample in samples.values() if sample.photograph]
    assert len(real) >= 8
    assert opened(samples["rocket, portrait"].data).height > opened(samples["rocket, portrait"].data).width
    assert {name: opened(sample.data).mode for name, sample in samples.items() if not sample.photograph} == {
        "exif rotated": "RGB", "greyscale": "L", "palette": "P", "rgba, opaque": "RGBA", "cmyk jpeg": "CMYK",
    }  # fmt: skip


def test_the_rotated_sample_stands_upright_for_a_person() -> None:
    """Its pixels lie on their side, and its EXIF orientation says so."""
    rotated = next(sample for sample in parity_samples() if sample.name == "exif rotated")
    lying, upright = opened(rotated.data), photograph("astronaut").convert("L")
    shown = ImageOps.exif_transpose(lying).convert("L")
    difference = sum(abs(a - b) for a, b in zip(shown.tobytes(), upright.tobytes(), strict=True)) / len(
        upright.tobytes()
    )
    assert difference < 3
    assert isinstance(rotated, Sample)
