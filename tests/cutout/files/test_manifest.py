"""The memory of a batch: what it makes again, what it survives, and that two do not share it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mattegate.cutout.files import plan
from mattegate.cutout.files.manifest import NAME, Manifest, fingerprint, read_history
from mattegate.cutout.files.tasks import Done, Failed, Skipped, Stamp, Task, Why
from mattegate.vocabulary.options import parse_options
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Report
from tests.cutout.files.listings import MemoryListing

REPORT = Report("u2netp", "image/png", 1, 1, 1, 1, None, ())
STAMP = Stamp(10, 1_700_000_000_000_000_001)


def manifest(folder: Path, asked: str = "f1") -> Manifest:
    """A manifest of a run with the options that ``asked`` stands for."""
    return Manifest(folder, run={"version": "0", "fingerprint": asked}, clock=lambda: 0.0)


def task(folder: Path, name: str = "a.png", stamp: Stamp = STAMP) -> Task:
    """One file of a batch whose output folder is ``folder``."""
    return Task(Path("in", name), folder / f"{name}-cutout.png", name, stamp)


def disk(*present: Path) -> MemoryListing:
    """A disk on which these targets stand."""
    return MemoryListing({str(path): STAMP for path in present})


def settled(book: Manifest, one: Task, listing: plan.Listing, *, retry: bool = True) -> str | None:
    """Why ``one`` is left alone, or ``None``."""
    (item,) = book.settle([one], listing, retry=retry)
    return item.why if isinstance(item, Skipped) else None


def remember_done(folder: Path, asked: str = "f1") -> Task:
    """A first run that made one cut-out."""
    one = task(folder)
    with manifest(folder, asked) as book:
        book.record(Done(one, REPORT, 5, 12.5))
    return one


def test_what_is_done_is_not_made_again(tmp_path: Path) -> None:
    """Same picture, same options, cut-out still there."""
    one = remember_done(tmp_path)
    with manifest(tmp_path) as book:
        assert settled(book, one, disk(one.target)) == Why.DONE


@pytest.mark.parametrize("stamp", [Stamp(11, STAMP.mtime_ns), Stamp(10, STAMP.mtime_ns + 1)])
def test_a_changed_picture_is_made_again(tmp_path: Path, stamp: Stamp) -> None:
    """Another size, or another nanosecond."""
    one = remember_done(tmp_path)
    with manifest(tmp_path) as book:
        assert settled(book, task(tmp_path, stamp=stamp), disk(one.target)) is None


def test_other_options_and_a_lost_cut_out_make_it_again(tmp_path: Path) -> None:
    """Neither a picture with the old background nor a hole is what was asked for."""
    one = remember_done(tmp_path)
    with manifest(tmp_path) as book:
        assert settled(book, one, disk()) is None
    with manifest(tmp_path, "f2") as book:
        assert settled(book, one, disk(one.target)) is None


def test_the_last_word_on_a_file_counts(tmp_path: Path) -> None:
    """It failed, then it was done; a run with other options came between."""
    one = task(tmp_path)
    with manifest(tmp_path) as book:
        book.record(Failed(one.name, Refusal("upload.empty"), one))
    with manifest(tmp_path, "f2"):
        pass
    remember_done(tmp_path)
    with manifest(tmp_path) as book:
        assert settled(book, one, disk(one.target)) == Why.DONE


def test_a_failed_picture_is_tried_again_unless_asked_otherwise(tmp_path: Path) -> None:
    """--no-retry-failed."""
    one = task(tmp_path)
    with manifest(tmp_path) as book:
        book.record(Failed(one.name, Refusal("upload.empty"), one))
    with manifest(tmp_path) as book:
        assert settled(book, one, disk()) is None
        assert settled(book, one, disk(), retry=False) == Why.FAILED


def test_a_line_tells_everything_about_a_file(tmp_path: Path) -> None:
    """The keys are a contract: other programs read them."""
    remember_done(tmp_path)
    with manifest(tmp_path) as book:
        book.record(Failed("b.png", Refusal("upload.empty"), task(tmp_path, "b.png")))
    opening, first, again, second = map(json.loads, (tmp_path / NAME).read_text().splitlines())
    assert opening == again == {"mattegate_batch": 1, "version": "0", "fingerprint": "f1"}
    same = {"size": 10, "mtime_ns": STAMP.mtime_ns}
    assert first == same | {
        "source": "a.png",
        "target": "a.png-cutout.png",
        "status": "done",
        "reason": None,
        "detail": None,
        "milliseconds": 12.5,
        "model": "u2netp",
    }
    assert (second["status"], second["reason"], second["detail"]) == (
        "failed",
        "upload.empty",
        "The image has no bytes.",
    )


def test_lines_are_readable_at_once_and_nothing_is_written_about_what_was_skipped(tmp_path: Path) -> None:
    """A second process can follow; kill -9 right after a line loses nothing."""
    with manifest(tmp_path) as book:
        book.record(Done(task(tmp_path), REPORT, 5, 1.0))
        book.record(Skipped(task(tmp_path, "b.png"), Why.DONE))
        book.record(Failed("in/locked/", Refusal("file.unreadable", path="in/locked", problem="no")))
        assert list(read_history(tmp_path / NAME).lines) == ["a.png"]


def test_a_name_that_is_no_text_survives(tmp_path: Path) -> None:
    """A file name is bytes; Python's stand-ins for what is not UTF-8 come back as they were."""
    odd = task(tmp_path, b"caf\xe9\n\x1b[31m.png".decode("utf-8", "surrogateescape"))
    with manifest(tmp_path) as book:
        book.record(Done(odd, REPORT, 5, 1.0))
    assert list(read_history(tmp_path / NAME).lines) == [odd.name]


@pytest.mark.parametrize("keep", [1, 40, -1])
def test_a_torn_last_line_is_cut_off(tmp_path: Path, keep: int) -> None:
    """Power failed in mid-line: the line before stands, and the next line starts at a line's beginning."""
    one = remember_done(tmp_path)
    path = tmp_path / NAME
    whole = path.read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    path.write_bytes(whole + last[:keep])
    with manifest(tmp_path) as book:
        assert settled(book, one, disk(one.target)) == Why.DONE
    assert path.read_bytes().startswith(whole + b'{"mattegate_batch"')


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"\0\0\0\n", "not JSON"), (b'{"source": "a"}\n', "lacks size"), (b'{"mattegate_batch": 2}\n', "another version")],
)
def test_a_foreign_line_in_the_middle_is_refused_with_its_number(tmp_path: Path, line: bytes, problem: str) -> None:
    """What is no manifest of ours is neither guessed at nor written to."""
    remember_done(tmp_path)
    path = tmp_path / NAME
    before = path.read_bytes() + line + b'{"mattegate_batch": 1}\n'
    path.write_bytes(before)
    with pytest.raises(Refusal, match=f"Line 3 .*{problem}") as caught, manifest(tmp_path):
        pass
    assert caught.value.reason.code == "file.manifest"
    assert path.read_bytes() == before


def test_two_batches_do_not_share_a_manifest(tmp_path: Path) -> None:
    """The second is refused, writes nothing, and may start once the first has ended."""
    with manifest(tmp_path):
        before = (tmp_path / NAME).read_bytes()
        with pytest.raises(Refusal) as caught, manifest(tmp_path):
            pass
        assert caught.value.reason.code == "file.batch_in_use"
        assert (tmp_path / NAME).read_bytes() == before
    with manifest(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path: Path) -> None:
    """A file stands where the output folder should."""
    (tmp_path / "out").touch()
    with pytest.raises(Refusal) as caught, manifest(tmp_path / "out"):
        pass
    assert caught.value.reason.code == "file.unwritable"


def test_the_fingerprint_tells_what_makes_another_picture() -> None:
    """Every option counts, and so do the bytes of the background image."""
    asked = [{}, {"format": "webp"}, {"background": "white"}, {"background": "blur"}, {"crop_margin": "3%"}]
    prints = {fingerprint(parse_options(texts)) for texts in asked}
    prints |= {fingerprint(parse_options({"background": "image"}), background) for background in (b"1", b"2")}
    assert len(prints) == 7
    assert fingerprint(parse_options({"background": "#fff"})) == fingerprint(parse_options({"background": "white"}))


def test_a_missing_manifest_is_an_empty_history(tmp_path: Path) -> None:
    """A first run has nothing to remember."""
    assert read_history(tmp_path / NAME).lines == {}
