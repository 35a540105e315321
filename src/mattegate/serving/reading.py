"""From the head of a request to an attempt: what may be judged and kept, with the secrets set apart.

Rules of this file: a text that was cut says so by its last character, so that no part of it passes for the whole; what
may be a key is hidden in every text that is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from mattegate.serving.evidence import Evidence
from mattegate.serving.stated_proofs import PROVEN_BY_MESSAGE, with_proofs
from mattegate.signing.canonical import told_query
from mattegate.signing.credentials import present
from mattegate.signing.leaks import hide_keys
from mattegate.signing.message import Message
from mattegate.signing.shape import Known
from mattegate.vocabulary.attempt import CUT, Attempt, Behalf, Flawed, Preflight
from mattegate.vocabulary.rulebook import SignatureRules

if TYPE_CHECKING:
    from starlette.types import Scope

    from mattegate.serving.routes import Match
    from mattegate.vocabulary.facts import Plain
    from mattegate.vocabulary.rulebook import CredentialRules

LONGEST: Final = 256
"""Characters kept of any text that the caller chose."""

_SIGNATURE_RULES: Final = SignatureRules()

BEHALF: Final = "mattegate.behalf"
"""Where in the scope it stands that a proxy asks on behalf of this request."""

_ONCE: Final = {
    b"host": "host",
    b"origin": "origin",
    b"content-length": "declared_bytes",
    b"idempotency-key": "idempotency_key",
    b"user-agent": "user_agent",
    b"x-request-id": "client_request_id",
    b"x-real-ip": "real_ip",
    b"x-original-uri": "original_uri",
    b"x-forwarded-proto": "forwarded_proto",
    b"x-forwarded-host": "forwarded_host",
    b"access-control-request-method": "preflight_method",
    b"access-control-request-headers": "preflight_headers",
}
"""What the headers that stand alone are called in an attempt."""
_PREFLIGHT: Final = frozenset({"preflight_method", "preflight_headers"})
"""The two that become one field together."""
_MUST_BE_SINGLE: Final = frozenset({"host", "origin", "declared_bytes", "idempotency_key", "preflight_method"})


@dataclass(frozen=True, slots=True)
class Reading:
    """An attempt, and what it presented as proof."""

    attempt: Attempt
    evidence: Evidence

    def __repr__(self) -> str:
        return f"Reading({self.attempt!r})"


def read_attempt(
    scope: Scope,
    match: Match,
    rules: CredentialRules,
    *,
    request_id: str,
    at: float,
    flawed: Flawed | None = None,
    model: str = "",
    signature: SignatureRules = _SIGNATURE_RULES,
) -> Reading:
    """Read one head. Never raises: whatever is wrong with it becomes a part of the attempt."""
    headers: Sequence[tuple[bytes, bytes]] = scope["headers"]
    prefixes = Known.of(rules).prefixes
    lines = _lines_of(headers, prefixes)
    single = lines.single
    presentation = present(headers, scope["query_string"], rules)
    behalf: Behalf | None = scope.get(BEHALF)
    if behalf is not None:
        single.pop("idempotency_key", None)  # which is the upstream's to keep
    flawed = flawed or _bad_idempotency_key(match, single)
    client = scope.get("client")
    method = scope["method"]
    declared = single.pop("declared_bytes", "")
    preflight = _preflight(single) if _PREFLIGHT & single.keys() else None
    attempt = Attempt(
        request_id=request_id,
        at=at,
        method=method[:32],
        path=kept(scope["path"], prefixes),
        route=match.route,
        peer=str(client[0]) if client else "",
        tls=scope["scheme"] == "https",
        forwarded_for=tuple(lines.forwarded_for),
        forwarded=tuple(lines.forwarded),
        preflight=preflight if method == "OPTIONS" else None,
        credentials=presentation.presented,
        doubled=tuple(lines.doubled),
        flawed=flawed and replace(flawed, facts=without_keys(flawed.facts, prefixes)),
        model=kept(model, prefixes) if model else "",
        declared_bytes=_length(declared) if declared else None,
        behalf=behalf,
        **single,
    )
    if not any(presented.channel in PROVEN_BY_MESSAGE for presented in presentation.presented):
        return Reading(attempt, Evidence(presentation.secrets, headers=headers))
    message = message_of(scope, attempt.host)
    evidence = Evidence(presentation.secrets, message, headers=headers)
    return Reading(with_proofs(attempt, message, presentation.secrets, signature), evidence)


@dataclass(slots=True)
class _Lines:
    """The headers that an attempt holds, by their names in it."""

    single: dict[str, Any] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)
    forwarded_for: list[str] = field(default_factory=list)
    forwarded: list[str] = field(default_factory=list)


def _lines_of(headers: Sequence[tuple[bytes, bytes]], prefixes: tuple[str, ...]) -> _Lines:
    lines = _Lines()
    for name, value in headers:
        if key := _ONCE.get(name):
            if key in lines.single and key in _MUST_BE_SINGLE:
                lines.doubled.append(name.decode("latin-1"))
            text = value.decode("latin-1")
            lines.single[key] = kept(_address(text) if key == "original_uri" else text, prefixes)
        elif name == b"x-forwarded-for":
            lines.forwarded_for += _elements(value, prefixes)
        elif name == b"forwarded":
            lines.forwarded += _elements(value, prefixes)
    return lines


def _address(text: str) -> str:
    """An address with the values of its query hidden: one of them may be a signature that is good for days."""
    path, question, query = text.partition("?")
    return f"{path}?{told_query(query)}" if question else path


def message_of(scope: Scope, host: str) -> Message:
    """The head as it came over the wire, for whatever is signed or bound in it."""
    path = scope.get("raw_path") or scope["path"].encode()
    return Message(scope["method"], path, scope["query_string"], tuple(scope["headers"]), scope["scheme"], host)


def _preflight(single: dict[str, Any]) -> Preflight | None:
    """A CORS preflight has an origin and names a method (Fetch, section 3.2.2); takes its headers out of ``single``."""
    method, headers = single.pop("preflight_method", None), single.pop("preflight_headers", "")
    if method is None or "origin" not in single:
        return None
    names = (name.strip().lower() for name in headers.split(","))
    return Preflight(method[:32], tuple(name for name in names if name))


def _bad_idempotency_key(match: Match, single: dict[str, Any]) -> Flawed | None:
    """What is wrong with the key of a request that is paid for; on any other it does not matter."""
    key = single.get("idempotency_key")
    if key is None or not match.route.metered or (key.isascii() and key.isprintable() and 0 < len(key) < LONGEST):
        return None
    return Flawed("idempotency.malformed", {"length": len(key)})


_MOST_HOPS: Final = 64


def _elements(value: bytes, prefixes: tuple[str, ...]) -> list[str]:
    """The elements of a list header; the rightmost ones where there are more than anybody's chain of proxies has."""
    return [kept(part.strip(), prefixes) for part in value.decode("latin-1").split(",")[-_MOST_HOPS:]]


def _length(text: str) -> int | None:
    """What is declared; no more than a signed integer of 64 bits holds, because it is counted in one."""
    return min(int(text), _HIGHEST) if text.isascii() and text.isdecimal() and len(text) <= 19 else None


_HIGHEST: Final = 2**63 - 1


def kept(text: str, prefixes: tuple[str, ...]) -> str:
    """What may be kept of a text that the caller chose."""
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + CUT
    return hide_keys(text, prefixes)


def without_keys(facts: Mapping[str, Plain], prefixes: tuple[str, ...]) -> dict[str, Plain]:
    """Facts of a refusal, which may quote the caller, without any key."""
    return {name: hide_keys(value, prefixes) if isinstance(value, str) else value for name, value in facts.items()}
