"""The driver: asks the pure core, resolves the facts that it lacks, keeps the record.

1. :meth:`Gatehouse.enter` walks until the core says no, says yes, or needs to know how the work ends.
2. Whoever does the work may :meth:`~Gatehouse.top_up`, and have the :class:`~.bookkeeping.Bookkeeper` bind and settle.
3. :meth:`Gatehouse.conclude` ends the walk just before the answer's head goes out: what was not delivered is given
   back, and the decision is written down. An answer that cannot be recorded is not given.

What the ledger is asked on the way runs in its thread (:mod:`.bookkeeping`). Only the look-up of a key does not: it is
answered from memory.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final, Protocol

from mattegate.gate.address import client_of
from mattegate.gate.case import caller_of
from mattegate.gate.decide import decide
from mattegate.gate.limits import limits_of
from mattegate.gate.refusal import refusal_of, retry_after_s, status_of
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import (
    EpochChanged,
    FloodMeter,
    Keyring,
    Meter,
    RecordBook,
    Snapshot,
    Unavailable,
)
from mattegate.serving.bookkeeping import Bookkeeper
from mattegate.serving.exchange import Exchange
from mattegate.serving.flood_watch import FloodWatch, used_up, was_spared_in_vain
from mattegate.serving.payload import plain
from mattegate.serving.precedent import Precedents
from mattegate.serving.proving.keys import KeyProver
from mattegate.serving.reading import Reading
from mattegate.serving.unhandled import explained
from mattegate.serving.walk import Walk
from mattegate.vocabulary.decision import Needs, Refused
from mattegate.vocabulary.facts import (
    CredentialFact,
    FactName,
    Facts,
    Failure,
    FloodFact,
    IdentityView,
    KeyView,
    LimitAnswer,
    Outcome,
    ProofFact,
)
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit
from mattegate.vocabulary.secrets import Peppers

if TYPE_CHECKING:
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.proving.certificates import CertificateReader
    from mattegate.serving.proving.prover import Prover

_LOG: Final = logging.getLogger("mattegate.serving")

_ATTEMPTS: Final = 16
"""How often a walk begins anew because keys changed while it went on: enough for an import of thousands of keys."""


_NOTHING: Final = Facts()
"""What is known at the beginning."""


class UsedKeys(Protocol):
    """Remembers when keys were used."""

    def note(self, key_id: str, at: float) -> None:
        """``key_id`` proved good at ``at``."""


@dataclass(frozen=True, slots=True)
class GateParts:
    """What the gatehouse rests on."""

    rules: Callable[[Snapshot], Rules]
    """The rules in force; what keys look like depends on which there are."""
    keyring: Keyring
    peppers: Peppers
    meter: Meter
    flood: FloodMeter
    records: RecordBook
    used_keys: UsedKeys
    thread: Executor
    """Where the ledger's calls run."""
    certificates: CertificateReader | None = None
    """Reads the client's certificate; ``None``: nobody is asked for one."""
    provers: Mapping[FactName, Prover] = field(default_factory=dict)
    """Who judges signatures, tokens, certificates, and who asks the operator's authorizer."""


class Gatehouse:
    """Decides on requests; one for a process."""

    def __init__(self, parts: GateParts) -> None:
        self._parts = parts
        self._keys = KeyProver(parts.peppers)
        self._flood = FloodWatch(parts.flood)
        self.bookkeeper = Bookkeeper(parts.meter, parts.records, parts.thread)
        self.certificates = parts.certificates
        self._rules: Rules | None = None
        self.precedents = Precedents(self.rules_and_keys, self._flood.looking, self._flood.failing, parts.records)

    def rules(self) -> Rules:
        """The rules in force for a request that begins now.

        While keys cannot be read, those of the last time: so that everything is decided, answered and recorded as ever
        which needs no key, and whatever needs one is refused by the credential layer, on record too.

        Raises :class:`Unavailable` where keys could never be read.
        """
        return self.rules_and_keys()[0]

    def rules_and_keys(self) -> tuple[Rules, Snapshot | None]:
        """The rules in force and the keys that they were made for; ``None`` while keys cannot be read.

        Raises :class:`Unavailable` where keys could never be read.
        """
        try:
            keys = self._parts.keyring.snapshot()
            self._rules = self._parts.rules(keys)
        except Unavailable:
            if self._rules is None:
                raise
            return self._rules, None
        return self._rules, keys

    def limits_of(self, identity: IdentityView) -> tuple[Limit, ...]:
        """The limits that bind an identity now. Raises :class:`Unavailable`."""
        return limits_of(KeyView("", identity), self.rules())

    @staticmethod
    def begin(reading: Reading, rules: Rules, keys: Snapshot | None = None, flood: FloodFact | None = None) -> Walk:
        """A walk that has not taken its first step; ``keys`` are those of this moment, where they were looked at.

        ``flood`` is what the flood meter said of this request, where it was asked.
        """
        attempt = reading.attempt
        facts = _NOTHING if flood is None else Facts(flood=flood)
        return Walk(attempt, rules, client_of(attempt, rules).address, facts, keys=keys)

    async def enter(self, walk: Walk, evidence: Evidence) -> None:
        """Walk as far as can be decided before the work: ``walk.decision`` stays ``None`` where work may begin."""
        for _ in range(_ATTEMPTS):
            try:
                await self._advance(walk, evidence)
                break
            except EpochChanged:
                walk.facts, walk.findings, walk.keys = Facts(flood=walk.facts.flood), (), None
        else:
            self._fail(walk, FactName.CLAIM, Unavailable("control", "keys change faster than they can be looked at"))
            await self._advance(walk, evidence)
        if not isinstance(walk.decision, Refused):
            self._identify(walk)
        elif was_spared_in_vain(walk):
            self._look_away(walk)
        else:
            self._flood.failing(walk)(at=walk.attempt.at)

    async def top_up(self, walk: Walk, units: int) -> None:
        """Raise what was reserved to ``units`` megapixels. Raises :class:`Refusal` of a limit, or ``dependency.*``."""
        if not walk.reserved or all(limit.unit != "megapixels" for limit in walk.limits):
            return
        fact = await self.bookkeeper.top_up(walk, units)
        # The first unit is reserved, whatever comes of this; limits that do not count megapixels stand as they stood.
        first = walk.facts.claim
        assert first is not None
        walk.learn(claim=replace(first, limits=_renewed(first.limits, fact.limits)))
        self._judge_again(walk, "rate")
        if isinstance(walk.decision, Refused):
            raise refusal_for(walk)

    async def conclude(self, exchange: Exchange, outcome: Outcome) -> None:
        """End the walk of ``exchange`` and keep its record; the exchange then has the id to answer with.

        Without a walk, or where nothing can be written, that is one that tells time and reason by itself.

        Raises :class:`Refusal` where that cannot be done: ``dependency.*``, or ``internal.error`` for our own bug.
        """
        exchange.concluded = True
        walk = exchange.walk
        if walk is None:
            if outcome.code:
                exchange.request_id = self._parts.records.sealed_id(outcome.code)
            return
        try:
            instead = await self._close(exchange, walk, outcome)
        except Exception as error:  # noqa: BLE001 - whatever it is, the id must tell it
            instead = explained(error, exchange.request_id)
            await self._forgo(exchange, walk, instead)
        if instead is not None:
            raise instead

    def look_in(self, walk: Walk, key_id: str) -> None:
        """Whoever asks for something public presents a credential of ``key_id`` in its body.

        Raises :class:`Refusal` ``flood.failed_credentials`` where too many of its prefix were bad.
        """
        flood = self._flood.looking_in(walk, key_id)(at=walk.attempt.at)
        walk.learn(flood=flood)
        if refusal := used_up(flood):
            raise refusal

    def vouch(self, walk: Walk, key: KeyView) -> None:
        """It has shown that ``key`` is its own."""
        walk.caller = key
        walk.learn(credential=CredentialFact(key, proven=True))
        self._parts.used_keys.note(key.id, walk.attempt.at)
        self._flood.proving(walk, key.id, good=True)(at=walk.attempt.at)

    def doubt(self, walk: Walk) -> None:
        """It has failed to: counted as every failed credential is.

        Raises :class:`Refusal` where it was looked at for the sake of its key alone: as if it had not been.
        """
        flood = walk.facts.flood
        if flood is not None and flood.spared:
            walk.learn(flood=replace(flood, spared=False))
            if refusal := used_up(replace(flood, spared=False)):
                raise refusal
        self._flood.proving(walk, "", good=False)(at=walk.attempt.at)

    async def _advance(self, walk: Walk, evidence: Evidence) -> None:
        while True:
            step = decide(walk.attempt, walk.facts, walk.rules, walk.findings)
            walk.findings = step.findings
            if not isinstance(step, Needs):
                walk.decision = step
                return
            if step.fact is FactName.OUTCOME:
                return
            try:
                await self._resolve(walk, step.fact, evidence)
            except Unavailable as error:
                self._fail(walk, step.fact, error)

    async def _resolve(self, walk: Walk, fact: FactName, evidence: Evidence) -> None:
        if fact is FactName.FLOOD:
            walk.learn(flood=self._flood.looking(walk)(at=walk.attempt.at))
        elif fact is FactName.CREDENTIAL:
            walk.learn(credential=self._credential(walk, evidence))
        elif fact is FactName.CLAIM:
            self._identify(walk)
            walk.learn(claim=await self.bookkeeper.claim(walk))
        else:
            await self._prove(walk, fact, evidence)

    async def _prove(self, walk: Walk, fact: FactName, evidence: Evidence) -> None:
        """Have a strong credential judged, or the operator's authorizer asked."""
        prover = self._parts.provers.get(fact)
        if prover is None:
            raise Unavailable("unavailable", f"nothing here can tell about {fact}")
        keys = walk.keys or self._parts.keyring.snapshot()
        proof = await prover.prove(walk, evidence, keys)
        if isinstance(proof, ProofFact) and proof.key is not None and not proof.code:
            self._recognise(walk, proof.key, keys.epoch)
        walk.know(fact, proof)

    @staticmethod
    def _fail(walk: Walk, fact: FactName, error: Unavailable) -> None:
        failed = walk.facts.failed | {fact: Failure(error.dependency, error.problem)}
        walk.facts = replace(walk.facts, failed=failed)

    def _credential(self, walk: Walk, evidence: Evidence) -> CredentialFact:
        keys = walk.keys or self._parts.keyring.snapshot()
        index, text = evidence.key_of(walk.attempt)
        fact = self._keys.prove(walk.attempt.credentials[index], text, keys)
        if fact.key is not None and fact.proven:
            self._recognise(walk, fact.key, keys.epoch)
        return fact

    def _recognise(self, walk: Walk, key: KeyView, epoch: int) -> None:
        """A key proved good: remember its use, and give its prefix back what the flood meter counted."""
        walk.caller, walk.epoch = walk.caller or key, epoch
        self._parts.used_keys.note(key.id, walk.attempt.at)
        self._flood.proving(walk, walk.attempt.credentials[0].key_id if walk.attempt.credentials else "", good=True)(
            at=walk.attempt.at
        )

    @staticmethod
    def _look_away(walk: Walk) -> None:
        """Refuse as if the credential had not been looked at; nothing is counted either, as nothing is then."""
        assert walk.facts.flood is not None
        walk.learn(flood=replace(walk.facts.flood, spared=False))
        Gatehouse._judge_again(walk, "flood")

    @staticmethod
    def _identify(walk: Walk) -> None:
        """Whose walk it is, now that the credential layer let it pass."""
        walk.caller = caller_of(walk.attempt, walk.facts, walk.rules)

    @staticmethod
    def _finish(walk: Walk, outcome: Outcome) -> None:
        """The last layers judge how the work ended; a refusal after a yes takes its place."""
        if isinstance(walk.decision, Refused) or (walk.decision is not None and not outcome.code):
            return
        walk.learn(outcome=outcome)
        Gatehouse._judge_again(walk, "upload")

    @staticmethod
    def _judge_again(walk: Walk, since: str) -> None:
        """Ask the layers from ``since`` on once more, because a fact that they go by is new."""
        so_far = tuple(takewhile(lambda finding: finding.layer != since, walk.findings))
        step = decide(walk.attempt, walk.facts, walk.rules, so_far)
        walk.findings = step.findings
        if not isinstance(step, Needs):
            walk.decision = step

    async def _close(self, exchange: Exchange, walk: Walk, outcome: Outcome) -> Refusal | None:
        """Settle the walk and write it down; returns the refusal to answer with instead, where the charge failed."""
        self._finish(walk, outcome)
        unpaid = await self._unpaid(walk, outcome) if walk.reserved or walk.replaying else None
        if unpaid is not None:
            outcome = Outcome(unpaid.reason.code, plain(unpaid.facts), unpaid.status)
            self._finish(walk, outcome)
        if outcome.status >= 400 or walk.caller is not None or not walk.attempt.route.public:
            exchange.request_id = self.bookkeeper.keep(exchange, walk, outcome)
        return unpaid

    async def _forgo(self, exchange: Exchange, walk: Walk, unrecorded: Refusal) -> None:
        """Of an answer that cannot be recorded: its id tells why by itself, and its price is not owed."""
        exchange.request_id = self._parts.records.sealed_id(unrecorded.reason.code)
        _LOG.error(
            "%s: not recorded, so answered as %s: %s",
            walk.attempt.request_id, exchange.request_id, unrecorded.operator_detail,
        )  # fmt: skip
        try:
            await self.bookkeeper.refund(walk, unrecorded)
        except Exception as error:  # noqa: BLE001 - the caller is told of the first trouble, which the id names
            problem = explained(error, exchange.request_id).operator_detail
            _LOG.error("%s: not refunded: %s", exchange.request_id, problem)

    async def _unpaid(self, walk: Walk, outcome: Outcome) -> Refusal | None:
        """The refusal to answer with instead, because the charge failed.

        What cannot be given back spoils no answer: a reservation returns by itself when its lease is over.
        """
        try:
            await self.bookkeeper.close(walk, outcome)
        except Exception as error:  # noqa: BLE001 - our own bug costs nobody the record either
            refusal = explained(error, walk.attempt.request_id)
            if not isinstance(walk.decision, Refused):
                return refusal
            _LOG.warning("%s: not given back yet: %s", walk.attempt.request_id, refusal.operator_detail)
        return None


def _renewed(before: Sequence[LimitAnswer], newer: Sequence[LimitAnswer]) -> tuple[LimitAnswer, ...]:
    """The answers of a claim, with those that a top-up gave in the place of their first ones."""
    by_name = {(answer.kind, answer.name): answer for answer in newer}
    return tuple(by_name.get((answer.kind, answer.name), answer) for answer in before)


def refusal_for(walk: Walk) -> Refusal:
    """The refusal that a refused walk ends in, with the status and the waiting time of this case."""
    assert isinstance(walk.decision, Refused)
    refusal = refusal_of(walk.decision.finding)
    refusal.facts["status"] = status_of(walk.decision, walk.rules)
    refusal.facts["retry_after_s"] = retry_after_s(walk.decision.finding, walk.facts)
    return refusal
