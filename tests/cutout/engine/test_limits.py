"""The pure rules of the engine: thread plan, watch, back-off, poison, memory figures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mattegate.config.settings import MB, EngineSettings
from mattegate.cutout.engine.maker import told
from mattegate.cutout.engine.memory import (
    address_space_bytes,
    is_out_of_memory,
    resident_bytes,
)
from mattegate.cutout.engine.plan import Plan, cpu_quota, plan, usable_cores, worker_environment
from mattegate.cutout.engine.poison import PoisonTable, digest
from mattegate.cutout.engine.protocol import Job
from mattegate.cutout.engine.watch import Patience, Watch
from mattegate.vocabulary.options import CutoutOptions
from mattegate.vocabulary.refusal import Refusal


@pytest.mark.parametrize(
    ("cores", "settings", "planned"),
    [
        (1, EngineSettings(), Plan(1, 1)),
        (2, EngineSettings(), Plan(1, 2)),
        (7, EngineSettings(), Plan(1, 7)),
        (8, EngineSettings(), Plan(2, 4)),
        (64, EngineSettings(), Plan(16, 4)),
        (8, EngineSettings(workers=3), Plan(3, 2)),
        (2, EngineSettings(workers=5), Plan(5, 1)),
        (8, EngineSettings(threads=1), Plan(2, 1)),
    ],
)
def test_cores_become_threads_first(cores: int, settings: EngineSettings, planned: Plan) -> None:
    """One worker for every four cores; what is set wins."""
    assert plan(settings, cores) == planned


@pytest.mark.parametrize(
    ("files", "quota"),
    [
        ({}, None),
        ({"cpu.max": "max 100000"}, None),
        ({"cpu.max": "150000 100000"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5),
        ({"cpu.max": "nonsense"}, None),
    ],
)
def test_a_containers_quota_is_read(tmp_path: Path, files: dict[str, str], quota: float | None) -> None:
    """Both versions of control groups, and none."""
    for name, text in files.items():
        path = tmp_path / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert cpu_quota(tmp_path) == quota
    if quota is not None:
        assert usable_cores(tmp_path) <= 2


def test_the_workers_environment_is_an_allow_list() -> None:
    """Secrets stay out; what an operator sets for the runtime wins over what was measured."""
    own = {"PATH": "/bin", "MATTEGATE_PEPPER": "x", "AWS_SECRET": "y", "MALLOC_TRIM_THRESHOLD_": "7", "LC_ALL": "C"}
    environment = worker_environment(own, 3)
    assert "MATTEGATE_PEPPER" not in environment
    assert "AWS_SECRET" not in environment
    assert (environment["PATH"], environment["LC_ALL"], environment["OMP_NUM_THREADS"]) == ("/bin", "C", "3")
    assert environment["MALLOC_TRIM_THRESHOLD_"] == "7"


def code(refusal: Refusal | None) -> str:
    """The code of a refusal, or nothing."""
    return refusal.reason.code if refusal else ""


def test_an_image_answers_only_for_what_happens_after_its_model_is_loaded() -> None:
    """First the loading has its own patience; from begin on time and memory count."""
    settings = EngineSettings(time_limit_s=10, memory_limit_mb=100)
    watch = Watch(1, settings, Patience(load_s=60), now=0)
    assert code(watch.overrun(59, 10**12)) == ""
    assert code(watch.overrun(61, 0)) == "engine.unavailable"
    watch.begin(50, resident=300 * MB)
    assert code(watch.overrun(60, 400 * MB)) == ""
    assert code(watch.overrun(60.1, 0)) == "engine.time_limit"
    assert code(watch.overrun(55, 400 * MB + 1)) == "engine.memory_limit"
    assert code(watch.overrun(55, None)) == ""


def test_pauses_double_up_to_a_bound() -> None:
    """No pause after a death on a job, and never longer than the bound, however long it goes on."""
    patience = Patience(first_pause_s=0.5, longest_pause_s=3)
    assert [patience.pause_s(failures) for failures in (0, 1, 2, 3, 4, 10_000)] == [0, 0.5, 1, 2, 3, 3]


def test_poison_is_counted_forgotten_and_bounded() -> None:
    """Deaths add up, expire after the last one, and the oldest entry makes room."""
    table = PoisonTable(remember_s=10, limit=2)
    assert not table.suspects(0)
    table.record("a", 0)
    table.record("a", 5)
    assert table.deaths("a", 14.9) == 2
    assert table.deaths("a", 15) == 0
    assert not table.suspects(15)
    for name in ("b", "c", "b", "d"):
        table.record(name, 20)
    assert [table.deaths(name, 20) for name in ("b", "c", "d")] == [2, 0, 1]


def test_the_digest_tells_parts_apart() -> None:
    """Moving a byte from the image to the background is another order; views and bytes are the same."""
    options = CutoutOptions()
    assert digest(Job(b"ab", options, b"c")) != digest(Job(b"a", options, b"bc"))
    assert digest(Job(b"ab", options)) == digest(Job(memoryview(b"ab"), options))
    assert digest(Job(b"ab", options)) != digest(Job(b"ab", CutoutOptions(crop=True)))


def test_memory_figures() -> None:
    """This process has some, a process that does not exist has none."""
    resident, space = resident_bytes(os.getpid()), address_space_bytes()
    assert resident is not None
    assert space is not None
    assert 0 < resident < space
    assert resident_bytes(2**22 + 1) is None


@pytest.mark.parametrize(
    ("error", "meant"),
    [
        (MemoryError(), True),
        (RuntimeError("Non-zero status code returned while running Conv node: std::bad_alloc"), True),
        (
            RuntimeError("onnxruntime::BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer"),
            True,
        ),
        (RuntimeError("OpenCV(5.0.0) error: (-4:Insufficient memory) Failed to allocate 9 bytes"), True),
        (RuntimeError("can't start new thread"), True),
        (RuntimeError("Got invalid dimensions for input"), False),
    ],
)
def test_memory_errors_of_the_runtimes_are_recognised(error: Exception, meant: bool) -> None:
    """Their general errors tell it only in their text."""
    assert is_out_of_memory(error) is meant


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("onnxruntime: std::bad_alloc")])
def test_whoever_runs_out_of_memory_is_told_the_limit(error: Exception) -> None:
    """A runtime that reports it as its general exception is no internal error of ours."""
    with pytest.raises(Refusal) as caught, told(lambda: False, 100):
        raise error
    assert caught.value.reason.code == "engine.memory_limit"
