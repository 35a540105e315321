"""What the tests of logs share: a text read by a reader, by its name or by whichever recognises it."""

from __future__ import annotations

import io

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs import LOG_READERS
from mattegate.doctor.readers.protocol import HEAD_BYTES, Reader

READERS: dict[str, Reader] = {reader.name: reader for reader in LOG_READERS}


def recognising(text: str, name: str = "some.log") -> list[str]:
    """The names of the readers that say yes."""
    return [reader.name for reader in LOG_READERS if reader.recognises(text[:HEAD_BYTES], name)]


def read(text: str | bytes, reader: str = "") -> list[Observation]:
    """What a text says; by the one reader that recognises it where none is named."""
    data = text if isinstance(text, bytes) else text.encode()
    if not reader:
        names = recognising(data.decode("utf-8", "replace"))
        assert len(names) == 1, names
        reader = names[0]
    return list(READERS[reader].read(io.BytesIO(data), "some.log"))


def one(text: str | bytes, reader: str = "") -> Observation:
    """The one thing that a text says."""
    (seen,) = read(text, reader)
    return seen
