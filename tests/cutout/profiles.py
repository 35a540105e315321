"""ICC profiles of a few hundred bytes, built by hand from ICC.1:2022, for tests of colour management."""

from __future__ import annotations

import struct
from itertools import product
from typing import Final

_D50: Final = (0.9642, 1.0, 0.8249)


def display_p3(gamma: float = 2.2) -> bytes:
    """An RGB profile with the primaries of Display P3 and a plain gamma."""
    colorants = {
        b"rXYZ": (0.51512, 0.24119, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.1571, 0.06657, 0.78407),
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(gamma))
    return _profile(
        b"mntr", b"RGB ", b"XYZ ", {b"wtpt": _xyz(_D50)} | {k: _xyz(v) for k, v in colorants.items()} | curves
    )


def grey(gamma: float = 1.0) -> bytes:
    """A grey profile with a plain gamma."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(_D50), b"kTRC": _curve(gamma)})


def cmyk() -> bytes:
    """A CMYK profile in which every ink is black: the lightness is what all four leave of the paper."""
    ramp = bytes(range(256))
    grid = b"".join(bytes((0 if any(inks) else 255, 128, 128)) for inks in product((0, 1), repeat=4))
    identity = struct.pack(">9i", *(65_536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + identity + ramp * 4 + grid + ramp * 3
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(_D50), b"A2B0": table})


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, data in tags.items():
        table += tag + struct.pack(">II", start + len(body), len(data))
        body += data + bytes(-len(data) % 4)
    size = start + len(body)
    head = struct.pack(">I4xI4s4s4s12x4s28x", size, 0x02100000, kind, space, connection, b"acsp")
    return (head + _fixed(_D50)).ljust(128, b"\0") + table + body


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ " + bytes(4) + _fixed(values)


def _curve(gamma: float) -> bytes:
    return b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256))


def _fixed(values: tuple[float, ...]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65_536) for value in values))
