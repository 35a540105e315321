"""Notices: what an operator or the owner of a key is told without having asked, and how it reads.

Rules of this file: values and texts only, nothing is sent here. A notice holds no secret: keys are named by their ids.
Whatever it quotes may come from a stranger, so every renderer keeps each text inside its own line or its own field.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from mattegate.vocabulary.facts import Plain

_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class NoticeKind(StrEnum):
    """What a notice is about; never renamed, since receivers branch on it."""

    KEY_REMINDER = "key.reminder"
    KEY_EXPIRING = "key.expiring"
    KEY_UNUSED_WARNING = "key.unused_warning"
    KEY_DISABLED = "key.disabled"
    KEY_LEAKED = "key.leaked"
    QUOTA_NEAR = "quota.near"
    QUOTA_EXHAUSTED = "quota.exhausted"
    STORE_LOST = "store.lost"
    STORE_BACK = "store.back"
    CERTIFICATE_EXPIRING = "certificate.expiring"
    CHANNEL_GONE = "channel.gone"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. Raises ``ValueError`` for an id that could not stand in a header."""

    kind: NoticeKind
    subject: str
    """One line: what happened, to what."""
    text: str
    """What it means and what to do about it, in sentences."""
    at: float
    """Unix seconds."""
    id: str
    """The same for the same event, however often it is noticed, so that receivers tell repetitions: `notice_id`."""
    about: str = ""
    """The id of what it is about: a key, an identity, a store."""
    facts: Mapping[str, Plain] = field(default_factory=dict)
    to: tuple[str, ...] = ()
    """Mail addresses of those it concerns, beside the operators."""

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"{self.id!r} cannot be the id of a notice: 1 to 64 of A-Z a-z 0-9 _ -")


def notice_id(kind: NoticeKind, *parts: object) -> str:
    """The id of the notice of ``kind`` about ``parts``: always the same, whichever process asks and however often."""
    text = json.dumps([kind, *map(str, parts)])
    return "msg_" + hashlib.sha256(text.encode()).hexdigest()[:32]


def mail_text(notice: Notice) -> str:
    """The body of a mail: the text, then the facts, one a line."""
    facts = "\n".join(f"  {name}: {one_line(value)}" for name, value in notice.facts.items())
    parts = (notice.text.strip(), facts, f"-- \n{notice.kind} {notice.id}")
    return "\n\n".join(part for part in parts if part) + "\n"


def event_json(notice: Notice, *, source: str) -> bytes:
    """The body of a webhook: a CloudEvents 1.0 event in structured JSON. Mail addresses stay out of it."""
    event = {
        "specversion": "1.0",
        "id": notice.id,
        "source": source,
        "type": f"mattegate.{notice.kind}",
        "time": rfc3339(notice.at),
        "datacontenttype": "application/json",
        "data": {
            "kind": notice.kind,
            "subject": notice.subject,
            "text": notice.text,
            "facts": {name: _json_value(value) for name, value in notice.facts.items()},
        },
    }
    if notice.about:  # CloudEvents: a subject is absent or not empty
        event["subject"] = notice.about
    return json.dumps(event, separators=(",", ":")).encode()


def log_line(notice: Notice) -> str:
    """One line for the log, whatever the texts contain."""
    facts = "".join(f" {one_line(name)}={json.dumps(_json_value(value))}" for name, value in notice.facts.items())
    about = f" about={json.dumps(notice.about)}" if notice.about else ""
    return f"notice {notice.kind}: {one_line(notice.subject)} id={notice.id}{about}{facts}"


def one_line(value: object, *, limit: int = 500) -> str:
    """``value`` as printable text on one line: runs of line breaks and control characters become one blank."""
    text = "".join(char if char.isprintable() else " " for char in str(value))
    return " ".join(text.split())[:limit]


def rfc3339(at: float) -> str:
    """``2026-03-01T12:00:00Z`` for Unix seconds."""
    return datetime.fromtimestamp(math.floor(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def day(at: float) -> str:
    """``2026-03-01`` for Unix seconds, of UTC."""
    return rfc3339(at)[:10]


def _json_value(value: Plain) -> Plain:
    """JSON knows no NaN and no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
