"""Images made to be read and images made to do harm, the same for the same seed.

:func:`seeds` are small sound images of every format and variant; :func:`traps` are hostile files made by hand;
:func:`corpus` mixes those with mutations of the seeds, for proofs of any length. Nothing here knows the product.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from functools import cache
from io import BytesIO
from random import Random
from typing import Final

import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image

SIDE: Final = (48, 32)
EXTENSIONS: Final = {
    "jpeg": "jpg", "png": "png", "webp": "webp", "gif": "gif",
    "bmp": "bmp", "tiff": "tif", "avif": "avif", "heic": "heic",
}  # fmt: skip
PHP: Final = b"<?php system($_GET['c']); ?>"
HTML: Final = b"<html><script>alert(document.cookie)</script></html>"

_LYING_NAMES: Final = (
    "shell.php", "invoice.pdf.exe", "a.php.png", "x.phtml;.jpg", "n.php\x00.png", "../../etc/passwd", "C:\\a\\b.asp",
    "\r\nSet-Cookie: a=b.png", "png", ".htaccess", "a" * 5_000 + ".png", "naïve ünïcode 図.png", "",
)  # fmt: skip


def pattern(width: int = SIDE[0], height: int = SIDE[1], channels: int = 3) -> NDArray[np.uint8]:
    """A picture whose every row and column is told apart: gradients with a little fixed noise."""
    rows, columns = np.mgrid[0:height, 0:width]
    noise = np.random.default_rng(7).integers(0, 12, (height, width))
    planes = (rows * 220 // height, columns * 220 // width, (rows + columns) * 110 // (width + height), 255 - columns)
    return np.stack([np.clip(plane + noise, 0, 255) for plane in planes[:channels]], axis=-1).astype(np.uint8)


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    """The image as a file of that format."""
    pillow_heif.register_heif_opener()
    file = BytesIO()
    image.save(file, "HEIF" if image_format == "heic" else image_format.upper(), **options)
    return file.getvalue()


def chunk(kind: bytes, data: bytes = b"") -> bytes:
    """One PNG chunk with its right checksum."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, *extra: bytes, bits: int = 8, kind: int = 2) -> bytes:
    """A PNG from filtered rows and further chunks, which stand before the picture data."""
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"".join(
        (b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), *extra, chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND"))
    )


@cache
def bomb() -> bytes:
    """A PNG of about 20 kB that unfolds to 169 megapixels."""
    return png(13_000, 13_000, bytes(13_000 * 1_626), bits=1, kind=0)


@cache
def seeds() -> dict[str, bytes]:
    """Sound images by a name that starts with their format, e.g. ``png-palette``."""
    rgb, rgba = Image.fromarray(pattern()), Image.fromarray(pattern(channels=4))
    frames = [rgb.rotate(angle) for angle in (90, 180)]
    deep = (pattern().astype(">u2") * 257).tobytes()
    stride = SIDE[0] * 6
    deep_rows = b"".join(b"\0" + deep[at : at + stride] for at in range(0, len(deep), stride))
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "Maker"
    return {
        "jpeg": encoded(rgb, "jpeg", exif=exif),
        "jpeg-progressive": encoded(rgb, "jpeg", progressive=True),
        "jpeg-grey": encoded(rgb.convert("L"), "jpeg"),
        "jpeg-cmyk": encoded(rgb.convert("CMYK"), "jpeg"),
        "png": encoded(rgb, "png", exif=exif),
        "png-alpha": encoded(rgba, "png"),
        "png-palette": encoded(rgb.quantize(16), "png"),
        "png-deep": png(*SIDE, deep_rows, bits=16),
        "png-animated": encoded(rgb, "png", save_all=True, append_images=frames),
        "webp": encoded(rgb, "webp", exif=exif),
        "webp-lossless": encoded(rgba, "webp", lossless=True),
        "webp-animated": encoded(rgb, "webp", save_all=True, append_images=frames),
        "gif": encoded(rgb, "gif"),
        "gif-animated": encoded(rgb, "gif", save_all=True, append_images=frames),
        "bmp": encoded(rgb, "bmp"),
        "tiff": encoded(rgb, "tiff"),
        "tiff-deflate": encoded(rgb, "tiff", compression="tiff_adobe_deflate"),
        "tiff-pages": encoded(rgb, "tiff", save_all=True, append_images=frames),
        "avif": encoded(rgb, "avif"),
        "heic": encoded(rgb, "heic"),
    }


@cache
def traps() -> dict[str, bytes]:
    """Hostile files made by hand, by a name that starts with the format they pretend to be."""
    sound = seeds()
    jpeg, gif, bmp, tiff = sound["jpeg"], sound["gif"], sound["bmp"], sound["tiff"]
    ring = bytearray(tiff)
    first = struct.unpack_from("<I", ring, 4)[0]
    struct.pack_into("<I", ring, first + 2 + 12 * struct.unpack_from("<H", ring, first)[0], first)
    return {
        "png-bomb": bomb(),
        "png-zero": png(0, 0, b""),
        "png-huge": png(2**31 - 1, 2**31 - 1, b""),
        "png-thin": png(60_000, 1, bytes(180_001)),
        "png-taller-than-its-rows": png(32, 3_000, bytes(97 * 20)),
        "png-frames": png(1, 1, bytes(4), chunk(b"acTL", struct.pack(">II", 2**32 - 1, 0))),
        "png-php-chunk": png(1, 1, bytes(4), chunk(b"tEXt", b"Comment\0" + PHP)),
        "png-text-bomb": png(1, 1, bytes(4), chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(20_000_000)))),
        "png-profile-bomb": png(1, 1, bytes(4), chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(20_000_000)))),
        "png-many-chunks": png(1, 1, bytes(4), chunk(b"teSt") * 200_000),
        "png-wrong-checksum": _patched(sound["png-alpha"], len(sound["png-alpha"]) - 14, b"\0\0"),
        "jpeg-html-comment": jpeg[:2] + b"\xff\xfe" + struct.pack(">H", len(HTML) + 2) + HTML + jpeg[2:],
        "jpeg-php-tail": jpeg + PHP,
        "jpeg-half": jpeg[: len(jpeg) * 2 // 3],
        "jpeg-half-ended": jpeg[: len(jpeg) * 2 // 3] + b"\xff\xd9",
        "jpeg-huge": _patched(jpeg, jpeg.index(b"\xff\xc0") + 5, b"\xff\xff\xff\xff"),
        "jpeg-zero": _patched(jpeg, jpeg.index(b"\xff\xc0") + 5, bytes(4)),
        "jpeg-fill-bytes": b"\xff\xd8" + b"\xff" * 300_000,
        "jpeg-empty-segments": b"\xff\xd8" + b"\xff\xe1\x00\x02" * 100_000,
        "gif-php": b"GIF89a" + PHP,
        "gif-php-tail": gif + PHP,
        "gif-screen": _patched(gif, 6, b"\xff\xff\xff\xff"),
        "gif-tiny-blocks": gif[:-2] + b"\x01\x00" * 500_000 + b"\x00\x3b",
        "webp-length": _patched(sound["webp"], 4, b"\xff\xff\xff\x7f"),
        "webp-canvas": _patched(sound["webp"], 24, b"\xff\xff\xff\xff\xff\xff"),
        "bmp-huge": _patched(bmp, 18, struct.pack("<ii", 2**31 - 1, -(2**31))),
        "bmp-zero": _patched(bmp, 18, bytes(8)),
        "tiff-ring": bytes(ring),
        "tiff-entries": _patched(tiff, first, b"\xff\xff"),
        "avif-box-length": _patched(sound["avif"], 32, b"\xff\xff\xff\xff"),
        "avif-nested-nothing": sound["avif"][:32] + struct.pack(">I4sI", 12, b"meta", 0),
        "html-as-png": HTML,
        "php-as-jpg": PHP,
        "zip-as-png": b"PK\x03\x04" + bytes(100),
        "nothing": b"",
        "one-byte": b"\xff",
    }


def corpus(seed: int, count: int) -> Iterator[tuple[str, str, bytes]]:
    """``count`` hostile files as (name, file name to send, bytes): every trap first, then mutated seeds."""
    random = Random(seed)
    made = [*traps().items()]
    for index in range(count):
        if index < len(made):
            name, data = made[index]
        else:
            base = random.choice(sorted(seeds()))
            mutation = random.choice(_MUTATIONS)
            name, data = f"{base}-{mutation.__name__.strip('_')}-{index}", mutation(seeds()[base], random)
        yield name, _file_name(name, random), data


def _file_name(name: str, random: Random) -> str:
    if random.random() < 0.1:
        return random.choice(_LYING_NAMES)
    return f"picture.{EXTENSIONS.get(name.partition('-')[0], name.rpartition('-')[2])}"


def _patched(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


def _flipped(data: bytes, random: Random) -> bytes:
    broken = bytearray(data)
    for _ in range(random.choice((1, 2, 8, 64))):
        broken[random.randrange(len(broken))] ^= 1 << random.randrange(8)
    return bytes(broken)


def _truncated(data: bytes, random: Random) -> bytes:
    return data[: random.randrange(len(data))]


def _header_edited(data: bytes, random: Random) -> bytes:
    at = random.randrange(min(len(data), 200))
    return _patched(data, at, random.choice((b"\0", b"\xff", b"\0\0\0\0", b"\xff\xff\xff\xff", random.randbytes(4))))[
        : len(data)
    ]


def _repeated(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    end = min(len(data), start + random.choice((1, 12, 100, 1_000)))
    return data[:end] + data[start:end] * random.choice((1, 2, 50)) + data[end:]


def _gapped(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return data[:start] + data[start + random.choice((1, 4, 100)) :]


def _spliced(data: bytes, random: Random) -> bytes:
    other = seeds()[random.choice(sorted(seeds()))]
    return data[: random.randrange(len(data))] + other[random.randrange(len(other)) :]


def _zeroed(data: bytes, random: Random) -> bytes:
    start = random.randrange(len(data))
    return _patched(data, start, bytes(min(len(data) - start, random.choice((4, 64, 400)))))


def _with_php(data: bytes, random: Random) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + PHP + data[at:]


_MUTATIONS: Final[tuple[Callable[[bytes, Random], bytes], ...]] = (
    _flipped, _truncated, _header_edited, _repeated, _gapped, _spliced, _zeroed, _with_php,
)  # fmt: skip
