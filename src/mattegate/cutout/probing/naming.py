"""What bytes are, in words fit for a sentence: image formats by their labels, and common things that are no image.

Only names things for people; nothing here decides whether they are accepted.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.vocabulary.formats import ImageFormat

_LOOK: Final = 2_048

_MAGIC: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"%PDF-", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"{\\rtf", "an RTF document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office document"),
    (0, b"MZ", "a Windows program"),
    (0, b"\x7fELF", "an ELF program"),
    (0, b"\xcf\xfa\xed\xfe", "a macOS program"),
    (0, b"\xca\xfe\xba\xbe", "a Java class or macOS program"),
    (0, b"\x00asm", "a WebAssembly program"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "an empty ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"8BPS", "a Photoshop document"),
    (0, b"\x00\x00\x01\x00", "a Windows icon"),
    (0, b"\xff\x0a", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cJXL \r\n\x87\n", "a JPEG XL image"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "a JPEG 2000 image"),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (0, b"\x76\x2f\x31\x01", "an OpenEXR image"),
    (0, b"FUJIFILMCCD-RAW", "a camera raw file"),
    (8, b"WAVE", "a WAV sound"),
    (8, b"AVI ", "an AVI video"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"OggS", "an Ogg sound or video"),
    (0, b"ID3", "an MP3 sound"),
    (0, b"fLaC", "a FLAC sound"),
    (4, b"ftypqt  ", "a QuickTime video"),
    (4, b"ftypcrx ", "a camera raw file"),
    (4, b"ftypM4A ", "an MP4 sound"),
    (4, b"ftyp", "an MP4 video"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"wOF2", "a font"),
)

_TEXTS: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = (
    (re.compile(rb"<\?(php|=)", re.IGNORECASE), "PHP source"),
    (re.compile(rb"\A\s*data:image/", re.IGNORECASE), "a data: URL instead of the image itself"),
    (re.compile(rb"\A\s*(/9j/|iVBORw0KGgo|UklGR)"), "base64 text instead of the image itself"),
    (re.compile(rb"\A#!"), "a script"),
    (re.compile(rb"\A\s*(<!doctype html|<html|<head|<body|<script)", re.IGNORECASE), "HTML text"),
    (re.compile(rb"<svg[\s>]", re.IGNORECASE), "an SVG drawing"),
    (re.compile(rb"\A\s*<\?xml", re.IGNORECASE), "XML text"),
    (re.compile(rb"\A\s*[{\[]\s*[\"{\[\]}]"), "JSON text"),
)

_CONTROL: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


def label(image_format: ImageFormat) -> str:
    """The usual spelling of a format, e.g. ``WebP``."""
    return "WebP" if image_format is ImageFormat.WEBP else image_format.upper()


def phrase(image_format: ImageFormat) -> str:
    """A format with its article, e.g. ``an AVIF image``."""
    article = "an" if image_format is ImageFormat.AVIF else "a"
    return f"{article} {label(image_format)} image"


def describe(data: memoryview) -> str:
    """What bytes that are no readable image look like, e.g. ``a PDF document``; ``unknown data`` at worst."""
    head = bytes(data[:_LOOK])
    for offset, magic, name in _MAGIC:
        if head.startswith(magic, offset):
            return name
    if _is_safetensors(head, len(data)):
        return ".safetensors weights"
    return _describe_text(head)


def _is_safetensors(head: bytes, size: int) -> bool:
    """A little-endian length, then that many bytes of JSON (the format's own README)."""
    return 10 <= int.from_bytes(head[:8], "little") < size and head[8:10] in (b'{"', b"{}")


def _describe_text(head: bytes) -> str:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text"
    body = head.removeprefix(b"\xef\xbb\xbf")
    for pattern, name in _TEXTS:
        if pattern.search(body):
            return name
    return "unknown data" if _CONTROL.search(body) or not _is_utf8(body) else "text"


def _is_utf8(body: bytes) -> bool:
    """Whether it is UTF-8, apart from a last character that the look may have cut."""
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        return len(body) == _LOOK and error.start >= len(body) - 3
    return True
