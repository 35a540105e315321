"""Why two sides disagree about what was signed: the text of each, line by line.

Our text is not written down a second time here: it is what the server's own code would tell of the request that we
sent, so a line that differs is a line that something in between has changed, or a secret that is another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import sha256
from itertools import zip_longest
from typing import Final

from mattegate.client.credentials import Moment
from mattegate.client.request import Outgoing
from mattegate.signing import hmac_signature, message_signature, sigv4
from mattegate.signing.message import Message, Stated, Verdict
from mattegate.signing.request_signatures import MESSAGE, SIGV4, read_signature, signed_by
from mattegate.signing.sigv4.stamps import instant
from mattegate.vocabulary.attempt import Channel
from mattegate.vocabulary.rulebook import SignatureRules

_NOBODY: Final = None
"""A key that does not exist: the verdict then tells the text, as it does of every mismatch."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One line of both texts."""

    ours: str | None
    """``None`` where this side has no such line."""
    theirs: str | None

    @property
    def same(self) -> bool:
        """Whether both sides wrote the same."""
        return self.ours == self.theirs


def canonical_text(request: Outgoing, rules: SignatureRules) -> str:
    """What the server would tell of a signed ``request`` if its signature did not match; empty for an unsigned one.

    ``rules`` are the server's, as far as the signature depends on them: region, service and components.
    """
    message = request.message
    scheme = _scheme_of(message)
    stated = read_signature(message, scheme, rules) if scheme else None
    if not isinstance(stated, Stated):
        return ""
    return _verdict(request, stated, rules).told


def compare(ours: str, theirs: str) -> tuple[Compared, ...]:
    """Both texts side by side; a line that one side alone has stands alone, and the lines behind it still meet."""
    mine, yours = ours.splitlines(), theirs.splitlines()
    runs = SequenceMatcher(None, mine, yours, autojunk=False).get_opcodes()
    sides = (zip_longest(mine[i:j], yours[k:m]) for _, i, j, k, m in runs)
    return tuple(Compared(*pair) for side in sides for pair in side)


def differences(compared: tuple[Compared, ...]) -> Iterator[tuple[int, Compared]]:
    """The lines that differ, counted from 1."""
    return ((number, line) for number, line in enumerate(compared, 1) if not line.same)


def moment_of(text: str) -> Moment | None:
    """When the request that ``text`` was written down of was signed, and its nonce; ``None`` where that is not in it.

    Signed for that moment again, the same request has the same text.
    """
    if text.startswith(hmac_signature.VERSION):
        lines = [*text.split("\n"), "", "", ""]
        return Moment(float(lines[2]), lines[3]) if lines[2].isdecimal() else None
    if found := _AMZ_DATE.search(text):
        at = instant(found[1])
        return None if at is None else Moment(at, "")
    if found := _CREATED.search(text):
        nonce = _NONCE.search(text)
        return Moment(float(found[1]), nonce[1] if nonce else "")
    return None


_AMZ_DATE: Final = re.compile(r"^(?:x-amz-date:|AWS4-HMAC-SHA256\n)([0-9TZ]{16})$", re.MULTILINE)
_CREATED: Final = re.compile(r'^"@signature-params": .*;created=([0-9]{1,12})(?![0-9])', re.MULTILINE)
_NONCE: Final = re.compile(r'^"@signature-params": .*;nonce="([!#-\[\]-~]{1,256})"', re.MULTILINE)


def _scheme_of(message: Message) -> str:
    marks = signed_by(message.headers, message.query)
    if marks:
        return marks[0][1]
    in_header = any(value.startswith(b"AWS4-") for value in message.values(b"authorization"))
    return SIGV4 if in_header or any(channel is Channel.PRESIGNED for channel, _ in marks) else ""


def _verdict(request: Outgoing, stated: Stated, rules: SignatureRules) -> Verdict:
    message, at = request.message, stated.created or 0.0
    if stated.scheme == MESSAGE:
        own = message_signature.SignatureRules(required=rules.components, tag=rules.tag or None)
        return message_signature.verify(message, stated, _NOBODY, at=at, rules=own)
    if stated.scheme.startswith(SIGV4):
        own_rules = sigv4.SigV4Rules(rules.region, rules.service)
        body = sha256(request.body).hexdigest()
        return sigv4.verify(message, stated, _NOBODY, at=at, rules=own_rules, body_sha256=body)
    return hmac_signature.verify(message, stated, _NOBODY, at=at)
