"""What is known about an attempt beyond what it says: each fact is known, pending, or could not be had.

A decision asks for the facts it lacks, one at a time and in the order of the layers, so that nothing dear is looked up
for an attempt which something cheap refuses. Facts are stored with every decision and hold no secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum

from mattegate.vocabulary.rulebook import Limit

Plain = str | int | float | bool | None


class FactName(StrEnum):
    """The facts a decision can ask for, in the order in which it does."""

    FLOOD = "flood"
    CREDENTIAL = "credential"
    SIGNATURE = "signature"
    TOKEN = "token"  # noqa: S105 - a name
    CERTIFICATE = "certificate"
    AUTHORIZER = "authorizer"
    CLAIM = "claim"
    OUTCOME = "outcome"


class KeyState(StrEnum):
    """Where a key or an identity is in its life."""

    ACTIVE = "active"
    DISABLED = "disabled"
    REVOKED = "revoked"


class KeyKind(StrEnum):
    """How possession of a key is shown."""

    API = "api"
    """The key itself is presented."""
    SIGNING = "signing"
    """Requests are signed with it; it never travels."""
    CERTIFICATE = "certificate"
    """A client certificate that matches it is presented in the handshake."""


@dataclass(frozen=True, slots=True)
class IdentityView:
    """Who pays: an identity owns tier, scopes and quota."""

    id: str
    name: str
    tier: str
    scopes: tuple[str, ...] = ("cutout", "self")
    state: KeyState = KeyState.ACTIVE
    limits: tuple[Limit, ...] = ()
    """Limits of this identity alone; each replaces the tier's limit of the same name."""


@dataclass(frozen=True, slots=True)
class KeyView:
    """One credential of an identity; it can only narrow what the identity may."""

    id: str
    identity: IdentityView
    name: str = ""
    environment: str = "prod"
    state: KeyState = KeyState.ACTIVE
    created_at: float = 0.0
    expires_at: float | None = None
    """Unix seconds. For a key that was rotated out, the end of its overlap."""
    replaced_by: str = ""
    """The id of the key that took its place; such a key is in its overlap until ``expires_at``."""
    scopes: tuple[str, ...] | None = None
    """``None``: all of the identity's; otherwise those that both have."""
    addresses: tuple[str, ...] = ()
    """Networks it may be used from; empty: any."""
    origins: tuple[str, ...] = ()
    """Origin patterns it may be used from by a browser; empty: any that the gate serves."""
    models: tuple[str, ...] = ()
    """Models it may ask for; empty: any."""
    kind: KeyKind = KeyKind.API
    algorithm: str = ""
    """Of a signing key: ``hmac-sha256``, ``ed25519``, ``ecdsa-p256-sha256`` or ``rsa-pss-sha512`` (RFC 9421, 3.3)."""
    schemes: tuple[str, ...] = ()
    """The signing schemes it may be used with; empty: every one that suits its algorithm but ``compat-hmac``."""
    require: tuple[str, ...] = ()
    """What a request must show at once where it uses this key: ``key``, ``signature``, ``certificate``."""
    megapixels: int = 0
    """What an image may have at most, rounded up; 0: as the server has it. Only tokens for browsers have less."""
    url_hosts: tuple[str, ...] = ()
    """Hosts that images may be fetched from for it, ``*.name`` for all below; empty: those that the server has."""
    groups: tuple[str, ...] = ()
    """Roles that a token of another issuer names, each behind the issuer's name: ``okta:image-team``; for policies."""

    def allows_scope(self, scope: str) -> bool:
        """Whether identity and key both have ``scope``; ``*`` stands for every one."""
        return _has(self.identity.scopes, scope) and (self.scopes is None or _has(self.scopes, scope))


def _has(scopes: tuple[str, ...], scope: str) -> bool:
    return scope in scopes or "*" in scopes


@dataclass(frozen=True, slots=True)
class FloodFact:
    """How the caller's address prefix has behaved before it proved anything."""

    prefix: str
    """The network, such as ``203.0.113.0/24`` or ``2001:db8:1::/48``."""
    unproven_left: bool = True
    """Whether this prefix may make one more request without a credential."""
    failures_left: bool = True
    """Whether it is free of too many failed credentials."""
    verification_left: bool = True
    """Whether one more credential from it may be looked at although it is penalised."""
    spared: bool = False
    """Whether it is looked at beyond that all the same, because its key proved good from there lately. One that does
    not prove good then is answered as if it had not been looked at: neighbours learn nothing of whose keys are good."""
    retry_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CredentialFact:
    """What the presented credential turned out to be."""

    key: KeyView | None = None
    """The key with that id; ``None`` where there is none. Known to the operator even where it is not proven."""
    proven: bool = False
    """Whether possession of its secret was shown."""


@dataclass(frozen=True, slots=True)
class Uses:
    """Something that may be used so many times and no more: a nonce once, a browser token for so many images."""

    subject: str
    """``KIND:WHOSE``: nonces of two keys never meet."""
    value: str
    until: float
    """Unix seconds after which it is refused by itself, so that it need not be remembered any longer."""
    most: int = 1
    reason: str = "signature.replayed"
    """Of a refusal because it was used that often."""
    made: float | None = None
    """Unix seconds that the credential itself states, in whose order those of its kind end; ``None``: ``until``."""
    repeats: int | None = None
    """Of what pays for new work alone: how many repeats under idempotency keys are let in beside; ``None``: a repeat
    uses it as everything does."""

    @property
    def repeated(self) -> Uses:
        """What a repeat uses in its place: what pays for new work is left as it is, and the repeats are counted."""
        return (
            self
            if self.repeats is None
            else replace(self, value=f"{self.value} repeated", most=self.repeats, repeats=None)
        )

    @property
    def kind(self) -> str:
        """What is forgotten in one order."""
        return self.subject.partition(":")[0]

    @property
    def mark(self) -> float:
        """Its place in that order."""
        return self.until if self.made is None else self.made


@dataclass(frozen=True, slots=True)
class ProofFact:
    """What a signature, a token or a certificate turned out to be."""

    key: KeyView | None = None
    """Whose it is. Known to the operator even where it is not proven; for a token, what its claims come to."""
    code: str = ""
    """The reason why it proves nothing; empty: it does."""
    facts: dict[str, Plain] = field(default_factory=dict)
    """What fills that reason's sentences."""
    uses: tuple[Uses, ...] = ()
    """What the claim uses up, so that it serves once, or so many times."""


@dataclass(frozen=True, slots=True)
class AuthorizerFact:
    """What the operator's own authorizer said."""

    name: str
    allowed: bool
    why: str = ""
    """Its own words, at most 200 characters; the caller reads them."""
    context: dict[str, str] = field(default_factory=dict)
    """What it wants to be kept with the decision."""
    cached: bool = False


class LimitKind(StrEnum):
    """What a limit counts, and how."""

    RATE = "rate"
    """GCRA with burst: a token bucket that refills evenly."""
    QUOTA = "quota"
    """An exact fixed window of UTC."""
    BYTES = "bytes"
    """An exact fixed window of UTC over bytes in and out."""
    CREDITS = "credits"
    """A prepaid balance without a window."""


@dataclass(frozen=True, slots=True)
class LimitAnswer:
    """What one limit said to one claim, and where it stands after it."""

    name: str
    kind: LimitKind
    limit: int
    window_s: int
    """0 for a balance."""
    remaining: int
    reset_s: float
    """Seconds until the whole limit is there again (0 for a balance)."""
    allowed: bool = True
    retry_after_s: float = 0.0
    """Seconds until the same claim would pass; 0 where it passed, negative where waiting does not help."""
    shadow: bool = False
    """Judged and recorded, not enforced."""


@dataclass(frozen=True, slots=True)
class ClaimFact:
    """The one atomic step before the body: rates, quotas, reservation, idempotency, epoch."""

    limits: tuple[LimitAnswer, ...] = ()
    reserved: bool = False
    """Whether units were reserved; false for a replay of a delivered answer and for unmetered routes."""
    replay: int = 0
    """How many times the answer under this idempotency key was recomputed before, plus one; 0 for a first request."""
    conflict: str = ""
    """``idempotency.*`` reason, where the key is in use or used up; ``rate.aborts`` after too many abandoned ones;
    ``rate.nonces``, or the reason of the :class:`Uses` that were not to be had."""
    holder: str = ""
    """The request id that the idempotency key belongs to, for a conflict or a replay."""
    retry_after_s: float = 0.0
    """Seconds until a conflict passes by itself; 0 where the catalogue says how long to wait."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the work behind the gate ended."""

    code: str = ""
    """The reason of its refusal; empty where it delivered."""
    facts: dict[str, Plain] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class PayloadFact:
    """What the body turned out to be, for policies that go by it; nobody asks for it before the claim."""

    model: str
    """The proper name of the one that is asked for, or of the default."""
    bytes: int | None = None
    """Of the image, decoded; ``None`` in a simulation that does not say."""
    megapixels: int | None = None
    """Rounded up, as limits count them."""
    alias: str = ""
    """The name it was asked for by, where that is another one."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A fact that could not be had."""

    dependency: str
    """``ledger``, ``limits`` …: the last word of a ``dependency.*`` reason."""
    problem: str
    """For the operator."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known so far; ``None`` is pending unless the fact's name is in ``failed``."""

    flood: FloodFact | None = None
    credential: CredentialFact | None = None
    claim: ClaimFact | None = None
    outcome: Outcome | None = None
    failed: dict[FactName, Failure] = field(default_factory=dict)
    signature: ProofFact | None = None
    token: ProofFact | None = None
    certificate: ProofFact | None = None
    authorizer: AuthorizerFact | None = None
    payload: PayloadFact | None = None
