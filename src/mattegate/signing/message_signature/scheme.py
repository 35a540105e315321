"""Reading, verifying and making the signature of a request (RFC 9421, sections 3.1 and 3.2).

Rules of this file:

1. The algorithm is the key's. Where the signature states one it must be the same.
2. A key that does not exist, a wrong signature and another algorithm than the key's are one answer and one work.
3. A signature covers the body through ``Content-Digest``: :class:`~mattegate.signing.content_digest.BodyDigester`
   compares it with the bytes. Where no body is announced the digest of nothing is bound.
4. The nonce is the caller's, and consumed by whoever admits the request. Methods that need none can be repeated within
   the window: they change nothing.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from mattegate.signing.canonical import declares_body
from mattegate.signing.content_digest import digests_of
from mattegate.signing.freshness import check_age, check_expiry
from mattegate.signing.key_material import HmacSecret, PrivateKey, PublicKey
from mattegate.signing.message import VERIFIED, BodyCover, Message, Stated, Verdict
from mattegate.signing.message_signature.algorithms import make_signature, verifies, waste_as_much
from mattegate.signing.message_signature.base import SignatureBase, signature_base, signature_input
from mattegate.signing.message_signature.component import Component, component_named
from mattegate.signing.message_signature.rules import SignatureRules, check_coverage, check_parameters
from mattegate.signing.message_signature.selection import Selected, select
from mattegate.signing.refused import Refused, incomplete
from mattegate.signing.structured_fields import Bare
from mattegate.vocabulary.facts import Plain

SCHEME: Final = "rfc9421"
DEFAULT_RULES: Final = SignatureRules()
_MOST_TEXT: Final = 256
_LABEL: Final = re.compile(r"[a-z*][a-z0-9_.*-]{0,63}")
_DIGEST: Final = "content-digest"


def read(message: Message, rules: SignatureRules = DEFAULT_RULES) -> Stated | Verdict | None:
    """What the signature states; ``None`` where there is none that is ours."""
    try:
        found = _examined(message, rules)
        return None if found is None else _stated(found, message)
    except Refused as refused:
        return refused.verdict


def verify(
    message: Message,
    stated: Stated,
    key: HmacSecret | PublicKey | None,
    *,
    at: float,
    rules: SignatureRules = DEFAULT_RULES,
) -> Verdict:
    """Judge the signature at Unix time ``at``; ``key`` is ``None`` where there is no such key.

    ``rules`` are those it was read under.
    """
    try:
        found = _examined(message, rules)
        if found is None:
            return incomplete("Signature").verdict
        _check_times(stated, rules, at)
        base = signature_base(found.made, message)
    except Refused as refused:
        return refused.verdict
    return _judged(found, base, key)


def sign(
    message: Message,
    key_id: str,
    key: HmacSecret | PrivateKey,
    *,
    at: float,
    nonce: str = "",
    covering: Sequence[str] | None = None,
    expires: float | None = None,
    tag: str = "",
    label: str = "sig1",
    rules: SignatureRules = DEFAULT_RULES,
) -> tuple[tuple[bytes, bytes], ...]:
    """The headers to add to ``message``, which has its ``Content-Digest`` already.

    ``covering`` are component identifiers as :func:`~.component.component_named` reads them; what ``rules`` require
    where it is ``None``. Raises ``ValueError`` for a component, nonce or label that cannot be signed.
    """
    names = rules.components_for(message) if covering is None else covering
    given: dict[str, Bare | None] = {
        "created": int(at),
        "expires": None if expires is None else int(expires),
        "keyid": key_id,
        "alg": key.algorithm.value,
        "nonce": nonce or None,
        "tag": tag or None,
    }
    params = {name: value for name, value in given.items() if value is not None}
    if not _LABEL.fullmatch(label):
        raise ValueError(f"the label {label!r} is no key of a dictionary (RFC 9651, section 3.1.2)")
    made = signature_input(tuple(component_named(name) for name in names), params)
    signature = make_signature(key, signature_base(made, message).text)
    return (
        (b"signature-input", f"{label}={made.serialized}".encode()),
        (b"signature", b"%s=:%s:" % (label.encode(), b64encode(signature))),
    )


def _examined(message: Message, rules: SignatureRules) -> Selected | None:
    """Our signature, if it states and covers what it must; raises :class:`Refused` otherwise."""
    found = select(message, rules)
    if found is not None:
        check_parameters(found.made, rules, message.method)
        check_coverage(found.made.components, rules, message)
    return found


def _check_times(stated: Stated, rules: SignatureRules, at: float) -> None:
    if rules.window_s is not None:
        check_age(stated.created or 0.0, at=at, window_s=rules.window_s)
        check_expiry(stated.expires, at=at)


def _judged(found: Selected, base: SignatureBase, key: HmacSecret | PublicKey | None) -> Verdict:
    algorithm = found.made.text("alg")
    if key is None or algorithm not in {"", key.algorithm}:
        waste_as_much(algorithm, base.text, found.signature)
        if key is not None:
            facts: dict[str, Plain] = {"stated": algorithm, "expected": key.algorithm.value, "differs": "", "hint": ""}
            return Verdict("signature.algorithm_of_key", facts, base.told)
    elif verifies(key, base.text, found.signature):
        return VERIFIED
    return Verdict("signature.mismatch", {"differs": "", "hint": ""}, base.told)


def _stated(found: Selected, message: Message) -> Stated:
    made = found.made
    body, digest, sha512 = _bound_body(made.components, message)
    particulars = {"label": found.label, "tag": made.text("tag"), "sha-512": sha512}
    return Stated(
        SCHEME,
        made.text("keyid"),
        created=made.seconds("created"),
        expires=made.seconds("expires"),
        nonce=made.text("nonce"),
        algorithm=made.text("alg"),
        covered=tuple(component.identifier[:_MOST_TEXT] for component in made.components),
        body=body,
        digest=digest,
        particulars={name: value[:_MOST_TEXT] for name, value in particulars.items() if value},
    )


def _bound_body(components: tuple[Component, ...], message: Message) -> tuple[BodyCover, str, str]:
    """How the body is covered, with its SHA-256 and SHA-512 where they are stated."""
    if any(component.name == _DIGEST and component.whole for component in components):
        if not message.values(_DIGEST.encode()):
            raise Refused("signature.header_absent", headers=_DIGEST)
        stated = digests_of(message).by_algorithm
        return BodyCover.DIGEST, stated.get("sha-256", ""), stated.get("sha-512", "")
    if declares_body(message):
        return BodyCover.NONE, "", ""
    return BodyCover.DIGEST, sha256().hexdigest(), ""
