"""Where the images of one request are gathered while they arrive, and from where the engine reads them.

The buffers may be plain memory or memory shared with the workers: this file knows only the three calls of
:class:`Buffer`.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from mattegate.serving.body import too_large

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

    from mattegate.config.settings import UploadSettings


class Buffer(Protocol):
    """Memory that grows while an upload arrives."""

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end."""

    def view(self) -> memoryview:
        """All bytes so far, without a copy."""

    def close(self) -> None:
        """Give the memory back as soon as no view is left."""


class HeapBuffer:
    """A :class:`Buffer` in ordinary memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end."""
        self._data += chunk

    def view(self) -> memoryview:
        """All bytes so far, read-only."""
        return memoryview(self._data).toreadonly()

    def close(self) -> None:
        """Forget the bytes; views that are still held keep theirs."""
        self._data = bytearray()


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """One image as it was sent; ``filename`` as the caller named it, ``None`` where there was no name."""

    buffer: Buffer
    filename: str | None = None


@dataclass(slots=True)
class Submission:
    """What a body held: the images, and the texts of the options."""

    texts: dict[str, str] = field(default_factory=dict)
    image: Upload | None = None
    background: Upload | None = None


class Intake:
    """The buffers of one request, as a context manager that gives all of them back.

    All images of one request together may take ``max_bytes``.
    """

    def __init__(self, limits: UploadSettings, make_buffer: Callable[[], Buffer], declared: int | None) -> None:
        self.limits = limits
        self._make_buffer = make_buffer
        self._declared = declared
        self._stored = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._open.close()

    def open(self) -> Buffer:
        """A new buffer that lives as long as this intake."""
        buffer = self._make_buffer()
        self._open.callback(buffer.close)
        return buffer

    def store(self, buffer: Buffer, chunk: bytes) -> None:
        """Append to a buffer. Raises :class:`Refusal` ``upload.too_large`` over the limit."""
        self.admit(len(chunk))
        buffer.append(chunk)

    def admit(self, amount: int) -> None:
        """Count image bytes before they are stored. Raises :class:`Refusal` ``upload.too_large``."""
        self._stored += amount
        if self._stored > self.limits.max_bytes:
            raise too_large(self.limits, read=self._stored, declared=self._declared)
