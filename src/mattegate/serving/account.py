"""What a proven caller can ask about themselves: who they are here, and why they were refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from mattegate.gate.case import proven_keys
from mattegate.gate.explain import checks, public_checks
from mattegate.gate.limits import limits_of
from mattegate.ledger.protocols import Record
from mattegate.serving.exchange import Exchange
from mattegate.serving.problem import encode_json
from mattegate.serving.threshold import VALUES
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.requests import Request

    from mattegate.ledger.protocols import RecordBook
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.standing import Standing
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import KeyView, LimitAnswer

_PRIVATE_LAYERS = frozenset({"network", "flood"})
"""Layers whose rules and details are the operator's business, even towards a caller they refused."""

_PUBLIC_WORDS = frozenset({"authorizer", "upload"})
"""Layers that know more than the caller may: what an authorizer said beside it, what an address led to."""


class Account:
    """The endpoints; ``standing`` tells where limits stand without taking anything."""

    def __init__(self, gatehouse: Gatehouse, records: RecordBook, standing: Standing) -> None:
        self._gatehouse = gatehouse
        self._records = records
        self._standing = standing

    async def whoami(self, request: Request) -> Response:
        """``GET /v1/whoami``: the identity, the key, the tier and where its limits stand."""
        walk, key = caller_of(request)
        limits = limits_of(key, walk.rules)
        answers = await self._gatehouse.bookkeeper.in_thread(self._standing, key.identity.id, limits, walk.attempt.at)
        return json_response({**described(key), "address": walk.address, "limits": limits_shown(answers)})

    async def decision(self, request: Request) -> Response:
        """``GET /v1/decisions/{id}``: one's own decisions; everything else is the same 404.

        Raises :class:`Refusal` ``record.not_found``.
        """
        _, key = caller_of(request)
        request_id = request.scope[VALUES]["request_id"][:64]
        record = await self._gatehouse.bookkeeper.in_thread(self._records.find, request_id)
        if not isinstance(record, Record) or not _owns(key, record):
            raise Refusal("record.not_found", request_id=request_id)
        return json_response(_redacted(record))


def caller_of(request: Request) -> tuple[Walk, KeyView]:
    """The walk of a request that was let in, and who made it."""
    walk = Exchange.of(request.scope).walk
    assert walk is not None
    assert walk.caller is not None
    return walk, walk.caller


def described(key: KeyView) -> dict[str, Any]:
    """A key and its identity, as their owner may see them."""
    return {
        "identity": {"id": key.identity.id, "name": key.identity.name, "tier": key.identity.tier},
        "key": {
            "id": key.id,
            "name": key.name,
            "environment": key.environment,
            "expires_at": timestamp(key.expires_at),
            "scopes": list(key.scopes if key.scopes is not None else key.identity.scopes),
            "addresses": list(key.addresses),
            "origins": list(key.origins),
            "models": list(key.models),
            "url_hosts": list(key.url_hosts),
            "replaced_by": key.replaced_by or None,
        },
    }


def timestamp(at: float | None) -> str | None:
    """Unix seconds as ISO 8601 in UTC."""
    return None if at is None else datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def json_response(document: Mapping[str, object], status: int = 200) -> Response:
    """A JSON answer that nobody caches."""
    return Response(encode_json(document), status, media_type="application/json", headers={"Cache-Control": "no-store"})


def limits_shown(answers: Sequence[LimitAnswer]) -> list[dict[str, Any]]:
    """Where limits stand."""
    return [
        {
            "name": answer.name,
            "kind": answer.kind,
            "limit": answer.limit,
            "window_s": answer.window_s,
            "remaining": answer.remaining,
            "reset_s": round(answer.reset_s, 3),
        }
        for answer in answers
    ]


def _owns(key: KeyView, record: Record) -> bool:
    return any(proven.identity.id == key.identity.id for proven in proven_keys(record.facts))


def _redacted(record: Record) -> dict[str, Any]:
    """A record as its caller may see it: public codes, and no rule that is the operator's business."""
    reason = REASONS[REASONS[record.reason].public] if record.reason else None
    shown = map(_shown, checks(record.findings), public_checks(record.findings))
    return {
        "request_id": record.request_id,
        "at": timestamp(record.at),
        "method": record.attempt.method,
        "path": record.attempt.path,
        "decision": "deny" if reason else "allow",
        "status": record.status,
        "reason": reason.code if reason else "",
        "layer": reason.layer if reason else "",
        "title": reason.title if reason else "",
        "checks": list(shown),
    }


def _shown(check: dict[str, str], public: dict[str, str]) -> dict[str, str]:
    if check["layer"] in _PUBLIC_WORDS:
        return public
    return check | ({"detail": ""} if check["layer"] in _PRIVATE_LAYERS else {})
