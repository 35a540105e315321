"""What the tests of logs share: a text read by a reader, by its name or by whichever recognises it."""

from __future__ import annotations

import io
import re
from collections import Counter
from collections.abc import Iterable

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


def kind_of(seen: Observation) -> tuple[object, ...]:
    """What tells the kind of an observation: all that differs between kinds, but for what counts up."""
    explains = tuple(seen.fields.get(name) for name in ("zone", "file", "upstream_status", "terminatingRuleId"))
    return (
        seen.format,
        re.sub(r"\b(?=[a-f]*\d)[0-9a-f-]{8,}\b|\d+", "0", seen.message),
        seen.status,
        seen.request,
        seen.client,
        *explains,
    )


def counted(seen: Iterable[Observation]) -> Counter[tuple[object, ...]]:
    """How often each kind was refused; what passed is only told as a sample."""
    counts: Counter[tuple[object, ...]] = Counter()
    for each in seen:
        if each.fields.get("counted") != "sample":
            counts[kind_of(each)] += each.count
    return counts
