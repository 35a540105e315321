"""Refusals as problem details on the wire (RFC 9457, ``application/problem+json``).

Everything a caller sees derives from the *public* code of a reason; this is the one place where that happens.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mattegate.vocabulary.reasons import REASONS, Reason

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mattegate.vocabulary.refusal import Refusal

RawHeaders = list[tuple[bytes, bytes]]


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

    @classmethod
    def of(cls, refusal: Refusal) -> Problem:
        """Word a refusal by its public code. Raises ``KeyError`` where its facts do not fill the sentences."""
        shown = REASONS[refusal.reason.public]
        return cls(
            shown=shown,
            detail=shown.sentence.format(**refusal.facts),
            remedy=shown.remedy.format(**refusal.facts),
            status=refusal.status,
            retry_after_s=refusal.retry_after_s,
            allowed=str(refusal.facts.get("allowed", "")) if shown.code == "route.method" else "",
        )

    def document(self, *, request_id: str, instance: str, docs: str) -> Mapping[str, object]:
        """The members of the problem document; ``docs`` is the path of the page that lists the reasons."""
        return {
            "type": f"{docs}#{self.shown.anchor}",
            "title": self.shown.title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            "reason": self.shown.code,
            "layer": self.shown.layer,
            "request_id": request_id,
            "remedy": self.remedy,
        }

    def headers(self, body: bytes) -> RawHeaders:
        """The headers of the answer whose bytes are ``body``, without those that every answer carries."""
        headers = [
            (b"content-type", b"application/problem+json"),
            (b"content-length", b"%d" % len(body)),
            (b"cache-control", b"no-store"),
            (b"x-mattegate-error-type", self.shown.error_type.encode()),
            (b"x-mattegate-reason", self.shown.code.encode()),
        ]
        if self.status == 401:
            headers.append((b"www-authenticate", self._challenge()))
        if self.retry_after_s is not None:
            headers.append((b"retry-after", b"%d" % self.retry_after_s))
        if self.allowed:
            headers.append((b"allow", self.allowed.encode()))
        return headers

    def _challenge(self) -> bytes:
        """What a 401 must carry (RFC 9110, section 11.6.1); no error code where nothing was shown (RFC 6750, 3.1)."""
        challenge = 'Bearer realm="mattegate"'
        if self.shown.code != "credential.missing":
            challenge += f', error="invalid_token", error_description="{self.shown.title}"'
        return challenge.encode()


def encode_json(document: Mapping[str, object]) -> bytes:
    """Compact UTF-8 JSON with a final newline; lone surrogates from hostile input become their escapes."""
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return text.encode("utf-8", "backslashreplace") + b"\n"
