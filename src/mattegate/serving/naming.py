"""The file name that an answer suggests (RFC 6266, with RFC 8187 for what ASCII cannot say)."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

_UNSAFE: Final = re.compile(r'[\x00-\x1f\x7f-\x9f"%*:<>?|\\/\ud800-\udfff\u200e\u200f\u202a-\u202e\u2066-\u2069]')
"""What breaks a header, a file system, or the order in which a name is read."""


def content_disposition(filename: str | None, suffix: str, extension: str) -> bytes:
    """An ``inline`` disposition that names the answer after the upload: ``photo.jpg`` becomes ``photo-cutout.png``."""
    name = f"{_stem(filename)}-{suffix}.{extension}"
    plain = name.encode("ascii", "replace").replace(b"?", b"_")
    header = b'inline; filename="' + plain + b'"'
    return header if name.isascii() else header + b"; filename*=UTF-8''" + quote(name, safe="").encode()


def _stem(filename: str | None) -> str:
    last = re.split(r"[\\/]", filename or "")[-1]
    stem = _UNSAFE.sub("_", last.rpartition(".")[0] or last).strip(" ._")[:100]
    return stem or "image"
