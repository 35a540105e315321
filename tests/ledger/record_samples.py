"""Records as the gate makes them, and any record that could ever be made."""

from __future__ import annotations

from hypothesis import strategies as st

from mattegate.ledger.protocols import Record
from mattegate.vocabulary.attempt import Attempt, Channel, Flaw, Presented, RouteView
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.facts import (
    ClaimFact,
    CredentialFact,
    FactName,
    Facts,
    Failure,
    FloodFact,
    IdentityView,
    KeyView,
    LimitAnswer,
    LimitKind,
    Outcome,
)
from mattegate.vocabulary.reasons import REASONS

KEY = b"a key of thirty-two bytes, no less"
START = 1_800_000_000.0
LAYERS = (
    "request", "transport", "host", "network", "flood", "origin", "credential", "route", "policy", "rate", "quota",
    "upload", "capacity", "engine",
)  # fmt: skip


def refusal(number: int = 0, *, at: float | None = None, reason: str = "credential.unknown", **changes: str) -> Record:
    """A typical refusal; each ``number`` has an id of its own."""
    request_id = f"req_{number:026d}"
    when = START + number if at is None else at
    route = RouteView("cutout", ("POST",), scope="cutout", metered=True, staged=True)
    presented = Presented(Channel.BEARER, prefix="sk_prod_", environment="prod", key_id="k7f3a9c2", length=58)
    attempt = Attempt(
        request_id, when, "POST", "/v1/remove-bg", route, "203.0.113.9", host="api.example.com",
        credentials=(presented,), declared_bytes=123_456, user_agent="curl/8.5.0",
        client_request_id=changes.pop("client_request_id", ""),
    )  # fmt: skip
    facts = Facts(flood=FloodFact("203.0.113.0/24"), credential=CredentialFact())
    revision = changes.pop("revision", "rb_0123456789abcdef")
    assert not changes
    findings = tuple(_finding(layer, reason) for layer in LAYERS)
    status = REASONS[reason].status if reason else 200
    return Record(request_id, when, attempt, facts, findings, revision, "0.3.0", status, reason, "203.0.113.9", 0.4)


def _finding(layer: str, reason: str) -> Finding:
    refusing = reason.partition(".")[0]
    if layer == refusing:
        return Finding(layer, Effect.EXPLICIT_DENY, reason, {"address": "203.0.113.9", "count": 3})
    if refusing in LAYERS and LAYERS.index(layer) > LAYERS.index(refusing):
        return Finding(layer, Effect.SKIPPED)
    return Finding(layer, Effect.ALLOW)


_TEXTS = st.text(max_size=30)
_NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
_COUNTS = st.integers(0, 2**53)
_PLAIN = st.one_of(_TEXTS, st.integers(-(2**63), 2**63 - 1), _NUMBERS, st.booleans(), st.none())
_FACTS = st.dictionaries(_TEXTS, _PLAIN, max_size=3)
_PRESENTED = st.builds(Presented, channel=st.sampled_from(Channel), flaw=st.sampled_from(Flaw), prefix=_TEXTS)
_ATTEMPTS = st.builds(
    Attempt, request_id=_TEXTS, at=_NUMBERS, method=_TEXTS, path=_TEXTS, origin=st.none() | _TEXTS, host=_TEXTS,
    credentials=st.lists(_PRESENTED, max_size=2).map(tuple), forwarded_for=st.lists(_TEXTS, max_size=2).map(tuple),
    declared_bytes=st.none() | st.integers(0, 2**62),
)  # fmt: skip
_FINDINGS = st.builds(
    Finding, layer=_TEXTS, effect=st.sampled_from(Effect), reason=_TEXTS, facts=_FACTS, rule=_TEXTS, detail=_TEXTS,
    shadow=st.booleans(),
)  # fmt: skip
_KEYS = st.builds(KeyView, id=_TEXTS, identity=st.builds(IdentityView, id=_TEXTS, name=_TEXTS, tier=_TEXTS),
                  expires_at=st.none() | _NUMBERS, created_at=_NUMBERS)  # fmt: skip
_ANSWERS = st.builds(LimitAnswer, name=_TEXTS, kind=st.sampled_from(LimitKind), limit=_COUNTS, window_s=_COUNTS,
                     remaining=_COUNTS, reset_s=_NUMBERS, retry_after_s=_NUMBERS)  # fmt: skip
_ALL_FACTS = st.builds(
    Facts,
    flood=st.none() | st.builds(FloodFact, _TEXTS, retry_after_s=_NUMBERS),
    credential=st.none() | st.builds(CredentialFact, st.none() | _KEYS, st.booleans()),
    claim=st.none() | st.builds(ClaimFact, st.lists(_ANSWERS, max_size=2).map(tuple)),
    outcome=st.none() | st.builds(Outcome, _TEXTS, _FACTS),
    failed=st.dictionaries(st.sampled_from(FactName), st.builds(Failure, _TEXTS, _TEXTS), max_size=2),
)
records = st.builds(
    Record, request_id=_TEXTS, at=_NUMBERS, attempt=_ATTEMPTS, facts=_ALL_FACTS,
    findings=st.lists(_FINDINGS, max_size=4).map(tuple), revision=_TEXTS, version=_TEXTS, status=st.integers(100, 599),
    reason=_TEXTS, address=_TEXTS, ms=_NUMBERS,
)  # fmt: skip
"""Any record."""
