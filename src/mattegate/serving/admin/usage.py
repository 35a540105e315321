"""Usage of every identity: sums, and the rows themselves as CSV."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from typing import Any, BinaryIO, Final, Literal

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import Field

from mattegate.ledger.export import write_csv
from mattegate.ledger.protocols import Unavailable
from mattegate.serving.account import timestamp
from mattegate.serving.admin.identities import id_of
from mattegate.serving.admin.parts import AdminParts, Parts
from mattegate.serving.admin.shown import Shown
from mattegate.serving.moments import moment
from mattegate.serving.self_service import MONTH_S, figures

router = APIRouter(prefix="/usage", tags=["usage"])

_CHUNK: Final = 1 << 16


class UsageSums(Shown):
    """Delivered work, added up."""

    identity: str | None = Field(description="Its id; null: all of them.")
    since: str
    until: str
    by: str
    groups: list[dict[str, Any]]
    totals: dict[str, Any]


class BookTotals(Shown):
    """The whole book in a few numbers."""

    reserved: int
    settled: int
    released: int
    units: int
    credits: int


@router.get("")
async def sum_usage(
    parts: Parts,
    identity: str | None = None,
    since: str | None = None,
    until: str | None = None,
    by: Literal["day", "key", "model"] = "day",
) -> UsageSums:
    """Sums by day, key or model, of one identity or of all; the last thirty days unless said otherwise."""
    who = await _identity(parts, identity)
    begin, end = _period(parts, since, until)
    sums = await parts.read(parts.usage.usage, who, begin, end, by=by)
    return UsageSums(
        identity=who,
        since=str(timestamp(begin)),
        until=str(timestamp(end)),
        by=by,
        groups=[{by: one.label, **figures([one])} for one in sums],
        totals=figures(sums),
    )


@router.get("/totals")
async def total_usage(parts: Parts) -> BookTotals:
    """How many rows are in which state, and what they come to."""
    totals = await parts.read(parts.usage.totals)
    return BookTotals(
        reserved=totals.reserved,
        settled=totals.settled,
        released=totals.released,
        units=totals.units,
        credits=totals.credits,
    )


@router.get("/rows.csv", response_class=StreamingResponse, responses={200: {"content": {"text/csv": {}}}})
async def download_rows(
    parts: Parts, identity: str | None = None, since: str | None = None, until: str | None = None
) -> StreamingResponse:
    """Every row of the book, as a download. It is whole: where it cannot be read to the end, there is none."""
    who = await _identity(parts, identity)
    begin, end = _period(parts, since, until)
    file = await parts.read(_written, parts, who, begin, end)
    return StreamingResponse(
        _chunks(file), media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="usage.csv"'}
    )


def _written(parts: AdminParts, identity: str | None, since: float, until: float) -> BinaryIO:
    """A file without a name that holds the CSV."""
    try:
        with tempfile.TemporaryFile("w", encoding="utf-8", newline="") as out:
            write_csv(parts.usage.rows(identity, since=since, until=until), out)
            out.flush()
            out.seek(0)
            return os.fdopen(os.dup(out.fileno()), "rb")
    except OSError as error:
        raise Unavailable("ledger", f"the download cannot be prepared: {error.strerror}") from error


def _chunks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while chunk := file.read(_CHUNK):
            yield chunk


async def _identity(parts: AdminParts, identity: str | None) -> str | None:
    return await parts.act(id_of, parts, identity) if identity else None


def _period(parts: AdminParts, since: str | None, until: str | None) -> tuple[float, float]:
    end = moment("until", until) if until is not None else parts.clock()
    return (moment("since", since) if since is not None else max(0.0, end - MONTH_S)), end
