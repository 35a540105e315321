"""The table from the gate's layers to the doctor's, and the causes that stand for them."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Layer
from mattegate.doctor.causes import causes
from mattegate.doctor.gate_layers import GATE_LAYERS, gate_layer
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.signatures import Matcher
from mattegate.vocabulary.reasons import REASONS

_LOCAL = {"file", "home", "backup"}
"""Layers of the command line, whose refusals are never sent over HTTP."""


def test_every_layer_of_the_gate_has_its_place() -> None:
    """No reason is of a layer that the table does not know, and it knows none in vain."""
    known = {name for name in GATE_LAYERS if "." not in name}
    assert {reason.layer for reason in REASONS.values()} <= known
    assert {name for name in GATE_LAYERS if "." in name} <= REASONS.keys()


def test_a_preflight_is_told_from_an_answer() -> None:
    """A header that is not allowed is refused in the preflight; an origin in the answer."""
    assert gate_layer("origin.header_not_allowed") is Layer.CORS_PREFLIGHT
    assert gate_layer("origin.not_allowed") is Layer.CORS_RESPONSE
    assert gate_layer("credential.missing") is gate_layer("credential") is Layer.API_KEY
    assert gate_layer("never.heard") is Layer.APP


@pytest.mark.parametrize("code", [code for code, reason in REASONS.items() if reason.layer not in _LOCAL])
def test_every_reason_that_is_sent_points_to_a_cause_of_its_layer(code: str) -> None:
    """A refusal of the gate's own is proven by its header alone, whatever its reason."""
    seen = Observation(
        "exchange", Place("x"), status=REASONS[code].status, response_headers=(("x-mattegate-reason", code),)
    )
    (clue,) = Matcher().clues(seen)
    assert clue.facts["reason"] == code
    assert causes()[clue.cause].layer is gate_layer(code)
