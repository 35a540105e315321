"""The ways to prove who sends a request. Each gives the headers to add, and none changes what is there.

A credential is asked anew for every try, with the moment and a fresh random text: two tries are never the same bytes.
No secret is in a ``repr``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

from mattegate.client.request import Headers, Outgoing
from mattegate.signing import content_digest, hmac_signature, message_signature, sigv4
from mattegate.signing.canonical import declares_body
from mattegate.signing.key_material import HmacSecret, PrivateKey
from mattegate.signing.tokens.dpop import make_proof
from mattegate.signing.tokens.signing_keys import SigningKey

_BESIDE: Final = ("idempotency-key",)
"""What is covered beyond what a scheme covers by itself, where it is there."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What only a running program knows, given to whoever signs."""

    at: float
    """Unix seconds."""
    fresh: str
    """At least 16 visible characters, random, never used before."""
    server_nonce: str = ""
    """What the server's last ``DPoP-Nonce`` said."""


class Credential(Protocol):
    """Proves who sends a request."""

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """What is added to ``request``. Raises ``ValueError`` for a request that cannot be signed."""


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The key itself, as ``Authorization: Bearer``."""

    key: str = field(repr=False)

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """One header."""
        return ((b"authorization", b"Bearer " + self.key.encode("ascii")),)


@dataclass(frozen=True, slots=True)
class Token:
    """A JSON Web Token that whoever holds may use (RFC 6750)."""

    token: str = field(repr=False)

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """One header."""
        return ((b"authorization", b"Bearer " + self.token.encode("ascii")),)


@dataclass(frozen=True, slots=True)
class BoundToken:
    """A token that is bound to a key, with a proof of that key for every request (RFC 9449)."""

    token: str = field(repr=False)
    key: SigningKey

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """The token and its proof."""
        proof = make_proof(
            self.key,
            request.method,
            request.address,
            at=moment.at,
            token_id=moment.fresh,
            token=self.token,
            nonce=moment.server_nonce,
        )
        return ((b"authorization", b"DPoP " + self.token.encode("ascii")), (b"dpop", proof.encode("ascii")))


@dataclass(frozen=True, slots=True)
class HmacSigning:
    """The server's own signature (:mod:`mattegate.signing.hmac_signature`)."""

    key_id: str
    secret: HmacSecret

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """Six headers, or five where nothing beyond the scheme's own is covered."""
        return hmac_signature.sign(
            request.message,
            self.key_id,
            self.secret,
            at=moment.at,
            nonce=moment.fresh,
            body_sha256=sha256(request.body).hexdigest(),
            covering=_beside(request),
        )


@dataclass(frozen=True, slots=True)
class SigV4Signing:
    """AWS Signature Version 4; region and service are those that the server is set to."""

    key_id: str
    secret: bytes = field(repr=False)
    region: str = "local"
    service: str = "mattegate"

    @property
    def rules(self) -> sigv4.SigV4Rules:
        """What both sides go by."""
        return sigv4.SigV4Rules(self.region, self.service)

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """``X-Amz-Date``, ``X-Amz-Content-Sha256`` and ``Authorization``; every other header is covered too."""
        payload = sha256(request.body).hexdigest()
        return sigv4.sign(
            request.message,
            key_id=self.key_id,
            secret=self.secret,
            at=moment.at,
            rules=self.rules,
            payload=payload,
        )


@dataclass(frozen=True, slots=True)
class MessageSigning:
    """HTTP Message Signatures (RFC 9421), by whichever algorithm the key is for."""

    key_id: str
    key: HmacSecret | PrivateKey
    components: Sequence[str] = ("@method", "@authority", "@path")
    """What is covered beside the query, the body's digest and the idempotency key, where they are there."""
    tag: str = ""

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """``Signature-Input`` and ``Signature``, and ``Content-Digest`` where there is a body."""
        digest = (content_digest.field(request.body),) if declares_body(request.message) else ()
        message = request.adding(digest).message
        rules = message_signature.SignatureRules(required=tuple(self.components))
        covering = (*rules.components_for(message), *_beside(request))
        signed = message_signature.sign(
            message,
            self.key_id,
            self.key,
            at=moment.at,
            nonce=moment.fresh,
            tag=self.tag,
            covering=tuple(dict.fromkeys(covering)),
        )
        return (*digest, *signed)


@dataclass(frozen=True, slots=True)
class Together:
    """Several at once, such as a key and a signature, where a server requires both.

    A signature stands last: it then covers what the others have added, where its scheme covers all headers.
    """

    credentials: tuple[Credential, ...]

    def headers(self, request: Outgoing, moment: Moment) -> Headers:
        """Those of all of them."""
        added: Headers = ()
        for credential in self.credentials:
            added = (*added, *credential.headers(request.adding(added), moment))
        return added


def signed(request: Outgoing, credential: Credential, moment: Moment) -> Outgoing:
    """``request`` with its proof."""
    return request.adding(credential.headers(request, moment))


def fresh_text(random: bytes) -> str:
    """Random bytes as a text that every scheme takes for its nonce; 18 bytes become 24 characters."""
    return b64encode(random, altchars=b"-_").decode()


def _beside(request: Outgoing) -> tuple[str, ...]:
    return tuple(name for name in _BESIDE if request.message.values(name.encode()))
