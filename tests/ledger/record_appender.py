"""A process that appends records until it is killed, and says which were acknowledged: FOLDER START."""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from mattegate.ledger.records import Records
from tests.ledger.record_samples import KEY, refusal


def main(folder: Path, start: int) -> None:
    """Append, then acknowledge on standard output, for ever; the importer works beside it."""
    book = Records(folder, seal_key=KEY, unproven_bytes=10**9, part_bytes=50_000, import_every_s=0.005)
    book.start()
    for number in count(start):
        request_id = book.append(refusal(number), proven=number % 2 == 0)
        os.write(1, request_id.encode() + b"\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
