"""What walks cost and what they leave behind: reservations, charges and records, in the books of the ledger.

The ledger's calls are short but touch a disk or a network, so they run in the ledger's own thread, one at a time. When
each is made is for :mod:`.gatehouse` to say; no decision falls here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from mattegate import __version__
from mattegate.gate.case import uses_of
from mattegate.gate.limits import limits_of
from mattegate.gate.metering import takes
from mattegate.ledger.protocols import Claim, Meter, Record, RecordBook, Unavailable, Usage
from mattegate.vocabulary.decision import Allowed, Refused
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.serving.exchange import Exchange
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import ClaimFact, KeyView, Outcome, Uses

_T = TypeVar("_T")


class Bookkeeper:
    """The meter and the records, as walks need them."""

    def __init__(self, meter: Meter, records: RecordBook, thread: Executor) -> None:
        self._meter = meter
        self._records = records
        self._thread = thread

    async def claim(self, walk: Walk) -> ClaimFact:
        """Claim what a walk with a caller needs. Raises :class:`EpochChanged`, :class:`Unavailable`."""
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
        return await self.in_thread(self._meter.claim, claim)

    async def use_up(self, walk: Walk, key: KeyView, uses: tuple[Uses, ...]) -> ClaimFact:
        """Use what serves once, outside of a decision. Raises :class:`Refusal` ``dependency.*``."""
        identity, at = key.identity.id, walk.attempt.at
        claim = Claim(walk.attempt.request_id, identity, key.id, at, limits=(), uses=uses, metered=False)
        return await self._asked(self._meter.claim, claim)

    async def top_up(self, walk: Walk, units: int) -> ClaimFact:
        """Raise what was reserved to ``units`` megapixels. Raises :class:`Refusal` ``dependency.*``."""
        return await self._asked(self._meter.top_up, walk.attempt.request_id, units, walk.attempt.at)

    async def bind(self, walk: Walk, fingerprint: str, model: str) -> str:
        """Tie the payload to its idempotency key; returns the model to use.

        Raises :class:`Refusal` ``idempotency.mismatch``, or ``dependency.*``.
        """
        if not walk.attempt.idempotency_key or walk.caller is None:
            return model
        return await self._asked(self._meter.bind, walk.attempt.request_id, fingerprint, model)

    async def settle(self, walk: Walk, usage: Usage) -> None:
        """Charge what was reserved, or count the replay: the answer is about to go out.

        Raises :class:`Refusal` ``dependency.*``.
        """
        if walk.reserved or walk.replaying:
            walk.stand = await self._asked(self._meter.settle, walk.attempt.request_id, usage, walk.attempt.at)
            walk.settled = True

    async def close(self, walk: Walk, outcome: Outcome) -> None:
        """Give back what was reserved for nothing, or charge it. Raises :class:`Refusal` ``dependency.*``."""
        request_id, at = walk.attempt.request_id, walk.attempt.at
        if outcome.code == "request.client_gone" and walk.begun:
            walk.stand = await self._asked(self._meter.release, request_id, "aborted", at)
        elif outcome.status >= 400 or not isinstance(walk.decision, Allowed):
            why = outcome.code or f"status {outcome.status}"
            walk.stand = await self._asked(self._meter.release, request_id, why, at)
        else:
            await self.settle(walk, Usage(bytes_in=walk.attempt.declared_bytes or 0))

    async def refund(self, walk: Walk, why: Refusal) -> None:
        """What was charged for an answer that is not given after all is not owed."""
        if walk.settled:
            await self._asked(self._meter.refund, walk.attempt.request_id, why.reason.code, walk.attempt.at)

    def keep(self, exchange: Exchange, walk: Walk, outcome: Outcome) -> str:
        """Write the decision down; returns the id to answer with. Raises :class:`Refusal` ``dependency.records``."""
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
            return self._records.append(record, proven=walk.caller is not None)
        except Unavailable as error:
            raise unavailable(error) from error

    async def in_thread(self, call: Callable[..., _T], *args: object) -> _T:
        """One call of the ledger, in its thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    async def _asked(self, call: Callable[..., _T], *args: object) -> _T:
        try:
            return await self.in_thread(call, *args)
        except Unavailable as error:
            raise unavailable(error) from error


def unavailable(error: Unavailable) -> Refusal:
    """The refusal for a store that is down."""
    return Refusal(f"dependency.{error.dependency}", problem=error.problem)
