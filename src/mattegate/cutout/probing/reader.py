"""The checked way to look into an untrusted buffer, and the value that every header parser answers."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final, Literal

from mattegate.cutout.probing.naming import label
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal

Endian = Literal["<", ">"]

_STEP_FLOOR: Final = 65_536
_BYTES_PER_STEP: Final = 64


@dataclass(frozen=True, slots=True)
class Header:
    """What a container's header says: sizes in pixels as stored, before any orientation.

    ``channels`` is samples per pixel, with alpha, and 0 where the header does not say; ``bits`` is per channel.
    """

    width: int
    height: int
    frames: int = 1
    channels: int = 0
    bits: int = 8


class Reader:
    """A buffer of one format, whose every access is checked; reading past its end refuses ``upload.truncated``."""

    __slots__ = ("_left", "data", "format")

    def __init__(self, data: memoryview, image_format: ImageFormat) -> None:
        self.data = data
        self.format = image_format
        self._left = _STEP_FLOOR + len(data) // _BYTES_PER_STEP

    def __len__(self) -> int:
        return len(self.data)

    def bytes(self, offset: int, count: int) -> bytes:
        """``count`` bytes at ``offset``."""
        self.need(offset + count)
        return bytes(self.data[offset : offset + count])

    def byte(self, offset: int) -> int:
        """The byte at ``offset``."""
        self.need(offset + 1)
        return self.data[offset]

    def u16(self, offset: int, endian: Endian) -> int:
        """An unsigned 16-bit number."""
        return self._number("H", offset, endian)

    def u32(self, offset: int, endian: Endian) -> int:
        """An unsigned 32-bit number."""
        return self._number("I", offset, endian)

    def u64(self, offset: int, endian: Endian) -> int:
        """An unsigned 64-bit number."""
        return self._number("Q", offset, endian)

    def need(self, end: int) -> None:
        """Refuse ``upload.truncated`` unless the buffer has at least ``end`` bytes."""
        if end > len(self.data):
            raise self.truncated(f"{len(self.data)} bytes, {end} needed")

    def step(self) -> None:
        """Pay for one turn of a loop; hostile files made of ever smaller parts run out of turns."""
        self._left -= 1
        if self._left < 0:
            raise self.corrupt("made of absurdly many parts")

    def truncated(self, problem: str) -> Refusal:
        """The refusal for data that ends too early."""
        return Refusal("upload.truncated", format=label(self.format), problem=problem)

    def corrupt(self, problem: str) -> Refusal:
        """The refusal for data that contradicts its format."""
        return Refusal("upload.corrupt", format=label(self.format), problem=problem)

    def unsupported(self, feature: str) -> Refusal:
        """The refusal for a variant that is legal but not read here."""
        return Refusal("upload.unsupported", format=label(self.format), feature=feature)

    def _number(self, code: str, offset: int, endian: Endian) -> int:
        self.need(offset + struct.calcsize(f"<{code}"))
        return int(struct.unpack_from(endian + code, self.data, offset)[0])
