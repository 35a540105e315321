"""A refusal that is asked for again, head for head on the same connection, is given again without being worked out.

Rules of this file:

1. A precedent binds only where everything is the same that the refusal follows from: the head, byte for byte; the rules
   and the keys, which are exchanged as a whole whenever anything in them changes; and what the flood meter says. The
   meter is asked and told every time, and every time there is an id, a moment and a record of its own.
2. Only what follows from nothing else becomes one: :data:`TIMELESS` refusals of heads without a body, by callers who
   proved nothing, whose prefix is calm. So neither a clock nor a store can make it wrong.
3. A connection remembers one, once a head has come twice in a row. Heads that vary cost one comparison, and nothing is
   remembered for longer than the connection, which has its last head at hand anyway.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, fields
from time import perf_counter
from typing import TYPE_CHECKING, Final, Self

from mattegate.ledger.form import Form
from mattegate.ledger.protocols import Unavailable
from mattegate.vocabulary.attempt import Flaw
from mattegate.vocabulary.decision import Refused
from mattegate.vocabulary.facts import Facts

if TYPE_CHECKING:
    from starlette.types import Scope, Send

    from mattegate.gate.rules import Rules
    from mattegate.ledger.protocols import RecordBook, Series, Snapshot
    from mattegate.serving.exchange import Exchange
    from mattegate.serving.problem import RawHeaders
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import FloodFact

_LOG: Final = logging.getLogger("mattegate.serving")

_ID: Final = b"x-request-id"

MEMORY: Final = "mattegate.memory"
"""Where in the scope a server may put a ``dict`` that lives as long as the connection …"""
AT_ONCE: Final = "mattegate.at_once"
"""… and a function that sends a status, headers and body as they are spelled, and says whether it could."""

TIMELESS: Final = frozenset(
    {"credential.missing", "credential.unknown", *(f"credential.{flaw}" for flaw in Flaw if flaw is not Flaw.NONE)}
)
"""Refusals that follow from head, rules, keys and a calm prefix alone."""

_OTHER_FACTS: Final = tuple(fact.name for fact in fields(Facts) if fact.name not in {"flood", "credential"})
"""What may have a clock or a store behind it."""


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """An answer with holes for the id, of which all are of one length."""

    status: int
    headers: RawHeaders
    """Without holes; that of the id is the first answer's."""
    body: Form
    body_length: int
    spelled: Form
    """Headers and body as they go out."""

    @classmethod
    def of(cls, status: int, headers: RawHeaders, body: bytes, body_length: int) -> Self:
        """From the headers of the first answer, and a body with a hole."""
        open_headers = [(name, b"\0" if name == _ID else value) for name, value in headers]
        lines = [name + b": " + value + b"\r\n" for name, value in open_headers]
        return cls(status, headers, Form(body), body_length, Form(b"".join([*lines, b"\r\n", body])))

    async def give(self, request_id: str, scope: Scope, send: Send) -> None:
        """Answer with this id: at once where the server can, otherwise in the ordinary way."""
        spelled = request_id.encode()
        at_once = scope.get(AT_ONCE)
        if at_once is None or not at_once(self.status, self.spelled.fill(spelled, spelled)):
            headers = [(name, spelled if name == _ID else value) for name, value in self.headers]
            await send({"type": "http.response.start", "status": self.status, "headers": headers})
            await send({"type": "http.response.body", "body": self.body.fill(spelled), "more_body": False})


@dataclass(frozen=True, slots=True)
class Precedent:
    """A refusal, ready to be given again."""

    rules: Rules
    keys: Snapshot
    walk: Walk
    """How it came to be. Shared by all who follow it, so id and time in its attempt are those of the first."""
    look: Callable[..., FloodFact] | None
    """Asks the flood meter, where it was asked."""
    fail: Callable[..., None]
    """Tells it of a failure, where it was told."""
    series: Series
    answer: AnswerForm
    reason: str
    problem: str
    """The operator's sentence."""
    line: Form
    """What is logged of it."""


def sets_precedent(exchange: Exchange, walk: Walk) -> bool:
    """Whether a refusal follows from nothing but what rule 1 has."""
    flood, record = walk.facts.flood, exchange.record
    return (
        isinstance(walk.decision, Refused)
        and walk.decision.finding.reason == exchange.reason
        and exchange.reason in TIMELESS
        and not exchange.body_expected
        and walk.caller is None
        and walk.attempt.certificate is None  # which ends by a clock, or by a list of revocations
        and not any(getattr(walk.facts, name) for name in _OTHER_FACTS)
        and (flood is None or (flood.unproven_left and flood.failures_left))
        and record is not None
        and record.request_id == exchange.request_id  # else there was no room for it
    )


@dataclass(slots=True)
class Docket:
    """What one connection asked last, and the refusal of that, if it is one that can be given again."""

    head: tuple[object, ...] = ()
    precedent: Precedent | None = None


def docket_of_repeated(scope: Scope, owner: object) -> Docket | None:
    """The docket that ``owner`` keeps for this connection, where this head is that of the request before.

    ``None`` where it is another head, and under a server that remembers nothing.
    """
    memory: dict[object, Docket] | None = scope.get(MEMORY)
    if memory is None:
        return None
    head = (scope["method"], scope["raw_path"], scope["query_string"], *scope["headers"])
    docket = memory.get(owner)
    if docket is not None and docket.head == head:
        return docket
    memory[owner] = Docket(head)
    return None


class Precedents:
    """Makes precedents of one gate, and follows them."""

    def __init__(
        self,
        rules_and_keys: Callable[[], tuple[Rules, Snapshot | None]],
        looking: Callable[[Walk], Callable[..., FloodFact]],
        failing: Callable[[Walk], Callable[..., None]],
        records: RecordBook,
    ) -> None:
        self._rules_and_keys = rules_and_keys
        self._looking = looking
        self._failing = failing
        self._records = records

    def of(self, exchange: Exchange, walk: Walk, answer: AnswerForm, line: Form) -> Precedent | None:
        """The precedent of an exchange that :func:`sets_precedent`; ``None`` where keys could not be read."""
        if walk.keys is None or exchange.record is None:
            return None
        return Precedent(
            rules=walk.rules,
            keys=walk.keys,
            walk=walk,
            look=self._looking(walk) if walk.facts.flood is not None else None,
            fail=self._failing(walk),
            series=self._records.series(exchange.record),
            answer=answer,
            reason=exchange.reason,
            problem=exchange.problem,
            line=line,
        )

    def follow(self, precedent: Precedent, exchange: Exchange) -> bool:
        """Refuse ``exchange`` in the same way, on record; whether the precedent binds.

        Where it does not, what the flood meter has said by then stands in the exchange, so that it is not asked twice.
        """
        try:
            rules, keys = self._rules_and_keys()
            if rules is not precedent.rules or keys is not precedent.keys:
                return False
            at, calm = time.time(), precedent.walk.facts.flood
            if precedent.look is not None:
                exchange.flood = flood = precedent.look(at=at)
                if flood is not calm and flood != calm:
                    return False
            ms = round((perf_counter() - exchange.started) * 1000, 3)
            request_id = precedent.series.append(exchange.request_id, at=at, ms=ms)
            precedent.fail(at=at)
        except Unavailable:
            return False  # whoever works it out anew meets the same trouble, and explains it
        except Exception:  # noqa: BLE001 - our own bug here costs nobody the answer
            _LOG.exception("%s: not given again", exchange.request_id)
            return False
        exchange.request_id = request_id
        exchange.at, exchange.walk, exchange.concluded = at, precedent.walk, True
        exchange.status, exchange.reason = precedent.answer.status, precedent.reason
        exchange.problem = precedent.problem
        return True
