"""Bytes to blocks of whole lines: plain, packed or UTF-16, in memory that does not grow with the input.

Nothing here knows what a line says.
"""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from mattegate.doctor.readers.logs.packed import beginning, is_packed, unpacked
from mattegate.doctor.readers.protocol import Unreadable

BLOCK: Final = 1 << 20
_FIRST: Final = 1 << 16
"""The first block is a short one: it shows what the others are likely to hold."""
LONGEST: Final = 65_536
"""Bytes of one line that are looked at, unless it is JSON."""
LONGEST_JSON: Final = 1 << 18
"""Bytes of a line at most; what follows is passed over up to the line's end. CloudWatch takes no longer ones."""
_GZIP: Final = b"\x1f\x8b"
_MOST_INFLATED: Final = 64 << 30
"""A gzip of more than this is no log but a bomb; it is read in a minute or not at all."""
_WIDE: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Blocks of about 1 MiB, each of whole lines and ending with a line end; a line that is too long is a block.

    Raises :class:`~mattegate.doctor.readers.protocol.Unreadable` where what is packed is damaged.
    """
    return _whole_lines(_plain(stream))


def plain_head(head: bytes) -> bytes:
    """The beginning of what ``head`` holds once it is unpacked, to recognise it by; at most 64 KiB.

    Raises :class:`~mattegate.doctor.readers.protocol.Unreadable` where it is packed in a way that is not read here.
    """
    if is_packed(head):
        return beginning(head, LONGEST)
    if not head.startswith(_GZIP):
        return head[:LONGEST]
    try:
        return zlib.decompressobj(wbits=31).decompress(head, LONGEST)
    except zlib.error:
        return b""


def _plain(stream: BinaryIO) -> Iterator[bytes]:
    first = stream.read(_FIRST)
    if first.startswith(_GZIP):
        yield from _widths(_inflated(first, stream))
    elif is_packed(first):
        yield from _widths(unpacked(first, stream))
    else:
        yield from _widths(_read(first, stream))


def _read(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    data = first
    while data:
        yield data
        data = stream.read(BLOCK)


def _widths(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    encoding = _WIDE.get(first[:2])
    if encoding is None:
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from chunks
        return
    decode = codecs.getincrementaldecoder(encoding)("replace").decode
    yield decode(first[2:]).encode("utf-8", "replace")
    for chunk in chunks:
        yield decode(chunk).encode("utf-8", "replace")


def _inflated(first: bytes, stream: BinaryIO) -> Iterator[bytes]:
    """Every member, one after the other. A torn end is the end; what is damaged in between is told."""
    inflater, data, total, inside = zlib.decompressobj(wbits=31), first, 0, 0
    while data:
        try:
            piece = inflater.decompress(data, BLOCK)
        except zlib.error as error:
            if total and not inside:
                return  # whatever stands behind the last member is no gzip: padding of a tape, a signature
            raise Unreadable(f"the gzip is damaged after {total} unpacked bytes: {error}") from error
        total, inside = total + len(piece), inside + len(piece)
        if total > _MOST_INFLATED:
            raise Unreadable(f"the gzip unpacks to more than {_MOST_INFLATED >> 30} GiB")
        yield piece
        data = inflater.unconsumed_tail
        if inflater.eof:
            data, inflater, inside = inflater.unused_data.lstrip(b"\0"), zlib.decompressobj(wbits=31), 0
        data = data or stream.read(BLOCK)
    yield inflater.flush()


def _whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    carry, skipping = b"", False
    for chunk in chunks:
        if skipping:
            end = chunk.find(b"\n")
            if end < 0:
                continue
            chunk, skipping = chunk[end + 1 :], False  # noqa: PLW2901 - the rest of this very chunk
        data = carry + chunk
        end = data.rfind(b"\n") + 1
        carry = data[end:]
        if end:
            yield data[:end]
        if len(carry) > LONGEST_JSON:
            yield carry[:LONGEST_JSON] + b"\n"
            carry, skipping = b"", True
    if carry:
        yield carry + b"\n"
