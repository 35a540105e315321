"""What the composition root tells operators at the start and at each new configuration."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattegate.assembly import tell_missing_tiers
from mattegate.config.settings import Settings
from mattegate.ledger.protocols import Snapshot
from mattegate.vocabulary.facts import IdentityView


def test_tiers_that_were_renamed_under_living_identities_are_told(caplog: pytest.LogCaptureFixture) -> None:
    """Once for each tier, with some of the names and the line that moves them; silence where every tier is there."""
    found = {f"id_{name}": IdentityView(id=f"id_{name}", name=name, tier="gold") for name in "abcdefg"}
    sound = {"id_z": IdentityView(id="id_z", name="zoe", tier="free")}
    tell_missing_tiers(Snapshot(1, {}, {}, identities=sound), Settings())
    assert not caplog.records
    tell_missing_tiers(Snapshot(1, {}, {}, identities=found | sound), Settings())
    (record,) = caplog.records
    assert "the tier 'gold' is not in the configuration" in record.getMessage()
    assert "refused with 503: a, b, c, d, e and 2 more;" in record.getMessage()
    caplog.clear()
    gold = replace(Settings().tiers[0], name="gold")
    tell_missing_tiers(Snapshot(1, {}, {}, identities=found), replace(Settings(), tiers=(*Settings().tiers, gold)))
    assert not caplog.records
