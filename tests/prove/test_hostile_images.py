"""Hostile pictures, sent to a real server with every type enabled, do it no harm."""

from __future__ import annotations

from pathlib import Path
from statistics import median

import pytest

from bench.service import Service
from tests.cutout.crafted import corpus
from tests.prove.storm import EVERY_TYPE, Tally, send

SEED = 20_260
FILES_ALLOWED = 16
"""Segments of shared memory that are kept for the next picture come and go; a leak passes this soon."""


@pytest.mark.parametrize(
    ("count", "growth_allowed"),
    [
        pytest.param(100, 1.5),
        pytest.param(2_000, 1.1, marks=[pytest.mark.long, pytest.mark.timeout(3_600)]),
    ],
)
def test_hostile_images_are_answered_and_do_no_harm(
    count: int, growth_allowed: float, u2netp_home: Path, tmp_path: Path
) -> None:
    """Each gets a success or a typed 4xx with its id; the server, its workers, its memory and its files stay."""
    with Service(u2netp_home, log=tmp_path / "server.log", upload_types=EVERY_TYPE) as service:
        tally = send(service, corpus(SEED, count))
        log = service.tail(10_000)
    print(tally.report())
    assert sum(tally.answers.values()) == count
    assert not tally.faults
    assert "Traceback" not in log
    _assert_unharmed(tally, growth_allowed)


def _assert_unharmed(tally: Tally, growth_allowed: float) -> None:
    """Memory is compared from the second third on: the largest picture of each kind leaves its high-water mark once,
    wherever in the first third it comes; a leak goes on rising.
    """
    fresh, *_, last = tally.vitals
    assert all(vital.healthy for vital in tally.vitals)
    assert last.workers == fresh.workers, "a worker was restarted"
    assert last.open_files <= fresh.open_files + FILES_ALLOWED
    memory = [vital.memory_mb for vital in tally.vitals[1:]]
    third = max(1, len(memory) // 3)
    assert median(memory[-third:]) <= growth_allowed * median(memory[third : 2 * third] or memory[:third])
