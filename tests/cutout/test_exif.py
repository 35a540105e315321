"""The EXIF block tells which way up, and is written again upright and without its thumbnail."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mattegate.cutout import exif

_THUMBNAIL = b"\xff\xd8THUMBNAIL\xff\xd9"


def block(orientation: int, endian: str = "<", tail: bytes = b"") -> bytes:
    """A block with make, orientation and a thumbnail in its second directory."""
    mark = b"II*\0" if endian == "<" else b"MM\0*"
    ifd0 = struct.pack(f"{endian}H HHI4s HHIHH I", 2, 0x010F, 2, 4, b"Acm\0", 0x0112, 3, 1, orientation, 0, 38)
    ifd1 = struct.pack(f"{endian}H HHII HHII I", 2, 0x0201, 4, 1, 68, 0x0202, 4, 1, len(_THUMBNAIL), 0)
    return mark + struct.pack(f"{endian}I", 8) + ifd0 + ifd1 + _THUMBNAIL + tail


@pytest.mark.parametrize("endian", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_read_and_reset(orientation: int, endian: str) -> None:
    """Every orientation is read in both byte orders, and is 1 in the block to be written."""
    data = block(orientation, endian)
    assert exif.orientation(data) == orientation
    kept = exif.upright(data)
    assert kept is not None
    assert exif.orientation(kept) == 1
    reread = Image.Exif()
    reread.load(kept)
    assert (reread[0x010F], reread[0x0112]) == ("Acm", 1)


@pytest.mark.parametrize("tail", [b"", b"maker note that follows"])
def test_the_thumbnail_is_gone(tail: bytes) -> None:
    """A thumbnail shows what was cut away, so its bytes go, wherever in the block they stand, and nothing else does."""
    kept = exif.upright(block(6, tail=tail))
    assert kept is not None
    assert b"THUMBNAIL" not in kept
    assert kept.endswith(tail)
    reread = Image.Exif()
    reread.load(kept)
    assert not reread.get_ifd(1)


@pytest.mark.parametrize("data", [b"", b"II*\0", b"MM\0*\0\0\0\x08", b"JUNKJUNKJUNK", block(6)[:20]])
def test_damage_reads_as_upright_and_nothing_to_keep(data: bytes) -> None:
    """A damaged block is orientation 1 and is not written again."""
    assert exif.orientation(data) == 1
    assert exif.upright(data) is None


def test_an_impossible_orientation_counts_as_one() -> None:
    """Values outside 1-8 mean nothing."""
    assert exif.orientation(block(0)) == exif.orientation(block(9)) == 1


@given(st.integers(0, len(block(6)) - 1), st.binary(min_size=1, max_size=8))
def test_mutated_blocks_never_raise(at: int, new: bytes) -> None:
    """Any bytes overwritten in a block lead to an orientation and to a block or none."""
    data = block(6)[:at] + new + block(6)[at + len(new) :]
    assert 1 <= exif.orientation(data) <= 8
    exif.upright(data)
