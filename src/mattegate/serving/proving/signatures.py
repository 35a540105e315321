"""Signed requests: find the key, do what is cheap first, and only then what needs its secret or the body.

1. The key by its id, if it is a signing key that may be used with this scheme; otherwise a key that does not exist,
   which takes as long and answers as a wrong secret does.
2. Everything about the signature that needs no secret.
3. The body, where the signature covers it as a whole: a few at a time from one address. It is held for known keys
   alone; for one that does not exist it is read and forgotten, so that neither time nor answer tells the two apart.
4. The proof.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from mattegate.gate.address import proto_of
from mattegate.ledger.protocols import Unavailable
from mattegate.serving.payload import plain
from mattegate.signing import compat_hmac, hmac_signature, message_signature, sigv4
from mattegate.signing.envelope import UnsealError, unseal
from mattegate.signing.key_material import HmacSecret, PublicKey, load_public_key
from mattegate.signing.leaks import hide_keys
from mattegate.signing.message import BodyCover, Message, Stated, Verdict
from mattegate.signing.request_signatures import COMPAT, HMAC, MESSAGE, message_rules, sigv4_rules
from mattegate.signing.shape import Known
from mattegate.vocabulary.facts import KeyKind, KeyState, ProofFact, Uses
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mattegate.ledger.protocols import Snapshot, StoredKey
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.held_body import HeldBody
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import KeyView, Plain
    from mattegate.vocabulary.rulebook import SignatureRules
    from mattegate.vocabulary.secrets import KeyEncryptionKeys

BODIES_AT_ONCE: Final = 4
"""Bodies that are read for a proof from one address at a time."""
_LATER_S: Final = 1.0
"""For how much longer than it is good a signature is remembered."""


class SignatureProver:
    """Judges the signature of a request."""

    def __init__(self, keks: KeyEncryptionKeys) -> None:
        self._keks = keks
        self._reading: Counter[str] = Counter()

    async def prove(self, walk: Walk, evidence: Evidence, keys: Snapshot) -> ProofFact:
        """Whose signature it is, or why it proves nothing. Raises :class:`Unavailable`."""
        stated = walk.attempt.signature
        assert stated is not None
        assert evidence.message is not None
        message = replace(evidence.message, scheme=proto_of(walk.attempt, walk.rules))
        for stored in _found(stated, walk, keys) or (None,):
            try:
                verdict = await self._judged(message, stated, self._secret(stored), walk, evidence)
            except Refusal as refusal:  # of a body that had to be read: too large, too slow, gone
                return ProofFact(stored.view if stored else None, refusal.reason.code, plain(refusal.facts))
            if verdict.good:
                break
        if stored is None or not verdict.good:
            return ProofFact(stored.view if stored else None, verdict.code, _told(verdict, walk))
        return ProofFact(stored.view, uses=_uses(stated, stored.view, walk))

    def _secret(self, stored: StoredKey | None) -> bytes | None:
        """The HMAC secret, or the public key in PEM."""
        if stored is None or not stored.kek_version:
            return stored.material if stored else None
        try:
            return unseal(stored.material, key_id=stored.view.id, kek=self._keks.of(stored.kek_version))
        except (KeyError, UnsealError) as error:
            problem = f"the secret of signing key {stored.view.id} cannot be opened: {error}"
            raise Unavailable("control", problem) from None

    async def _judged(
        self, message: Message, stated: Stated, secret: bytes | None, walk: Walk, evidence: Evidence
    ) -> Verdict:
        rules, at = walk.rules.rulebook.signature, walk.attempt.at
        if stated.scheme == HMAC:
            return hmac_signature.verify(message, stated, _shared(secret), at=at, window_s=rules.skew_s)
        if stated.scheme == MESSAGE:
            return message_signature.verify(message, stated, _material(secret), at=at, rules=message_rules(rules))
        if stated.scheme == COMPAT:
            return await self._compat(stated, secret, rules, walk, evidence)
        verdict = sigv4.check(message, stated, at=at, rules=sigv4_rules(rules))
        if not verdict.good:
            return verdict
        body = await self._body_sha256(stated, secret, walk, evidence)
        return sigv4.verify(message, stated, secret, at=at, rules=sigv4_rules(rules), body_sha256=body)

    async def _compat(
        self, stated: Stated, secret: bytes | None, rules: SignatureRules, walk: Walk, evidence: Evidence
    ) -> Verdict:
        verdict = compat_hmac.check_head(stated, at=walk.attempt.at, window_s=rules.skew_s)
        if not verdict.good:
            return verdict
        mac = compat_hmac.BodyMac(compat_hmac.UnsafeBodyTimestampSecret(secret) if secret else None)
        await self._read(evidence.body, mac.update, walk, known=secret is not None)
        return mac.verify(stated)

    async def _body_sha256(self, stated: Stated, secret: bytes | None, walk: Walk, evidence: Evidence) -> str:
        if stated.body is not BodyCover.WHOLE:
            return ""
        digest = sha256()
        await self._read(evidence.body, digest.update, walk, known=secret is not None)
        return digest.hexdigest()

    async def _read(self, body: HeldBody | None, sink: Callable[[bytes], None], walk: Walk, *, known: bool) -> None:
        """Show ``sink`` the body, where there is one. Raises :class:`Refusal`."""
        if body is not None:
            with self._one_more(walk.address):
                await (body.hold(sink) if known else body.pass_by(sink))

    @contextmanager
    def _one_more(self, address: str) -> Iterator[None]:
        """Room for one more body from ``address``. Raises :class:`Refusal` ``flood.body_proofs``."""
        if self._reading[address] >= BODIES_AT_ONCE:
            raise Refusal("flood.body_proofs", address=address, retry_after_s=1.0)
        self._reading[address] += 1
        try:
            yield
        finally:
            self._reading[address] -= 1
            if not self._reading[address]:
                del self._reading[address]


def _found(stated: Stated, walk: Walk, keys: Snapshot) -> tuple[StoredKey, ...]:
    """The signing key that the signature names, if it may be used so; where it names none, those that it may be of."""
    if stated.key_id:
        stored = keys.keys.get(stated.key_id)
        return (stored,) if stored and _suits(stored, stated.scheme) else ()
    # The compatibility form may leave it to the API key beside it whose signature it is.
    credential = walk.facts.credential
    if credential is None or credential.key is None or not credential.proven:
        return ()
    return _of_account(credential.key.identity.id, stated.scheme, walk.attempt.at, keys)


def _of_account(identity: str, scheme: str, at: float, keys: Snapshot) -> tuple[StoredKey, ...]:
    """The one signing key of an account, and those in whose place it is, as long as they work on beside it."""
    every = [one for one in keys.keys.values() if one.view.identity.id == identity and _suits(one, scheme)]
    mine = [one for one in every if _is_live(one.view, at)] or every
    current = [one for one in mine if not one.view.replaced_by]
    if len(current) != 1:
        return ()
    return (*current, *(one for one in mine if one.view.replaced_by == current[0].view.id))


def _is_live(key: KeyView, at: float) -> bool:
    return key.state is KeyState.ACTIVE and (key.expires_at is None or at < key.expires_at)


def _suits(stored: StoredKey, scheme: str) -> bool:
    key = stored.view
    if key.kind is not KeyKind.SIGNING:
        return False
    if scheme == COMPAT or key.schemes:
        return scheme.removesuffix("-query") in key.schemes
    return scheme == MESSAGE or key.algorithm == "hmac-sha256"


def _shared(secret: bytes | None) -> HmacSecret | None:
    return HmacSecret(secret) if secret else None


def _material(secret: bytes | None) -> HmacSecret | PublicKey | None:
    if secret is None:
        return None
    return _public_key(secret) if secret.startswith(b"-----BEGIN") else HmacSecret(secret)


_public_key: Final = lru_cache(maxsize=256)(load_public_key)


def _told(verdict: Verdict, walk: Walk) -> dict[str, Plain]:
    """The facts of a verdict, with our canonical text where there is one, for whoever signed to compare.

    The text is kept with the decision, so a key that stands in the path by mistake is hidden in it.
    """
    facts = dict(verdict.facts)
    if hint := facts.get("hint"):
        facts["hint"] = f"{hint} "
    if not verdict.told:
        return facts
    return facts | {"canonical": hide_keys(verdict.told, Known.of(walk.rules.rulebook.credential).prefixes)}


def _uses(stated: Stated, signer: KeyView, walk: Walk) -> tuple[Uses, ...]:
    """What makes the request good once: for all but requests that change nothing, and those only without a nonce.

    It is the signer's, whether or not the request names it: a name that no signature covers makes nothing good again.
    """
    if not stated.nonce or (stated.scheme.startswith("sigv4") and walk.attempt.method in {"GET", "HEAD"}):
        return ()
    if stated.scheme == sigv4.QUERY_FORM and stated.expires is not None:
        return (Uses(f"presigned:{signer.id}", stated.nonce, stated.expires + _LATER_S),)
    made = stated.created or walk.attempt.at
    until = made + walk.rules.rulebook.signature.skew_s + _LATER_S
    return (Uses(f"signature:{signer.id}", stated.nonce, until, made=made),)
