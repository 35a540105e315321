"""The image formats that can come in, with their media types and file name extensions."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ImageFormat(StrEnum):
    """An image format that the product can read when ``upload.types`` names it."""

    JPEG = "jpeg"
    PNG = "png"
    WEBP = "webp"
    AVIF = "avif"
    TIFF = "tiff"
    BMP = "bmp"
    GIF = "gif"
    HEIC = "heic"

    @property
    def media_type(self) -> str:
        """The registered media type."""
        return f"image/{self}"

    @property
    def extensions(self) -> tuple[str, ...]:
        """The file name extensions that fit, lower case, without the dot."""
        return _EXTENSIONS[self]


_EXTENSIONS: Final = {
    ImageFormat.JPEG: ("jpg", "jpeg", "jpe", "jfif", "pjpeg", "pjp"),
    ImageFormat.PNG: ("png", "apng"),
    ImageFormat.WEBP: ("webp",),
    ImageFormat.AVIF: ("avif", "avifs"),
    ImageFormat.TIFF: ("tif", "tiff"),
    ImageFormat.BMP: ("bmp", "dib"),
    ImageFormat.GIF: ("gif",),
    ImageFormat.HEIC: ("heic", "heif", "hif"),
}

FORMAT_BY_EXTENSION: Final = {ext: kind for kind, exts in _EXTENSIONS.items() for ext in exts}
"""Which format a file name extension promises."""
