"""All readers, and which of them an input is for. A new reader is one file and one entry here."""

from __future__ import annotations

from typing import Final

from mattegate.doctor.readers.client import ClientReader
from mattegate.doctor.readers.compose import ComposeReader
from mattegate.doctor.readers.console import ConsoleReader
from mattegate.doctor.readers.copied import CopiedReader
from mattegate.doctor.readers.curl import CurlReader
from mattegate.doctor.readers.docker_run import DockerRunReader
from mattegate.doctor.readers.har import HarReader
from mattegate.doctor.readers.inspect import InspectReader
from mattegate.doctor.readers.logs import LOG_READERS, plain_head
from mattegate.doctor.readers.node import NodeReader
from mattegate.doctor.readers.openapi import OpenApiReader
from mattegate.doctor.readers.postman import PostmanReader
from mattegate.doctor.readers.protocol import HEAD_BYTES, PACKED_HEAD_BYTES, Reader, Unreadable
from mattegate.doctor.redact import clean

__all__ = ["HEAD_BYTES", "PACKED_HEAD_BYTES", "READERS", "Reader", "Unreadable", "by_name", "head_text", "recognise"]

READERS: Final[tuple[Reader, ...]] = (
    HarReader(),
    PostmanReader(),
    OpenApiReader(),
    InspectReader(),
    ComposeReader(),
    DockerRunReader(),
    CurlReader(),
    CopiedReader(),
    ConsoleReader(),
    NodeReader(),
    ClientReader(),
    *LOG_READERS,
)
"""Documents first, then transcripts, then logs; the last ones of these take any line with a refusal in it."""


def recognise(head: str, name: str) -> Reader | None:
    """The first reader that knows an input by its beginning (:func:`head_text`); ``None`` where none does."""
    return next((reader for reader in READERS if reader.recognises(head, name)), None)


def by_name(name: str) -> Reader:
    """The reader that ``--as NAME`` asks for. Raises :class:`Unreadable` where there is none of that name."""
    for reader in READERS:
        if reader.name == name:
            return reader
    known = ", ".join(sorted(reader.name for reader in READERS))
    raise Unreadable(f"no reader is called {name!r}; there are {known}")


def head_text(raw: bytes) -> str:
    """The beginning of an input as readers want it for recognition: unpacked, short, no control characters."""
    beginning = plain_head(raw[:PACKED_HEAD_BYTES])
    wide = beginning.startswith((b"\xff\xfe", b"\xfe\xff"))
    return clean(beginning.decode("utf-16" if wide else "utf-8-sig", "replace"))
