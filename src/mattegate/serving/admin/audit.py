"""The log of administrative acts, and the proof that it is whole."""

from __future__ import annotations

from itertools import islice, takewhile
from typing import Annotated, Final

from fastapi import APIRouter, Query
from pydantic import Field

from mattegate.ledger.audit import Head, first_break
from mattegate.ledger.control import Control
from mattegate.serving.admin.parts import Parts
from mattegate.serving.admin.shown import AuditList, AuditShown, Shown

router = APIRouter(prefix="/audit", tags=["audit"])

_HASH: Final = "^[0-9a-f]{64}$"
Number = Annotated[int, Query(ge=0, le=2**62)]


class Verdict(Shown):
    """Whether the log is what was written."""

    sound: bool
    broken_at: int | None = Field(description="The number of the first entry that is not what was written.")
    seq: int = Field(description="Of the newest entry.")
    hash: str = Field(description="Of the newest entry: keep both elsewhere.")


@router.get("")
async def list_audit(
    parts: Parts, after: Number | None = None, limit: Annotated[int, Query(ge=1, le=1000)] = 100
) -> AuditList:
    """Entries behind number ``after``, oldest first; the newest ones unless said otherwise."""
    head = await parts.act(parts.control.head)
    begin = max(0, head.seq - limit) if after is None else after
    entries = await parts.read(lambda: list(islice(parts.control.audit(begin), limit)))
    return AuditList(entries=[AuditShown.of(entry) for entry in entries], head={"seq": head.seq, "hash": head.hash})


@router.get("/verify")
async def verify_audit(
    parts: Parts, seq: Number | None = None, hash: Annotated[str | None, Query(pattern=_HASH)] = None  # noqa: A002
) -> Verdict:  # fmt: skip
    """Walk the whole chain. A ``seq`` and ``hash`` that were written down elsewhere must lie on it."""
    known = Head(seq, hash) if seq is not None and hash is not None else None
    return await parts.read(_verified, parts.control, known)


def _verified(control: Control, known: Head | None) -> Verdict:
    """Against the head as it was before the walk: what is written meanwhile is not part of the question."""
    head = control.head()
    entries = takewhile(lambda entry: entry.seq <= head.seq, control.audit())
    broken = first_break(entries, last=head, known=known)
    return Verdict(sound=broken is None, broken_at=broken, seq=head.seq, hash=head.hash)
