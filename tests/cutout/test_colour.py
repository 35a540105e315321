"""Profiles are judged by what they do, and a broken one harms nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ImageCms

from mattegate.cutout import colour
from tests.cutout import profiles
from tests.cutout.crafted import pattern

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_srgb_is_recognised_and_changes_nothing() -> None:
    """A profile that means sRGB counts as sRGB, and converting through it keeps every colour."""
    assert colour.is_srgb(SRGB)
    assert np.abs(colour.to_srgb(pattern(), SRGB).astype(int) - pattern()).max() <= 1


def test_a_wide_profile_is_not_srgb() -> None:
    """Display P3 green is outside sRGB: converted, its red and blue are cut to nothing and mid colours move."""
    wide = profiles.display_p3()
    assert not colour.is_srgb(wide)
    converted = colour.to_srgb(np.full((1, 1, 3), (60, 200, 60), np.uint8), wide)
    assert converted[0, 0, 0] < 60
    assert converted[0, 0, 1] > 200


def test_white_and_black_stay() -> None:
    """Relative colorimetric conversion keeps both ends of the grey axis."""
    ends = np.array([[[0, 0, 0], [255, 255, 255]]], np.uint8)
    assert np.abs(colour.to_srgb(ends, profiles.display_p3()).astype(int) - ends).max() <= 1


def test_linear_grey_is_brightened() -> None:
    """Grey through a linear profile becomes what sRGB writes for that light."""
    converted = colour.grey_to_srgb(np.full((1, 1), 55, np.uint8), profiles.grey())
    assert converted.shape == (1, 1, 3)
    assert np.abs(converted.astype(int) - 128).max() <= 2


def test_grey_without_a_profile_is_repeated() -> None:
    """Plain grey keeps its level in all three channels."""
    assert (colour.grey_to_srgb(np.full((2, 3), 55, np.uint8), None) == np.full((2, 3, 3), 55)).all()


def test_inks_become_colours() -> None:
    """Paper is white and full black is black, by formula and by profile; the profile decides about cyan."""
    inks = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [255, 0, 0, 0]]], np.uint8)
    assert colour.cmyk_to_srgb(inks, None)[0].tolist() == [[255, 255, 255], [0, 0, 0], [0, 255, 255]]
    by_profile = colour.cmyk_to_srgb(inks, profiles.cmyk())[0]
    assert by_profile[0].min() >= 254
    assert by_profile[1:].max() <= 1


@pytest.mark.parametrize("icc", [b"", b"x", bytes(200), SRGB[:200], SRGB[:130] + bytes(400)])
def test_a_broken_profile_is_not_usable(icc: bytes) -> None:
    """Damaged profiles are told from sound ones, and leave the colours alone."""
    assert not colour.usable(icc, "RGB")
    assert not colour.is_srgb(icc)
    assert (colour.to_srgb(pattern(), icc) == pattern()).all()


def test_a_profile_is_for_its_own_kind_of_picture() -> None:
    """A CMYK profile does nothing for RGB."""
    assert colour.usable(profiles.cmyk(), "CMYK")
    assert not colour.usable(profiles.cmyk(), "RGB")


@given(st.integers(0, len(SRGB) - 1), st.binary(min_size=1, max_size=8))
def test_mutated_profiles_never_raise(at: int, new: bytes) -> None:
    """A profile with any bytes overwritten is usable or not, and nothing else."""
    icc = SRGB[:at] + new + SRGB[at + len(new) :]
    assert colour.to_srgb(pattern(), icc).shape == pattern().shape
    colour.is_srgb(icc)
