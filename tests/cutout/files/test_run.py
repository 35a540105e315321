"""Tasks through an engine: what becomes of each, how many at once, and what ends a run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from mattegate.config.settings import UploadSettings
from mattegate.cutout.engine.protocol import Job
from mattegate.cutout.files.run import Work, cut, read_image, run_tasks, running
from mattegate.cutout.files.tasks import Done, Failed, Outcome, Task
from mattegate.vocabulary.options import CutoutOptions
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.files.engines import ScriptedEngine, pictures, png

WORK = Work(CutoutOptions(model="u2netp"), UploadSettings())


def tasks_in(folder: Path, *names: str) -> list[Task]:
    """Real pictures, and their cut-outs in ``out``."""
    return [Task(path, folder / "out" / f"{path.stem}.png", path.name) for path in pictures(folder, *names)]


async def outcomes(
    engine: ScriptedEngine, tasks: list[Task], *, in_flight: int = 2, work: Work = WORK
) -> list[Outcome]:
    """Everything that happened, by name."""
    found = [outcome async for outcome in run_tasks(engine, tasks, work=work, in_flight=in_flight)]
    return sorted(found, key=lambda outcome: outcome.name)


async def test_each_picture_becomes_a_file(tmp_path: Path) -> None:
    """The engine's bytes stand under the target's name, and the outcome tells their size."""
    tasks = tasks_in(tmp_path, "a.png", "b.png")
    found = await outcomes(ScriptedEngine(), tasks)
    assert [type(outcome) for outcome in found] == [Done, Done]
    assert tasks[0].target.read_bytes() == b"cut-out of " + png("a.png")
    assert isinstance(found[0], Done)
    assert found[0].size == tasks[0].target.stat().st_size


async def test_a_bad_picture_fails_alone(tmp_path: Path) -> None:
    """A text called .png, an empty file, a missing one: three reasons, and the good one is made."""
    tasks = tasks_in(tmp_path, "a.png", "b.png", "c.png", "d.png")
    tasks[1].source.write_bytes(b"hello, I am a text")
    tasks[2].source.write_bytes(b"")
    tasks[3].source.unlink()
    engine = ScriptedEngine()
    found = await outcomes(engine, tasks)
    codes = [outcome.refusal.reason.code if isinstance(outcome, Failed) else "done" for outcome in found]
    assert codes == ["done", "upload.type", "upload.empty", "file.unreadable"]
    assert len(engine.jobs) == 1, "what the header shows never reaches a worker"
    assert not tasks[1].target.exists()


async def test_a_target_that_cannot_be_written_fails_alone(tmp_path: Path) -> None:
    """A folder under the target's name is this picture's trouble only."""
    tasks = tasks_in(tmp_path, "a.png", "b.png")
    (tasks[0].target / "inside").mkdir(parents=True)
    first, second = await outcomes(ScriptedEngine(), tasks)
    assert isinstance(first, Failed)
    assert first.refusal.reason.code == "file.unwritable"
    assert isinstance(second, Done)


async def test_never_more_in_hand_than_asked_and_never_drawn_ahead(tmp_path: Path) -> None:
    """Memory is bounded by what is in flight, however long the list is."""
    tasks = tasks_in(tmp_path, *(f"{n}.png" for n in range(12)))
    engine = ScriptedEngine(seconds=lambda job: 0.002)
    drawn = settled = 0

    def drawing() -> Iterator[Task]:
        nonlocal drawn
        for task in tasks:
            drawn += 1
            assert drawn - settled <= 3 + 1, "one is drawn only when there is room"
            yield task

    async for _ in run_tasks(engine, drawing(), work=WORK, in_flight=3):
        settled += 1
    assert settled == 12
    assert engine.most_in_hand == 3


async def test_a_list_that_ends_early_lets_what_is_in_hand_finish(tmp_path: Path) -> None:
    """This is how Ctrl-C stops a run: no new task, no lost one."""
    tasks = tasks_in(tmp_path, "a.png", "b.png", "c.png")
    engine = ScriptedEngine(seconds=lambda job: 0.01)
    found = await outcomes(engine, tasks[:2], in_flight=2)
    assert [type(outcome) for outcome in found] == [Done, Done]


async def test_what_planning_settled_passes_straight_through(tmp_path: Path) -> None:
    """Thousands of settled ones before the first task are told, each once and in order."""
    settled = [Failed(str(n), Refusal("file.not_found", path=str(n))) for n in range(1000)]
    (task,) = tasks_in(tmp_path, "a.png")
    found = [o async for o in run_tasks(ScriptedEngine(), [*settled, task, *settled], work=WORK, in_flight=2)]
    names = [outcome.name for outcome in found if isinstance(outcome, Failed)]
    assert names == [str(n) for n in range(1000)] * 2
    assert sum(isinstance(outcome, Done) for outcome in found) == 1


@pytest.mark.parametrize("code", ["model.missing", "option.extra_missing"])
async def test_a_refusal_that_every_picture_would_meet_ends_the_run(tmp_path: Path, code: str) -> None:
    """A missing model is told once and not a hundred thousand times."""
    facts = {"model": "u2netp", "path": "/p", "option": "refine", "extra": "matting"}
    engine = ScriptedEngine(refusing=lambda job: Refusal(code, **facts))
    with pytest.raises(Refusal) as caught:
        await outcomes(engine, tasks_in(tmp_path, *(f"{n}.png" for n in range(9))))
    assert caught.value.reason.code == code
    assert len(engine.jobs) <= 3
    assert engine.in_hand == 0


async def test_a_refusal_by_a_worker_is_one_picture_s_outcome(tmp_path: Path) -> None:
    """What kills a worker is told about the picture that did it."""

    def refusing(job: Job) -> Refusal | None:
        return Refusal("engine.memory_limit", pid=7, limit_mb=100) if b"a.png" in bytes(job.image) else None

    first, second = await outcomes(ScriptedEngine(refusing=refusing), tasks_in(tmp_path, "a.png", "b.png"))
    assert isinstance(first, Failed)
    assert first.refusal.reason.code == "engine.memory_limit"
    assert isinstance(second, Done)


async def test_closing_the_stream_calls_off_what_is_in_hand(tmp_path: Path) -> None:
    """Nothing runs on behind a caller who has left, and no half-made file stays."""
    engine = ScriptedEngine(seconds=lambda job: 0.05 if b"0.png" in bytes(job.image) else 3600)
    tasks = tasks_in(tmp_path, *(f"{n}.png" for n in range(6)))
    async with aclosing(run_tasks(engine, tasks, work=WORK, in_flight=3)) as stream:
        assert isinstance(await anext(stream), Done)
    assert engine.in_hand == 0
    assert not [path for path in (tmp_path / "out").iterdir() if path.suffix == ".part"]


async def test_a_file_over_the_limit_is_never_read(tmp_path: Path) -> None:
    """The size is looked at first."""
    tasks = tasks_in(tmp_path, "a.png")
    engine = ScriptedEngine()
    (failed,) = await outcomes(engine, tasks, work=Work(CutoutOptions(), UploadSettings(max_bytes=10)))
    assert isinstance(failed, Failed)
    assert failed.refusal.reason.code == "upload.too_large"
    assert failed.refusal.facts["read_bytes"] == 0


@pytest.mark.parametrize("kind", ["pipe", "device", "circle"])
def test_what_is_no_regular_file_is_refused_and_never_waited_for(tmp_path: Path, kind: str) -> None:
    """Nobody writes into the pipe, the device never ends, and the link leads to itself."""
    path = Path("/dev/zero") if kind == "device" else tmp_path / "photo.jpg"
    if kind == "pipe":
        os.mkfifo(path)
    if kind == "circle":
        path.symlink_to(path)
    with pytest.raises(Refusal) as caught:
        read_image(path, UploadSettings())
    assert caught.value.reason.code == "file.unreadable"


async def test_an_engine_is_drained_even_when_the_work_fails() -> None:
    """No worker outlives the run."""
    engine = ScriptedEngine()
    with pytest.raises(Refusal):
        async with running(engine):
            await cut(engine, b"", name=None, work=WORK)
    assert engine.started
    assert engine.drained
