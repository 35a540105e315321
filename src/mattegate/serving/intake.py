"""Where the images of one request are gathered while they arrive, and from where the engine reads them.

Bytes are written once, into memory that the workers can see.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mattegate.cutout.engine.wire import SharedBuffer
from mattegate.serving.body import too_large
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

    from mattegate.config.settings import UploadSettings


@dataclass(frozen=True, slots=True, eq=False)
class Upload:
    """One image as it was sent; ``filename`` as the caller named it, ``None`` where there was no name."""

    buffer: SharedBuffer
    filename: str | None = None

    def view(self) -> memoryview:
        """The bytes, which cannot change any more. Raises :class:`Refusal` ``capacity.resources``."""
        with _resources():
            return self.buffer.view()


@dataclass(slots=True)
class Submission:
    """What a body held: the images, and the texts of the options."""

    texts: dict[str, str] = field(default_factory=dict)
    image: Upload | None = None
    background: Upload | None = None
    url: str = ""
    """Where the image is to be fetched from, in place of one that was sent."""


class Intake:
    """The buffers of one request, as a context manager that gives all of them back.

    All images of one request together may take ``max_bytes``.
    """

    def __init__(self, limits: UploadSettings, declared: int | None) -> None:
        self.limits = limits
        self._declared = declared
        self._stored = 0
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._open.close()

    def open(self) -> SharedBuffer:
        """A new buffer that lives as long as this intake. Raises :class:`Refusal` ``capacity.resources``."""
        with _resources():
            return self._open.enter_context(SharedBuffer())

    def store(self, buffer: SharedBuffer, chunk: bytes) -> None:
        """Append to a buffer. Raises :class:`Refusal` ``upload.too_large`` or ``capacity.resources``."""
        self.check(len(chunk))
        self._stored += len(chunk)
        with _resources():
            buffer.append(chunk)

    @property
    def room(self) -> int:
        """How many bytes more may be stored."""
        return self.limits.max_bytes - self._stored

    def check(self, amount: int) -> None:
        """Raise :class:`Refusal` ``upload.too_large`` when so many bytes more would be too many."""
        if self._stored + amount > self.limits.max_bytes:
            raise too_large(self.limits, read=self._stored + amount, declared=self._declared)


@contextmanager
def _resources() -> Iterator[None]:
    """Memory files fail for want of descriptors or memory, which is no fault of the caller and passes."""
    try:
        yield
    except OSError as error:
        raise Refusal("capacity.resources", problem=error.strerror or str(error)) from error
