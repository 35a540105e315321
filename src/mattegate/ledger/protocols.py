"""What is remembered, as contracts; one conformance suite tests every implementation of each.

Rules of this file: every method is synchronous and short, so that the driver may call it in the ledger's thread; time
comes in as a value; a store that cannot answer raises :class:`Unavailable`, never a refusal of its own invention.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from mattegate.vocabulary.attempt import Attempt
from mattegate.vocabulary.decision import Finding
from mattegate.vocabulary.facts import ClaimFact, Facts, FloodFact, IdentityView, KeyView, LimitAnswer, Plain, Uses
from mattegate.vocabulary.rulebook import FloodRules, Limit, Rulebook


class Unavailable(Exception):  # noqa: N818 - the state of a dependency
    """A store cannot answer now."""

    def __init__(self, dependency: str, problem: str) -> None:
        self.dependency = dependency
        """The last word of a ``dependency.*`` reason: ``ledger``, ``limits``, ``control``, ``records``."""
        self.problem = problem
        super().__init__(f"{dependency}: {problem}")


class EpochChanged(Exception):  # noqa: N818 - what happened
    """Keys or identities changed after the snapshot that a claim rests on: look again and decide again."""


# --- control: identities, keys, admins, audit ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A key as it is kept: never the key itself."""

    view: KeyView
    digest: bytes
    """HMAC-SHA-256 of the whole key under the pepper of ``pepper_version``."""
    pepper_version: int
    foreign: bool = False
    """Brought from elsewhere: found by its digest, since it carries no id."""
    brand: str = ""
    """How a foreign key begins, where that is a brand and no secret; what a mistyped one is told to begin with."""
    material: bytes = field(default=b"", repr=False)
    """Of a signing key: its secret, sealed (:mod:`mattegate.signing.envelope`), or its public key (PEM). Of a
    certificate key: what a certificate must match (:mod:`mattegate.signing.certificates`)."""
    kek_version: int = 0
    """What ``material`` is sealed with; 0: it is no secret."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Every key with its identity, at one epoch."""

    epoch: int
    keys: Mapping[str, StoredKey]
    """By id."""
    foreign: Mapping[bytes, StoredKey]
    """Foreign keys by digest."""
    certificates: Mapping[bytes, StoredKey] = field(default_factory=dict)
    """Certificate keys by what a certificate must match."""
    identities: Mapping[str, IdentityView] = field(default_factory=dict)
    """By id; those without a key, too."""
    named: Mapping[str, IdentityView] = field(default_factory=dict)
    """The same by name."""

    def identity(self, name_or_id: str) -> IdentityView | None:
        """The identity of that id, or else of that name."""
        return self.identities.get(name_or_id) or self.named.get(name_or_id)


class Keyring(Protocol):
    """What the driver needs to know of keys."""

    def snapshot(self) -> Snapshot:
        """The newest state; free when nothing changed. Every committed change is in the next snapshot, whoever made it.

        Raises :class:`Unavailable`.
        """


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One administrative act, chained to the one before it."""

    seq: int
    at: float
    actor: str
    """``cli:USER``, ``admin:ID``, ``key:ID``, ``task:NAME``."""
    act: str
    """``key.create``, ``identity.update`` …"""
    subject: str
    details: Mapping[str, Plain]
    previous: str
    """The hash of the entry before it, hex; 64 zeros for the first."""
    hash: str
    """SHA-256 over ``previous`` and the canonical JSON of the rest."""


# --- limits and usage ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Claim:
    """What one admitted attempt takes, all or nothing."""

    request_id: str
    identity: str
    key_id: str
    at: float
    limits: tuple[Limit, ...]
    epoch: int = 0
    """The snapshot's epoch that the decision rests on; 0: not checked."""
    declared_bytes: int = 0
    idempotency_key: str = ""
    lease_s: float = 300.0
    """How long the reservation holds without being settled."""
    uses: tuple[Uses, ...] = ()
    """What is used up with it; nothing of it where anything refuses, and :attr:`~Uses.repeated` where the idempotency
    key is in use or its answer was delivered."""
    metered: bool = True
    """Whether a unit is reserved; otherwise only epoch and ``uses`` count."""
    kind: str = "cutout"
    """What the usage book calls it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a delivered answer came to."""

    images: int = 1
    pixels: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    model: str = ""
    ms: float = 0.0


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One line of the usage book."""

    id: str
    """The ledger's own id; what billing systems deduplicate on."""
    request_id: str
    identity: str
    key_id: str
    kind: str
    """``cutout``, ``credit`` (a top-up), ``admission`` …"""
    state: str
    """``reserved``, ``settled`` or ``released``."""
    units: int
    at: float
    settled_at: float | None
    usage: Usage
    idempotency_key: str = ""
    replays: int = 0
    note: str = ""
    """Why it was released, or what a credit was for."""


class Meter(Protocol):
    """Limits, reservations and idempotency keys behind one atomic step."""

    def claim(self, claim: Claim) -> ClaimFact:
        """Take one unit of every limit and write the reservation, or take nothing and say which limit refuses.

        A limit in shadow answers and takes, but never refuses. Under an idempotency key that is in use, nothing is
        taken and ``conflict`` says why; under one whose answer was delivered, nothing is taken and ``replay`` counts.

        Raises :class:`EpochChanged` and :class:`Unavailable`; nothing was taken then.
        """

    def top_up(self, request_id: str, units: int, at: float) -> ClaimFact:
        """Raise a reservation to ``units`` in limits that count megapixels, all or nothing; refused like a claim."""

    def bind(self, request_id: str, fingerprint: str, model: str) -> str:
        """Tie the payload to the claim's idempotency key; returns the model to use, which is the first request's.

        Raises :class:`~mattegate.vocabulary.refusal.Refusal` ``idempotency.mismatch`` for another payload.
        """

    def settle(self, request_id: str, usage: Usage, at: float) -> tuple[LimitAnswer, ...]:
        """The answer is about to go out: what was reserved is charged. Does nothing for a replay.

        Returns where the limits stand then, where that is another place than after the claim: with limits over bytes.
        """

    def release(self, request_id: str, why: str, at: float) -> tuple[LimitAnswer, ...]:
        """The work did not deliver: quota goes back, the rate token stays spent. Doing it twice is doing it once.

        Returns where the limits stand then; nothing where nothing was given back, or where they cannot be asked.
        """

    def refund(self, request_id: str, why: str, at: float) -> bool:
        """Release a settled request after all; false where there is none to refund."""

    def sweep(self, at: float) -> int:
        """Release reservations whose lease is over; returns how many."""


class LimitStore(Protocol):
    """Counters of limits for subjects (identities)."""

    def take(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> ClaimFact:
        """Take ``costs[i]`` of ``limits[i]`` for every limit, or nothing at all. The same ``token`` takes only once."""

    def give_back(self, subject: str, limits: Sequence[Limit], costs: Sequence[int], at: float, token: str) -> None:
        """Undo what ``token`` took of quotas in the window it was taken in; rates keep what they have. Only once."""

    def amend(self, subject: str, limits: Sequence[Limit], totals: Sequence[int], at: float, token: str) -> None:
        """Make what ``token`` holds of each quota ``totals[i]``, in the window it was taken in; never refuses.

        Rates keep what they have, and a token that took nothing here stays without. Giving back is amending to 0.
        """

    def void(self, subject: str, limits: Sequence[Limit], at: float, token: str) -> None:
        """Undo a take wholly, rates too, because nothing came of it; ``token`` takes nothing from now on.

        Also for a take whose answer was lost: it may still arrive afterwards, and then takes nothing.
        """

    def glance(self, subject: str, limits: Sequence[Limit], at: float) -> ClaimFact:
        """Where the limits stand; takes nothing."""


class FloodMeter(Protocol):
    """How address prefixes behave before they prove anything; in memory, bounded."""

    def look(self, address: str, rules: FloodRules, *, presented: bool, key_id: str, at: float) -> FloodFact:
        """Count one request that has proved nothing yet and say how its prefix stands.

        ``presented``: it carries a credential, of ``key_id`` where that is known; a pair of prefix and key that proved
        good lately is spared where the verification budget is used up.
        """

    def proved(self, address: str, rules: FloodRules, *, key_id: str, good: bool, at: float, counted: bool) -> None:
        """What the look-up of the credential said; a good one gives back the verification that :meth:`look` counted."""


# --- records ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    """One decision, with everything it rests on; no secret."""

    request_id: str
    at: float
    attempt: Attempt
    facts: Facts
    findings: tuple[Finding, ...]
    revision: str
    """The rulebook's."""
    version: str
    """The product's."""
    status: int
    reason: str = ""
    """Empty for an allowed attempt."""
    address: str = ""
    """The client's, as the network layer made it out."""
    ms: float = 0.0

    def again(self, request_id: str, *, at: float, ms: float) -> Record:
        """The same decision on the same attempt, made once more."""
        attempt = replace(self.attempt, request_id=request_id, at=at)
        return replace(self, request_id=request_id, at=at, ms=ms, attempt=attempt)


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a request id itself tells when its record was dropped for want of room: its MAC was right."""

    request_id: str
    at: float
    reason: str


class Series(Protocol):
    """Records of one decision that is made again and again, of a caller who proved nothing."""

    def append(self, request_id: str, *, at: float, ms: float) -> str:
        """Keep :meth:`Record.again` of the first; otherwise as :meth:`RecordBook.append`."""


class RecordBook(Protocol):
    """Decisions, found again by their id."""

    def append(self, record: Record, *, proven: bool) -> str:
        """Keep a record before its answer goes out; returns the id to answer with.

        That is the record's own id, unless unproven callers' records have used up their room: then it is a sealed id
        that tells time and reason by itself, and only a count remains. Raises :class:`Unavailable`.
        """

    def sealed_id(self, reason: str) -> str:
        """The id of a refusal for ``reason`` in this moment of which there is no record: it tells both by itself."""

    def series(self, first: Record) -> Series:
        """For more records that differ from ``first`` in id, time and duration alone; keeps none yet."""

    def find(self, request_id: str) -> Record | Sealed | None:
        """The record of an id, with what was written a moment ago."""

    def recent(self, limit: int, *, refused: bool = False) -> Iterator[Record]:
        """The newest records first."""

    def keep_rulebook(self, rulebook: Rulebook) -> str:
        """Remember a rulebook; returns its revision."""

    def rulebook(self, revision: str) -> Rulebook | None:
        """The rulebook of a revision."""

    def prune(self, before: float) -> int:
        """Delete records of an earlier time, make room for new ones of unproven callers, drop rulebooks nothing names.

        Returns how many records went. Raises :class:`Unavailable`.
        """


@dataclass(frozen=True, slots=True)
class IdentityRow:
    """An identity as it is kept."""

    view: IdentityView
    created_at: float
    contact: str = ""
    """Where notices about it go: a mail address."""
    notes: Mapping[str, Plain] = field(default_factory=dict)
