"""Texts that are spelled once and filled in many times, where they differ in a few places alone.

A hole is a NUL, which stands in no JSON text (RFC 8259, section 7) and in no header (RFC 9110, section 5.5), so nothing
that a caller chose is taken for one.
"""

from __future__ import annotations

from typing import Final

import msgspec

HOLE: Final = msgspec.Raw(b"\0")
"""Stands in a JSON document for a value that is still open …"""
TEXT_HOLE: Final = msgspec.Raw(b'"\0"')
"""… and for a text, which is filled in without its quotes, and needs no escapes."""

_ENCODER: Final = msgspec.json.Encoder(enc_hook=str)


def json_with_holes(document: object) -> bytes:
    """A document in which holes stand, for :class:`Form`.

    Raises ``UnicodeEncodeError`` and ``OverflowError`` for what msgspec cannot encode: lone surrogates, and integers
    beyond 64 bits.
    """
    return _ENCODER.encode(document)


class Form:
    """A text with holes."""

    __slots__ = ("_template",)

    def __init__(self, text: bytes) -> None:
        self._template = text.replace(b"%", b"%%").replace(b"\0", b"%b")

    def fill(self, *values: bytes) -> bytes:
        """The text with ``values`` in the place of its holes, of which there must be as many."""
        return self._template % values
