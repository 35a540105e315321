"""What a proven caller can do about themselves: see their usage, and look after their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from mattegate.gate.limits import limits_of
from mattegate.ledger.account_values import invalid
from mattegate.serving.account import caller_of, json_response, limits_shown, timestamp
from mattegate.serving.account_keys import OwnKeys
from mattegate.serving.moments import moment
from mattegate.serving.routes import KEY, KEY_ROTATE, KEYS, USAGE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from mattegate.config.settings import Settings
    from mattegate.ledger.control import Rows
    from mattegate.ledger.desk import Desk
    from mattegate.ledger.usage_book import By, UsageBook, UsageSum
    from mattegate.serving.endpoint import Answering
    from mattegate.serving.gatehouse import Gatehouse

MONTH_S: Final = 30 * 86_400.0

_BY: Final[Mapping[str, By]] = {"day": "day", "key": "key", "model": "model"}


def self_service(
    settings: Settings, gatehouse: Gatehouse, *, desk: Desk, rows: Rows, usage: UsageBook
) -> Mapping[str, Answering]:
    """The endpoints by the names of their routes, as :class:`~mattegate.serving.app.DataPlane` takes them."""
    keys = OwnKeys(settings, gatehouse, desk=desk, rows=rows)
    return {
        USAGE.name: OwnUsage(gatehouse, usage).usage,
        KEYS.name: keys.all,
        KEY.name: keys.one,
        KEY_ROTATE.name: keys.rotate,
    }


class OwnUsage:
    """What the caller's account has used."""

    def __init__(self, gatehouse: Gatehouse, book: UsageBook) -> None:
        self._gatehouse = gatehouse
        self._book = book

    async def usage(self, request: Request) -> Response:
        """``GET /v1/usage?since&until&by``: sums, the balance of credits, and where the limits stand.

        Raises :class:`Refusal` ``account.invalid``.
        """
        walk, key = caller_of(request)
        identity, at = key.identity.id, walk.attempt.at
        since, until, by = _period(request, at)
        sums = await self._gatehouse.bookkeeper.in_thread(partial(self._book.usage, identity, since, until, by=by))
        limits = limits_of(key, walk.rules)
        standing = await self._gatehouse.bookkeeper.in_thread(self._book.standing, identity, limits, at)
        return json_response(
            {
                "identity": {"id": identity, "name": key.identity.name, "tier": key.identity.tier},
                "since": timestamp(since),
                "until": timestamp(until),
                "by": by,
                "groups": [{by: one.label, **figures([one])} for one in sums],
                "totals": figures(sums),
                "credits": await self._gatehouse.bookkeeper.in_thread(self._book.balance, identity),
                "limits": limits_shown(standing),
            }
        )


def _period(request: Request, now: float) -> tuple[float, float, By]:
    query = request.query_params
    for name in query:
        if name not in {"since", "until", "by"}:
            raise invalid("a parameter", name[:40], "there are since, until and by")
        if len(query.getlist(name)) > 1:
            raise invalid(name, "…", "it is given twice")
    until = moment("until", query["until"]) if "until" in query else now
    since = moment("since", query["since"]) if "since" in query else max(0.0, until - MONTH_S)
    by = _BY.get(query.get("by", "day"))
    if by is None:
        raise invalid("by", query["by"][:40], "it is day, key or model")
    return since, until, by


def figures(sums: Sequence[UsageSum]) -> dict[str, int | float]:
    """Usage added up."""
    return {
        "requests": sum(one.requests for one in sums),
        "images": sum(one.images for one in sums),
        "units": sum(one.units for one in sums),
        "pixels": sum(one.pixels for one in sums),
        "bytes_in": sum(one.bytes_in for one in sums),
        "bytes_out": sum(one.bytes_out for one in sums),
        "ms": round(sum(one.ms for one in sums), 1),
    }
