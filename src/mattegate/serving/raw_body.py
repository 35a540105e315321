"""A body that is the image itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.serving.intake import Submission, Upload

if TYPE_CHECKING:
    from mattegate.serving.head import Head
    from mattegate.serving.intake import Intake


class RawReader:
    """Stores every byte as the image."""

    def __init__(self, head: Head, intake: Intake) -> None:
        self._intake = intake
        self._filename = head.filename
        self._buffer = intake.open()
        self._empty = True

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes. Raises :class:`Refusal` ``upload.too_large``."""
        self._empty = False
        self._intake.store(self._buffer, chunk)

    def finish(self) -> Submission:
        """What was sent."""
        return Submission(image=None if self._empty else Upload(self._buffer, self._filename))
