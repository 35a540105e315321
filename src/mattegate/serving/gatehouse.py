"""The driver: asks the pure core, resolves the facts that it lacks, keeps the record.

1. :meth:`Gatehouse.enter` walks until the core says no, says yes, or needs to know how the work ends.
2. Whoever does the work may :meth:`~Gatehouse.top_up`, :meth:`~Gatehouse.bind` and :meth:`~Gatehouse.settle`.
3. :meth:`Gatehouse.conclude` ends the walk just before the answer's head goes out: what was not delivered is given
   back, and the decision is written down. An answer that cannot be recorded is not given.

The ledger's calls are short but touch a disk or a network, so they run in the ledger's own thread, one at a time. Only
the look-up of a key does not: it is answered from memory.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from mattegate import __version__
from mattegate.gate.address import client_of
from mattegate.gate.case import caller_of, proven_keys, uses_of
from mattegate.gate.decide import decide
from mattegate.gate.layers.flood import presents
from mattegate.gate.limits import limits_of
from mattegate.gate.metering import takes
from mattegate.gate.refusal import refusal_of, retry_after_s, status_of
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import (
    Claim,
    EpochChanged,
    FloodMeter,
    Keyring,
    Meter,
    Record,
    RecordBook,
    Snapshot,
    Unavailable,
    Usage,
)
from mattegate.serving.exchange import Exchange
from mattegate.serving.payload import plain
from mattegate.serving.precedent import Precedents
from mattegate.serving.proving.keys import KeyProver
from mattegate.serving.reading import Reading
from mattegate.serving.walk import Walk
from mattegate.vocabulary.decision import Allowed, Needs, Refused
from mattegate.vocabulary.facts import (
    ClaimFact,
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
    Uses,
)
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import Limit
from mattegate.vocabulary.secrets import Peppers

if TYPE_CHECKING:
    from mattegate.serving.evidence import Evidence
    from mattegate.serving.proving.certificates import CertificateReader
    from mattegate.serving.proving.prover import Prover

_T = TypeVar("_T")

_LOG: Final = logging.getLogger("mattegate.serving")

_ATTEMPTS: Final = 16
"""How often a walk begins anew because keys changed while it went on: enough for an import of thousands of keys."""


_NOTHING: Final = Facts()
"""What is known at the beginning."""
_PROVING: Final = ("credential.", "token.", "signature.")
"""How the reasons begin that refuse for want of a proof; a body that did not come whole is none."""


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
        self.certificates = parts.certificates
        self._rules: Rules | None = None
        self.precedents = Precedents(self.rules_and_keys, self._looking, self._failing, parts.records)

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
        if isinstance(walk.decision, Refused):
            self._failing(walk)(at=walk.attempt.at)
        else:
            self._identify(walk)

    async def top_up(self, walk: Walk, units: int) -> None:
        """Raise what was reserved to ``units`` megapixels. Raises :class:`Refusal` of a limit, or ``dependency.*``."""
        if not walk.reserved or all(limit.unit != "megapixels" for limit in walk.limits):
            return
        fact = await self._asked(self._parts.meter.top_up, walk.attempt.request_id, units, walk.attempt.at)
        # The first unit is reserved, whatever comes of this; limits that do not count megapixels stand as they stood.
        first = walk.facts.claim
        assert first is not None
        walk.learn(claim=replace(first, limits=_renewed(first.limits, fact.limits)))
        self._judge_again(walk, "rate")
        if isinstance(walk.decision, Refused):
            raise refusal_for(walk)

    async def bind(self, walk: Walk, fingerprint: str, model: str) -> str:
        """Tie the payload to its idempotency key; returns the model to use.

        Raises :class:`Refusal` ``idempotency.mismatch``, or ``dependency.*``.
        """
        if not walk.attempt.idempotency_key or walk.caller is None:
            return model
        return await self._asked(self._parts.meter.bind, walk.attempt.request_id, fingerprint, model)

    async def settle(self, walk: Walk, usage: Usage) -> None:
        """Charge what was reserved, or count the replay: the answer is about to go out.

        Raises :class:`Refusal` ``dependency.*``.
        """
        if walk.reserved or walk.replaying:
            await self._asked(self._parts.meter.settle, walk.attempt.request_id, usage, walk.attempt.at)
            walk.settled = True

    async def conclude(self, exchange: Exchange, outcome: Outcome) -> None:
        """End the walk of ``exchange`` and keep its record; the exchange then has the id to answer with.

        Raises :class:`Refusal` ``dependency.*`` where that cannot be done.
        """
        exchange.concluded = True
        walk = exchange.walk
        if walk is None:
            return
        self._finish(walk, outcome)
        unpaid = await self._unpaid(walk, outcome) if walk.reserved or walk.replaying else None
        if unpaid is not None:
            outcome = Outcome(unpaid.reason.code, plain(unpaid.facts), unpaid.status)
            self._finish(walk, outcome)
        if outcome.status >= 400 or walk.caller is not None or not walk.attempt.route.public:
            try:
                exchange.request_id = self._keep(exchange, walk, outcome)
            except Refusal as unrecorded:
                await self._refund(walk, unrecorded)
                raise
        if unpaid is not None:
            raise unpaid

    def vouch(self, walk: Walk, key: KeyView) -> None:
        """Whoever asks for something public has shown that ``key`` is theirs."""
        walk.caller = key
        walk.learn(credential=CredentialFact(key, proven=True))
        self._parts.used_keys.note(key.id, walk.attempt.at)

    def doubt(self, walk: Walk) -> None:
        """Whoever asks for something public has failed to show it: counted as every failed credential is."""
        self._proving(walk, "", good=False)(at=walk.attempt.at)

    async def use_up(self, walk: Walk, key: KeyView, uses: tuple[Uses, ...]) -> ClaimFact:
        """Use what serves once, outside of a decision. Raises :class:`Refusal` ``dependency.*``."""
        identity, at = key.identity.id, walk.attempt.at
        claim = Claim(walk.attempt.request_id, identity, key.id, at, limits=(), uses=uses, metered=False)
        return await self._asked(self._parts.meter.claim, claim)

    async def in_thread(self, call: Callable[..., _T], *args: object) -> _T:
        """One call of the ledger, in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._parts.thread, call, *args)

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
            walk.learn(flood=self._looking(walk)(at=walk.attempt.at))
        elif fact is FactName.CREDENTIAL:
            walk.learn(credential=self._credential(walk, evidence))
        elif fact is FactName.CLAIM:
            walk.learn(claim=await self._claim(walk))
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

    def _looking(self, walk: Walk) -> Callable[..., FloodFact]:
        """What asks the flood meter of this walk ``at`` a moment."""
        presented = presents(walk.attempt, walk.rules)
        key_id = walk.attempt.credentials[0].key_id if presented else ""
        look = self._parts.flood.look
        return partial(look, walk.address, walk.rules.rulebook.flood, presented=presented, key_id=key_id)

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
        self._proving(walk, walk.attempt.credentials[0].key_id if walk.attempt.credentials else "", good=True)(
            at=walk.attempt.at
        )

    def _proving(self, walk: Walk, key_id: str, *, good: bool) -> Callable[..., None]:
        """What tells the flood meter ``at`` a moment what the look-up of the credential said."""
        return partial(self._parts.flood.proved, walk.address, walk.rules.rulebook.flood, key_id=key_id, good=good)

    def _failing(self, walk: Walk) -> Callable[..., None]:
        """What counts ``at`` a moment that a refused walk failed to prove its credential, where it did."""
        assert isinstance(walk.decision, Refused)
        unproven = walk.decision.finding.reason.startswith(_PROVING) and not proven_keys(walk.facts)
        if unproven and walk.attempt.credentials:
            return self._proving(walk, walk.attempt.credentials[0].key_id, good=False)
        return _nothing

    @staticmethod
    def _identify(walk: Walk) -> None:
        """Whose walk it is, now that the credential layer let it pass."""
        walk.caller = caller_of(walk.attempt, walk.facts, walk.rules)

    async def _claim(self, walk: Walk) -> ClaimFact:
        self._identify(walk)
        assert walk.caller is not None
        metered = takes(walk.attempt)
        walk.limits = limits_of(walk.caller, walk.rules) if metered else ()
        walk.tier = walk.rules.tiers.get(walk.caller.identity.tier)
        claim = Claim(
            request_id=walk.attempt.request_id,
            identity=walk.caller.identity.id,
            key_id=walk.caller.id,
            at=walk.attempt.at,
            limits=walk.limits,
            epoch=walk.epoch,
            declared_bytes=walk.attempt.declared_bytes or 0,
            idempotency_key=walk.attempt.idempotency_key if metered else "",
            uses=uses_of(walk.facts),
            metered=metered,
            kind="cutout" if walk.attempt.behalf is None else "admission",
        )
        return await self.in_thread(self._parts.meter.claim, claim)

    async def _asked(self, call: Callable[..., _T], *args: object) -> _T:
        try:
            return await self.in_thread(call, *args)
        except Unavailable as error:
            raise unavailable(error) from error

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

    async def _unpaid(self, walk: Walk, outcome: Outcome) -> Refusal | None:
        """The refusal to answer with instead, because the charge failed.

        What cannot be given back spoils no answer: a reservation returns by itself when its lease is over.
        """
        try:
            await self._give_back_or_charge(walk, outcome)
        except Refusal as refusal:
            if not isinstance(walk.decision, Refused):
                return refusal
            _LOG.warning("%s: not given back yet: %s", walk.attempt.request_id, refusal.operator_detail)
        return None

    async def _give_back_or_charge(self, walk: Walk, outcome: Outcome) -> None:
        request_id, at = walk.attempt.request_id, walk.attempt.at
        if outcome.code == "request.client_gone" and walk.begun:
            await self._asked(self._parts.meter.release, request_id, "aborted", at)
        elif outcome.status >= 400 or not isinstance(walk.decision, Allowed):
            await self._asked(self._parts.meter.release, request_id, outcome.code or f"status {outcome.status}", at)
        else:
            await self.settle(walk, Usage(bytes_in=walk.attempt.declared_bytes or 0))

    async def _refund(self, walk: Walk, why: Refusal) -> None:
        """What was charged for an answer that is not given after all is not owed."""
        if walk.settled:
            await self._asked(self._parts.meter.refund, walk.attempt.request_id, why.reason.code, walk.attempt.at)

    def _keep(self, exchange: Exchange, walk: Walk, outcome: Outcome) -> str:
        reason = walk.decision.finding.reason if isinstance(walk.decision, Refused) else outcome.code
        exchange.record = record = Record(
            request_id=exchange.request_id,
            at=walk.attempt.at,
            attempt=walk.attempt,
            facts=walk.facts,
            findings=walk.findings,
            revision=walk.rules.revision,
            version=__version__,
            status=outcome.status,
            reason=reason,
            address=walk.address,
            ms=round((perf_counter() - exchange.started) * 1000, 3),
        )
        try:
            return self._parts.records.append(record, proven=walk.caller is not None)
        except Unavailable as error:
            raise unavailable(error) from error


def _nothing(**_: object) -> None:
    """What is done where there is nothing to do."""


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


def unavailable(error: Unavailable) -> Refusal:
    """The refusal for a store that is down."""
    return Refusal(f"dependency.{error.dependency}", problem=error.problem)
