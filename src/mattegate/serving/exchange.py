"""What is known about one request while it is answered; the envelope makes it, others read it or add to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mattegate.serving.request_id import new_request_id

if TYPE_CHECKING:
    from starlette.types import Scope

    from mattegate.ledger.protocols import Record
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import FloodFact

_KEY: Final = "mattegate.exchange"


@dataclass(slots=True)
class Exchange:
    """One request and its answer, as far as they got; ``started`` by ``time.perf_counter``, ``at`` in Unix seconds."""

    started: float
    at: float = 0.0
    request_id: str = field(default_factory=new_request_id)
    body_expected: bool = False
    body_complete: bool = False
    gone: bool = False
    """Whether the caller was seen to close the connection."""
    bytes_in: int = 0
    bytes_fetched: int = 0
    """From an address that the caller named."""
    bytes_out: int = 0
    status: int = 0
    reason: str = ""
    problem: str = ""
    """The operator's sentence of a refusal."""
    walk: Walk | None = None
    """The decision on this request, once the gate has begun it."""
    admin: str = ""
    """The id of the admin who asks, on the admin plane."""
    flood: FloodFact | None = None
    """What the flood meter said of this request, where it was asked before the gate began."""
    record: Record | None = None
    """What was put on record of it."""
    concluded: bool = False
    """Whether the decision is recorded, which happens just before the answer's head goes out."""

    @property
    def body_left(self) -> bool:
        """Whether the caller may still be sending."""
        return self.body_expected and not self.body_complete

    @property
    def answering(self) -> bool:
        """Whether the head of an answer went out already."""
        return self.status != 0

    @property
    def key_id(self) -> str:
        """The id of the proven key, or of the admin; empty where none was."""
        return self.admin or (self.walk.key_id if self.walk else "")

    @property
    def identity(self) -> str:
        """The name of whoever pays; empty where nobody is known."""
        return self.walk.identity if self.walk else ""

    @property
    def address(self) -> str:
        """The client's address as the gate made it out; empty before it did."""
        return self.walk.address if self.walk else ""

    def attach(self, scope: Scope) -> None:
        """Put this exchange where :meth:`of` finds it."""
        scope[_KEY] = self

    @staticmethod
    def of(scope: Scope) -> Exchange:
        """The exchange that the envelope attached to this request."""
        exchange = scope[_KEY]
        assert isinstance(exchange, Exchange)
        return exchange

    @staticmethod
    def within(scope: Scope) -> bool:
        """Whether an envelope is around this request."""
        return _KEY in scope
