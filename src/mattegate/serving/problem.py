"""Refusals as problem details on the wire (RFC 9457, ``application/problem+json``).

Everything a caller sees derives from the *public* code of a reason; this is the one place where that happens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Self

import msgspec

from mattegate.ledger.form import TEXT_HOLE, json_with_holes
from mattegate.serving.challenge import challenges
from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.refusal import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.refusal import Refusal

RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class _Face:
    """What every problem of one reason has in common, spelled once."""

    anchor: str
    layer: str
    error_type: tuple[bytes, bytes]
    code: tuple[bytes, bytes]

    @classmethod
    def of(cls, shown: Reason) -> Self:
        return cls(
            anchor=shown.anchor,
            layer=shown.layer,
            error_type=(b"x-mattegate-error-type", shown.error_type.encode()),
            code=(b"x-mattegate-reason", shown.code.encode()),
        )


_FACES: Final = MappingProxyType({code: _Face.of(reason) for code, reason in REASONS.items()})
_CONTENT_TYPE: Final = (b"content-type", b"application/problem+json")
_NO_STORE: Final = (b"cache-control", b"no-store")


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal, worded for its caller."""

    shown: Reason
    detail: str
    remedy: str
    status: int
    """The reason's, unless a setting has it otherwise."""
    retry_after_s: int | None
    allowed: str
    """The methods of ``Allow`` where the method was refused; otherwise empty."""
    canonical: str = ""
    """What we wrote down of a request whose signature does not match, for whoever signed it to compare."""
    challenges: tuple[tuple[bytes, bytes], ...] = ()
    """Headers that say which proof would do."""

    @classmethod
    def of(cls, refusal: Refusal, walk: Walk | None = None) -> Problem:
        """Word a refusal, which ``walk`` may have led to, by its public code.

        Raises ``KeyError`` where its facts do not fill the sentences.
        """
        shown = REASONS[refusal.reason.public]
        return cls(
            shown=shown,
            detail=said(shown.sentence, refusal.facts),
            remedy=said(shown.remedy, refusal.facts),
            status=refusal.status,
            retry_after_s=refusal.retry_after_s,
            allowed=str(refusal.facts.get("allowed", "")) if shown.code == "route.method" else "",
            challenges=challenges(shown, refusal.status, refusal.facts, walk),
            canonical=str(refusal.facts.get("canonical", "")) if shown.layer == "signature" else "",
        )

    def document(self, *, request_id: str, instance: str, docs: str) -> Mapping[str, object]:
        """The members of the problem document; ``docs`` is the path of the page that lists the reasons."""
        face = _FACES[self.shown.code]
        canonical = {"canonical": self.canonical} if self.canonical else {}
        return {
            "type": f"{docs}#{face.anchor}",
            "title": self.shown.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reason": self.shown.code,
            "layer": face.layer,
            "request_id": request_id,
            "remedy": self.remedy,
            **canonical,
        }

    def body_with_hole(self, *, instance: str, docs: str) -> bytes:
        """The document as :func:`encode_json` spells it, with a hole for the id.

        Raises as :func:`~mattegate.ledger.form.json_with_holes` does.
        """
        document = {**self.document(request_id="", instance=instance, docs=docs), "request_id": TEXT_HOLE}
        return json_with_holes(document) + b"\n"

    def headers(self, body: bytes) -> RawHeaders:
        """The headers of the answer whose bytes are ``body``, without those that every answer carries."""
        face = _FACES[self.shown.code]
        headers = [_CONTENT_TYPE, (b"content-length", b"%d" % len(body)), _NO_STORE, face.error_type, face.code]
        headers += self.challenges
        if self.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after_s))
        if self.allowed:
            headers.append((b"allow", self.allowed.encode()))
        return headers


def encode_json(document: Mapping[str, object]) -> bytes:
    """Compact UTF-8 JSON with a final newline; lone surrogates from hostile input become their escapes."""
    try:
        return msgspec.json.encode(document) + b"\n"
    except (UnicodeEncodeError, OverflowError):  # lone surrogates; integers beyond 64 bits
        text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "backslashreplace") + b"\n"
