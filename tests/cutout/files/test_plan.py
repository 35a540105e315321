"""From named paths to tasks: which files count, and what their cut-outs are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from mattegate.cutout.files import plan
from mattegate.cutout.files.tasks import Failed, Skipped, Task, Why
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.files.engines import pictures
from tests.cutout.files.listings import MemoryListing, listing

TYPES = (ImageFormat.JPEG, ImageFormat.PNG)


def find(disk: MemoryListing, *paths: str, recursive: bool = False) -> list[str]:
    """What was found, as texts; failures as their code."""
    found = plan.Search(disk, TYPES, recursive).find(paths)
    return [str(item.path) if isinstance(item, plan.Source) else item.refusal.reason.code for item in found]


def test_a_folder_gives_its_pictures_sorted_and_nothing_else() -> None:
    """Texts, hidden files, types that are not accepted and folders below are no pictures of a folder."""
    disk = listing("p/b.JPG", "p/a.png", "p/notes.txt", "p/.c.png", "p/d.gif", "p/sub/e.png")
    assert find(disk, "p") == ["p/a.png", "p/b.JPG"]


def test_recursion_goes_below_but_not_into_hidden_folders() -> None:
    """--recursive means folders inside folders, not a version control's inside."""
    disk = listing("p/a.png", "p/sub/deep/e.png", "p/.git/f.png")
    assert find(disk, "p", recursive=True) == ["p/a.png", "p/sub/deep/e.png"]


def test_a_folder_never_gives_its_own_cut_outs_again() -> None:
    """The second run finds what the first one found."""
    disk = listing("p/a.jpg", "p/a-cutout.png", "p/old-cutout.png")
    assert find(disk, "p") == ["p/a.jpg"]


def test_a_shell_that_expands_a_star_names_cut_outs_too_and_they_are_left_out() -> None:
    """``remove *`` a second time names a.jpg and a-cutout.png: only the first is a picture to work on."""
    disk = listing("a.jpg", "a-cutout.png", "paper-cutout.png")
    assert find(disk, "a-cutout.png", "a.jpg", "paper-cutout.png") == ["a.jpg", "paper-cutout.png"]


def test_a_named_file_is_taken_whatever_it_is_called() -> None:
    """Content decides what it is, not its name."""
    assert find(listing("picture", ".hidden"), "picture", ".hidden") == ["picture", ".hidden"]


def test_a_quoted_pattern_is_expanded_and_a_file_with_a_star_in_its_name_is_a_file() -> None:
    """A pattern is only what is not there as a file."""
    disk = listing("p/a.jpg", "p/b.jpg", "p/a-cutout.png", "odd*.jpg")
    assert find(disk, "p/*", "odd*.jpg") == ["p/a.jpg", "p/b.jpg", "odd*.jpg"]


def test_what_is_named_twice_is_done_once() -> None:
    """A file beside its folder on one line is one picture."""
    assert find(listing("p/a.jpg"), "p/a.jpg", "p", "p/a.jpg") == ["p/a.jpg"]


def test_a_missing_file_and_a_locked_folder_fail_alone() -> None:
    """One bad word on the line does not stop the others."""
    disk = listing("p/a.jpg", "b.jpg", locked=("p/locked",))
    found = find(disk, "missing.jpg", "p", "b.jpg", recursive=True)
    assert found == ["file.not_found", "p/a.jpg", "file.unreadable", "b.jpg"]


def test_cut_outs_stand_beside_their_pictures() -> None:
    """Without -o."""
    assert plan.beside("webp")(plan.Source(Path("p/a.b.jpg"), Path("a.b.jpg"))) == Path("p/a.b-cutout.webp")


def test_a_folder_for_the_cut_outs_mirrors_the_folders_of_the_pictures() -> None:
    """Two pictures of one name in two folders stay apart."""
    disk = listing("p/a.jpg", "p/sub/a.jpg")
    tasks = plan.assign(plan.Search(disk, TYPES, recursive=True).find(["p"]), plan.inside(Path("out"), "png"), disk)
    assert [str(task.target) for task in tasks if isinstance(task, Task)] == [
        "out/a-cutout.png",
        "out/sub/a-cutout.png",
    ]


def test_two_pictures_with_one_target_are_refused_before_any_work() -> None:
    """a.jpg and a.png beside each other would both become a-cutout.png."""
    disk = listing("p/a.jpg", "p/a.png")
    with pytest.raises(Refusal) as caught:
        plan.assign(plan.Search(disk, TYPES).find(["p"]), plan.beside("png"), disk)
    assert caught.value.reason.code == "file.same_target"
    assert caught.value.detail == "p/a.jpg and p/a.png would both become p/a-cutout.png."


def test_in_a_stream_only_the_second_claim_on_a_target_fails() -> None:
    """A batch of a hundred thousand files does not stop for two of one name."""
    disk = listing("p/a.jpg", "p/a.png", "p/b.png")
    settled = list(plan.stream(plan.Search(disk, TYPES).walk(Path("p")), plan.inside(Path("o"), "png"), disk))
    assert [(item.name, isinstance(item, Failed)) for item in settled] == [
        ("b.png", False),
        ("a.png", False),
        ("a.jpg", True),
    ]


def test_a_folder_is_streamed_and_not_collected() -> None:
    """The first picture is there before a later folder has been looked into."""
    disk = listing("p/a.png", "p/sub/b.png")
    walk = plan.Search(disk, TYPES, recursive=True).walk(Path("p"))
    assert str(next(iter(walk)).path) == "p/a.png"  # type: ignore[union-attr]  # the first is a source
    assert disk.read == ["p"]


def test_what_vanished_between_listing_and_looking_fails_alone() -> None:
    """A file that is deleted while a batch runs is one failure."""
    disk = listing("p/b.png")
    gone = plan.Source(Path("p/a.png"), Path("a.png"))
    (failed,) = plan.stream([gone], plan.inside(Path("o"), "png"), disk)
    assert isinstance(failed, Failed)
    assert failed.refusal.detail == "p/a.png cannot be read: no such file or directory."


def test_what_is_there_is_kept_or_refused_as_asked() -> None:
    """Neither way is anything replaced."""
    disk = listing("a.png", "a-cutout.png", "b.png")
    tasks = plan.assign(plan.Search(disk, TYPES).find(["a.png", "b.png"]), plan.beside("png"), disk)
    kept, fresh = plan.keep_existing(tasks, disk)
    assert isinstance(kept, Skipped)
    assert kept.why is Why.EXISTS
    assert isinstance(fresh, Task)
    refused, _ = plan.refuse_existing(tasks, disk)
    assert isinstance(refused, Failed)
    assert "--force" in refused.refusal.remedy


def test_the_real_disk_streams_files_and_does_not_follow_a_loop(tmp_path: Path) -> None:
    """A link to the folder above would otherwise be walked for ever; a link to a picture is a picture."""
    pictures(tmp_path, "a.png", "sub/b.png")
    (tmp_path / "sub" / "loop").symlink_to(tmp_path)
    (tmp_path / "link.png").symlink_to(tmp_path / "a.png")
    found = plan.Search(plan.Disk(), TYPES, recursive=True).find([str(tmp_path)])
    names = [item.inside.as_posix() for item in found if isinstance(item, plan.Source)]
    assert names == ["a.png", "link.png", "sub/b.png"]


def test_the_real_disk_knows_two_spellings_of_one_file(tmp_path: Path) -> None:
    """``a.png`` and ``sub/../a.png`` are one picture."""
    pictures(tmp_path, "a.png", "sub/b.png")
    found = plan.Search(plan.Disk(), TYPES).find([f"{tmp_path}/a.png", f"{tmp_path}/sub/../a.png"])
    assert len(found) == 1


def test_the_real_disk_expands_patterns_across_folders(tmp_path: Path) -> None:
    """``**`` keeps the places below the fixed part of the pattern."""
    pictures(tmp_path, "a.png", "sub/deep/b.png")
    found = plan.Search(plan.Disk(), TYPES).find([f"{tmp_path}/**/*.png"])
    assert [item.inside.as_posix() for item in found if isinstance(item, plan.Source)] == ["a.png", "sub/deep/b.png"]


def test_a_link_that_leads_in_a_circle_does_not_hide_the_rest_of_its_folder(tmp_path: Path) -> None:
    """It is found like any picture and fails alone, when it is read."""
    (tmp_path / "circle.jpg").symlink_to(tmp_path / "circle.jpg")
    pictures(tmp_path, "a.png", "z.png")
    found = plan.Search(plan.Disk(), TYPES).find([str(tmp_path)])
    assert [item.path.name for item in found if isinstance(item, plan.Source)] == ["a.png", "circle.jpg", "z.png"]
