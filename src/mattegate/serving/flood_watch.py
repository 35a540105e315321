"""What the flood meter is asked and told of a walk, each as a call that still lacks its moment.

So a precedent can ask and tell the same again at a later moment, without the walk being walked again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from mattegate.gate.case import proven_keys
from mattegate.gate.layers.flood import presents
from mattegate.vocabulary.decision import Refused
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.ledger.protocols import FloodMeter
    from mattegate.serving.walk import Walk
    from mattegate.vocabulary.facts import FloodFact

_PROVING: Final = ("credential.", "token.", "signature.")
"""How the reasons begin that refuse for want of a proof; a body that did not come whole is none."""


class FloodWatch:
    """The flood meter, as walks need it."""

    def __init__(self, meter: FloodMeter) -> None:
        self._meter = meter

    def looking(self, walk: Walk) -> Callable[..., FloodFact]:
        """What asks the flood meter of this walk ``at`` a moment."""
        presented = presents(walk.attempt, walk.rules)
        key_id = walk.attempt.credentials[0].key_id if presented else ""
        flood = walk.rules.rulebook.flood
        return partial(self._meter.look, walk.address, flood, presented=presented, key_id=key_id)

    def looking_in(self, walk: Walk, key_id: str) -> Callable[..., FloodFact]:
        """What asks it ``at`` a moment about a credential of ``key_id`` in the body of something public."""
        return partial(self._meter.look, walk.address, walk.rules.rulebook.flood, presented=True, key_id=key_id)

    def proving(self, walk: Walk, key_id: str, *, good: bool) -> Callable[..., None]:
        """What tells the flood meter ``at`` a moment what the look-up of the credential said."""
        flood = walk.facts.flood
        counted = flood is not None and not flood.failures_left and flood.verification_left
        told = partial(self._meter.proved, walk.address, walk.rules.rulebook.flood)
        return partial(told, key_id=key_id, good=good, counted=counted)

    def failing(self, walk: Walk) -> Callable[..., None]:
        """What counts ``at`` a moment that a refused walk failed to prove its credential, where it did."""
        if _is_unproven(walk):
            return self.proving(walk, walk.attempt.credentials[0].key_id, good=False)
        return _nothing


def used_up(flood: FloodFact) -> Refusal | None:
    """The refusal of a prefix whose credentials are not looked at any more; ``None`` where they are."""
    if flood.failures_left or flood.verification_left or flood.spared:
        return None
    return Refusal("flood.failed_credentials", prefix=flood.prefix, retry_after_s=max(flood.retry_after_s, 1.0))


def was_spared_in_vain(walk: Walk) -> bool:
    """Whether a credential was looked at for the sake of its key alone, and did not prove good."""
    return walk.facts.flood is not None and walk.facts.flood.spared and _is_unproven(walk)


def _is_unproven(walk: Walk) -> bool:
    """Whether a walk is refused because its credential does not prove good."""
    if not isinstance(walk.decision, Refused) or not walk.attempt.credentials:
        return False
    return walk.decision.finding.reason.startswith(_PROVING) and not proven_keys(walk.facts)


def _nothing(**_: object) -> None:
    """What is done where there is nothing to do."""
