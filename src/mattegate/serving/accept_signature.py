"""What a caller is asked to sign who did not sign, or whose signature could not be read (RFC 9421, section 5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.serving.reading import message_of
from mattegate.signing.message_signature import accept_signature
from mattegate.signing.request_signatures import message_rules

if TYPE_CHECKING:
    from starlette.types import Scope

    from mattegate.serving.problem import Problem, RawHeaders
    from mattegate.serving.walk import Walk


def asked_for(problem: Problem, scope: Scope, walk: Walk | None) -> RawHeaders:
    """``Accept-Signature`` for this very request, where a signature is what it lacks; otherwise nothing."""
    if problem.status != 401 or problem.shown.layer != "signature" or walk is None:
        return []
    rules = message_rules(walk.rules.rulebook.signature)
    wanted = accept_signature(rules, message_of(scope, walk.attempt.host))
    return [(b"accept-signature", wanted.encode())]
