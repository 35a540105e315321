"""``mattegate batch`` as a process: going on after an end, a Ctrl-C and a kill -9; reports; the lock."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from mattegate.cutout.files.manifest import NAME
from tests.cli.processes import Ended, begin, call, scripted, until
from tests.cutout.files.engines import pictures, png


def batch(folder: Path, *arguments: str, **script: object) -> Ended:
    """Run a batch from ``in`` to ``out`` and answer in JSON."""
    return call(scripted("batch", "in", "out", "--json", *arguments, **script), folder)


def done_lines(folder: Path) -> list[str]:
    """The sources that the manifest has as done; a line that is being written does not count."""
    path = folder / "out" / NAME
    text = path.read_text() if path.exists() else ""
    records = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    return [record["source"] for record in records if record.get("status") == "done"]


def cutouts(folder: Path) -> list[str]:
    """The cut-outs below ``out``."""
    return sorted(path.relative_to(folder / "out").as_posix() for path in (folder / "out").rglob("*.png"))


def test_a_batch_mirrors_the_folder_and_remembers(tmp_path: Path) -> None:
    """A second run makes nothing again, and needs no engine to see that."""
    pictures(tmp_path, "in/a.png", "in/sub/b.png")
    first = batch(tmp_path)
    assert (first.code, first.summary["done"]) == (0, 2)
    assert cutouts(tmp_path) == ["a-cutout.png", "sub/b-cutout.png"]
    again = batch(tmp_path, crash=True)
    assert (again.code, again.summary["done"], again.summary["skipped"]) == (0, 0, 2)


def test_only_what_changed_is_made_again(tmp_path: Path) -> None:
    """A new picture, a changed one, a cut-out that is gone; then other options, and all of it."""
    pictures(tmp_path, "in/a.png", "in/b.png", "in/c.png")
    batch(tmp_path)
    (tmp_path / "in/b.png").write_bytes(png("another b"))
    (tmp_path / "out/c-cutout.png").unlink()
    pictures(tmp_path, "in/d.png")
    ended = batch(tmp_path)
    done = sorted(str(record["source"]) for record in ended.records if record.get("status") == "done")
    assert done == ["b.png", "c.png", "d.png"]
    assert batch(tmp_path, "--quality", "50").summary["done"] == 4


def test_failures_are_retried_unless_asked_otherwise_and_reported(tmp_path: Path) -> None:
    """One bad picture among good ones; the report tells it from the manifest alone."""
    pictures(tmp_path, "in/a.png", "in/b.png")
    (tmp_path / "in/b.png").write_bytes(b"no picture")
    assert (batch(tmp_path).code, batch(tmp_path, "--no-retry-failed").summary["skipped"]) == (3, 2)
    assert batch(tmp_path).summary["reasons"] == {"upload.type": 1}
    counted = {"done": 1, "failed": 1, "reasons": {"upload.type": 1}}
    assert batch(tmp_path, "--report", crash=True).summary == counted
    words = call(scripted("batch", "in", "out", "--report"), tmp_path)
    assert words.code == 0
    assert "1 done · 1 failed" in words.out
    assert "b.png: The bytes are" in words.out


def test_kill_9_loses_nothing_that_was_told(tmp_path: Path) -> None:
    """What the manifest has is whole, what it has not is made by the next run, leftovers are swept, nothing twice."""
    names = [f"{n:03}.png" for n in range(120)]
    pictures(tmp_path / "in", *names)
    process = begin(scripted("batch", tmp_path / "in", tmp_path / "out", seconds=0.01, workers=3))
    until(lambda: len(done_lines(tmp_path)) >= 25)
    process.kill()
    process.communicate(timeout=30)
    (tmp_path / "out" / f".mattegate-{process.pid}-0123abcd.part").write_bytes(b"half a cut-out")
    before = done_lines(tmp_path)
    for name in before:
        made = tmp_path / "out" / f"{Path(name).stem}-cutout.png"
        assert made.read_bytes() == b"cut-out of " + png(name)
    assert len(cutouts(tmp_path)) <= len(before) + 4, "no more than was in hand is unknown to the manifest"
    ended = batch(tmp_path)
    assert (ended.code, ended.summary["skipped"]) == (0, len(before))
    assert sorted(done_lines(tmp_path)) == names
    assert not list((tmp_path / "out").glob(".*.part"))


def test_ctrl_c_finishes_what_is_in_hand_and_tells_how_to_go_on(tmp_path: Path) -> None:
    """Exit code 130, a manifest that knows every cut-out, and the very line to paste."""
    pictures(tmp_path / "in", *(f"{n:03}.png" for n in range(300)))
    arguments = ["batch", str(tmp_path / "in"), str(tmp_path / "out"), "--quiet"]
    process = begin(scripted(*arguments, seconds=0.02))
    until(lambda: len(done_lines(tmp_path)) >= 2)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"\n  mattegate {' '.join(arguments)}\n" in err.decode()
    assert sorted(done_lines(tmp_path)) == [name.replace("-cutout", "") for name in cutouts(tmp_path)]
    assert len(cutouts(tmp_path)) < 300


def test_two_batches_do_not_share_an_output_folder(tmp_path: Path) -> None:
    """The second is refused while the first works."""
    pictures(tmp_path, "in/a.png")
    begun = tmp_path / "begun"
    process = begin(scripted("batch", tmp_path / "in", tmp_path / "out", seconds=3600, begun=str(begun)))
    until(begun.exists)
    ended = batch(tmp_path)
    process.kill()
    process.communicate(timeout=30)
    assert ended.code == 1
    assert "Another batch is working with" in ended.err


def test_a_wrong_folder_is_explained(tmp_path: Path) -> None:
    """No input folder, no manifest to report, a manifest of somebody else's."""
    missing = batch(tmp_path)
    assert (missing.code, "no file or folder in" in missing.err) == (2, True)
    assert batch(tmp_path, "--report").code == 2
    pictures(tmp_path, "in/a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / NAME).write_text("my shopping list\n")
    foreign = batch(tmp_path)
    assert (foreign.code, "Line 1 of out/mattegate-batch.jsonl" in foreign.err) == (1, True)
    assert (tmp_path / "out" / NAME).read_text() == "my shopping list\n"


def test_two_pictures_of_one_name_do_not_overwrite_each_other(tmp_path: Path) -> None:
    """One is made, the other fails with both names; a second run says the same."""
    pictures(tmp_path, "in/a.png", "in/a.jpg")
    (tmp_path / "in/a.jpg").unlink()
    pictures(tmp_path, "in/a.apng")
    for _ in range(2):
        ended = batch(tmp_path)
        assert ended.summary["reasons"] == {"file.same_target": 1}
    assert cutouts(tmp_path) == ["a-cutout.png"]
