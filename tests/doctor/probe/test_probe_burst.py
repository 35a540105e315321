"""Stories of limits: with consent, one request after the other, until a later one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.probe.plan import ProbePlan, probe
from tests.doctor.probe.houses import QUICK, app, free_port, nginx

ZONE = "limit_req_zone $binary_remote_addr zone=api:1m rate=1r/m;"


@pytest.mark.parametrize(("status", "certainty"), [("429", Certainty.PROVEN), ("503", Certainty.LIKELY)])
def test_a_real_limit_is_found_and_told_by_what_passed_before(
    status: str, certainty: Certainty, tmp_path: Path
) -> None:
    """nginx's limit says 503 unless told otherwise; only 429 says so itself."""
    port = free_port()
    limit = f"limit_req zone=api burst=4 nodelay; limit_req_status {status};"
    with app() as running:
        block = f"location / {{ {limit} proxy_pass http://127.0.0.1:{running.port}; }}"
        with nginx(tmp_path, f"{ZONE} server {{ listen 127.0.0.1:{port}; {block} }}"):
            plan = ProbePlan(f"http://127.0.0.1:{port}/", axes=frozenset(), burst=20, limits=QUICK)
            result = probe(plan, lambda _: None)
    clue = next(clue for clue in result.clues if clue.cause == "differential.rate_limited")
    assert (clue.certainty, clue.facts["passed"], clue.facts["status"]) == (certainty, "4", status)


def test_without_consent_nothing_is_burst_and_without_a_limit_nothing_found() -> None:
    """No more than thirty, and every one is an ordinary request."""
    with app() as running:
        quiet = probe(ProbePlan(f"http://127.0.0.1:{running.port}/", axes=frozenset(), limits=QUICK), lambda _: None)
        asked = len(running.seen)
        plan = ProbePlan(f"http://127.0.0.1:{running.port}/", axes=frozenset(), limits=QUICK, burst=1_000)
        result = probe(plan, lambda _: None)
    assert any("consent" in line for line in quiet.not_checked)
    assert (asked, len(running.seen) - asked) == (1, 31)
    assert not result.clues
