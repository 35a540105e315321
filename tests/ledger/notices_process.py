"""A process that keeps and removes letters until it is killed: ``notices_process.py FOLDER NAME``.

Prints ``+ NUMBER`` after a letter was kept and ``- NUMBER`` after it was removed; every third one is.
"""

from __future__ import annotations

import os
import sys
from itertools import count
from pathlib import Path

from mattegate.ledger.notices_sqlite import SqliteOutbox
from mattegate.outbound.notice import Notice, NoticeKind, notice_id
from mattegate.outbound.outbox import Letter


def letter(name: str, number: int) -> Letter:
    """One of many."""
    told = notice_id(NoticeKind.KEY_REMINDER, name, number)
    return Letter(
        Notice(NoticeKind.KEY_REMINDER, f"{name} {number}", "text", 1.0, told), "webhook", "here", float(number)
    )


def main(folder: str, name: str) -> None:
    """Work until killed."""
    outbox = SqliteOutbox(Path(folder), room=10**6)
    for number in count():
        assert outbox.put(letter(name, number))
        os.write(1, f"+ {number}\n".encode())
        if number % 3 == 0:
            outbox.remove(letter(name, number))
            os.write(1, f"- {number}\n".encode())


if __name__ == "__main__":
    main(*sys.argv[1:])
