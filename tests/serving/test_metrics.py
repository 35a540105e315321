"""Figures for Prometheus."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from mattegate.cutout.engine.protocol import EngineStatus
from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.records import RecordStatus
from mattegate.serving.metrics import LimitsStatus, Metrics, Plane, Sources
from mattegate.vocabulary.decision import Effect, Finding
from mattegate.vocabulary.reasons import REASONS

PASSED = (Finding("request", Effect.ALLOW), Finding("origin", Effect.NO_IMPACT))
REFUSED = (
    *PASSED,
    Finding("network", Effect.EXPLICIT_DENY, "network.denied", shadow=True),
    Finding("credential", Effect.IMPLICIT_DENY, "credential.missing"),
    Finding("rate", Effect.SKIPPED),
)


def read(metrics: Metrics) -> dict[str, float]:
    """Every sample by its name and labels, as a scraper reads them."""
    return {
        sample.name + "".join(f" {value}" for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


def test_requests_and_decisions_are_counted() -> None:
    """An answer counts for its route and status, its decision for the layer that made it, its shadows apart."""
    metrics = Metrics(version="1.2.3", routes=("cutout",))
    metrics.observe(route="cutout", status=200, seconds=0.3, findings=PASSED)
    metrics.observe(route="cutout", status=401, seconds=0.001, findings=REFUSED)
    metrics.observe(route="cutout", status=401, seconds=0.001, findings=REFUSED)
    metrics.observe(route="cutout", status=200, seconds=0.001)
    found = read(metrics)
    assert found["mattegate_requests_total cutout 200"] == 2
    assert found["mattegate_requests_total cutout 401"] == 2
    assert found["mattegate_decisions_total ALLOW  data "] == 1
    assert found["mattegate_decisions_total IMPLICIT_DENY credential data credential.missing"] == 2
    assert found["mattegate_shadow_refusals_total network network.denied"] == 2
    assert found["mattegate_request_seconds_count refused cutout"] == 2
    assert found["mattegate_request_seconds_bucket 0.5 delivered cutout"] == 2
    assert found["mattegate_build_info 1.2.3"] == 1


def test_the_planes_are_counted_apart() -> None:
    """What admins are refused is no figure of the callers, and the other way round."""
    metrics = Metrics(version="1", routes=("key",))
    refused = [Finding("admin", Effect.EXPLICIT_DENY, "account.exists")]
    metrics.observe(route="admin", status=409, seconds=0, findings=refused, plane=Plane.ADMIN)
    metrics.observe(route="key", status=200, seconds=0, findings=PASSED)
    found = read(metrics)
    assert found["mattegate_decisions_total EXPLICIT_DENY admin admin account.exists"] == 1
    assert found["mattegate_decisions_total ALLOW  data "] == 1
    assert found["mattegate_requests_total admin 409"] == 1


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.text(), st.integers(), st.text()), max_size=10))
def test_nobody_can_make_series_grow(seen: list[tuple[str, int, str]]) -> None:
    """Whatever route, status and reason are made up, they are all counted under one name."""
    metrics = Metrics(version="1", routes=("cutout",))
    for route, status, reason in [("\n", 1_000, "x.y"), *seen]:
        metrics.observe(route=f"{route}?", status=status * 1_000, seconds=0, findings=[_refused(f"{reason}?")])
    names = [
        name for name in read(metrics) if name.startswith(("mattegate_requests_total", "mattegate_decisions_total"))
    ]
    assert set(names) <= {
        "mattegate_requests_total other other",
        "mattegate_decisions_total EXPLICIT_DENY policy data other",
    }


def _refused(reason: str) -> Finding:
    return Finding("policy", Effect.EXPLICIT_DENY, reason)


@pytest.mark.parametrize("code", REASONS)
def test_every_reason_has_its_own_series(code: str) -> None:
    """No code of the catalogue is counted as another."""
    metrics = Metrics(version="1", routes=())
    metrics.observe(route="", status=403, seconds=0, findings=[_refused(code)])
    assert read(metrics)[f"mattegate_decisions_total EXPLICIT_DENY policy data {code}"] == 1


def test_parts_say_how_they_stand() -> None:
    """Engine, records, limits and what was refused early are asked when the figures are read."""
    records = RecordStatus(100, 20, 1_000, dropped=3, damaged=1, torn=2, problem="")
    sources = Sources(
        engine=lambda: EngineStatus(ready=True, problem="", workers=2, busy=1, waiting=5, restarts=4),
        records=lambda: records,
        limits=lambda: LimitsStatus("redis", up=False, local=True),
        early=lambda: {"request.http": 7, "made.up": 1},
    )
    found = read(Metrics(version="1", routes=(), sources=sources))
    assert found["mattegate_part_up engine"] == 1
    assert found["mattegate_engine_waiting"] == 5
    assert found["mattegate_engine_restarts_total"] == 4
    assert found["mattegate_part_up records"] == 1
    assert found["mattegate_records_behind_bytes"] == 100
    assert found["mattegate_records_dropped_total"] == 3
    assert found["mattegate_part_up limits"] == 0
    assert found["mattegate_limits_local redis"] == 1
    assert found["mattegate_early_refusals_total request.http"] == 7
    assert found["mattegate_early_refusals_total other"] == 1


def test_a_part_that_is_down_is_shown_as_down() -> None:
    """A store that cannot answer does not take the other figures with it."""

    def down() -> RecordStatus:
        raise Unavailable("records", "disk I/O error")

    metrics = Metrics(version="1", routes=(), sources=Sources(records=down))
    assert read(metrics)["mattegate_part_up records"] == 0
