"""The files of policies: told from each other, named, placed, and refused where nothing would be judged."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.config.policies import read_policies, stamp_of
from mattegate.config.settings import PolicySettings, Settings


def _folder(tmp_path: Path, **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.cedar").write_text(text, "utf-8")
    return tmp_path


def test_each_policy_has_its_id_text_and_place(tmp_path: Path) -> None:
    """By annotation, by the file's name, by the file's name and a number; comments in front do not belong to it."""
    folder = _folder(
        tmp_path,
        a="// the first\npermit (principal, action, resource); // and\n\n"
        '  @id("second one")\n  forbid (principal, action, resource)\n  when { context.path == "a;b//c" };\npermit(p);',
        b="\ufeffpermit (principal, action, resource)\n// inside\n;\n// behind\n",
    )
    files = read_policies(folder)
    assert files.faults == ()
    assert [(one.policy.id, one.file.name, one.place) for one in files.sources] == [
        ("a-1", "a.cedar", (2, 1)),
        ("second one", "a.cedar", (4, 3)),
        ("a-3", "a.cedar", (7, 1)),
        ("b", "b.cedar", (1, 1)),
    ]
    assert files.sources[1].policy.text.endswith('{ context.path == "a;b//c" };')
    assert files.sources[1].place_of("forbid") == (5, 3)
    assert files.sources[1].place_of("path") == (6, 18)
    assert files.sources[1].place_of("nowhere") == (4, 3)
    assert files.sources[3].policy.text == "permit (principal, action, resource)\n// inside\n;"


def test_files_are_read_by_their_names_and_others_are_not(tmp_path: Path) -> None:
    """What an editor leaves behind is no policy."""
    folder = _folder(tmp_path, b="permit (b);", a="permit (a);")
    for name in (".a.cedar.swp", ".hidden.cedar", "a.cedar~", "cases.toml"):
        (folder / name).write_text("forbid (x);")
    assert [one.policy.id for one in read_policies(folder).sources] == ["a", "b"]


def test_everything_that_is_wrong_with_the_files_is_told_at_once(tmp_path: Path) -> None:
    """With its file and line; what is right beside it is read all the same."""
    folder = _folder(tmp_path, a='@id("x") permit (a);\n@id( "x" )\nforbid (b);', b="permit (c);\n  forbid (d)\n")
    (folder / "c.cedar").write_bytes(b"permit (e);\n\xff")
    (folder / "d.cedar").write_bytes(b" " * 1_000_001)
    (folder / "e.cedar").mkdir()
    files = read_policies(folder)
    assert [one.policy.id for one in files.sources] == ["x", "b-1"]
    told = [(Path(fault.origin).name, fault.line, fault.setting, fault.problem) for fault in files.faults]
    assert told == [
        ("a.cedar", 2, "policy x", "the policy at a.cedar:1 has this id too"),
        ("b.cedar", 2, "policies.folder", "a policy ends with ;"),
        ("c.cedar", 2, "policies.folder", "it is not UTF-8"),
        ("d.cedar", None, "policies.folder", "more than 1000000 bytes: these are not policies"),
        ("e.cedar", None, "policies.folder", "Is a directory"),
    ]


@pytest.mark.parametrize("made", [True, False])
def test_a_folder_without_a_policy_is_at_fault(tmp_path: Path, made: bool) -> None:
    """Nothing would be judged, and nobody meant that: closed by default."""
    folder = tmp_path / "policies"
    if made:
        folder.mkdir()
        (folder / "empty.cedar").write_text("// nothing yet\n")
    (fault,) = read_policies(folder).faults
    assert fault.problem.startswith("there is no")
    assert "remove policies.folder" in fault.fix


def test_the_folder_lies_below_the_home_or_wherever_it_says(tmp_path: Path) -> None:
    """Without a setting there is none."""
    assert Settings(home=tmp_path).policies_dir is None
    assert Settings(home=tmp_path, policies=PolicySettings(Path("p"))).policies_dir == tmp_path / "p"
    assert Settings(home=tmp_path, policies=PolicySettings(Path("/etc/p"))).policies_dir == Path("/etc/p")


def test_a_stamp_tells_every_change(tmp_path: Path) -> None:
    """Another text of the same length, a file more, a file less; a folder that is gone has none."""
    folder = _folder(tmp_path, a="permit (a);")
    first = stamp_of(folder)
    (folder / "b.cedar").write_text("permit (b);")
    second = stamp_of(folder)
    (folder / "b.cedar").rename(folder / "b.cedar.off")
    (folder / "new").write_text("permit (c);")
    (folder / "new").replace(folder / "a.cedar")
    assert len({first, second, stamp_of(folder)}) == 3
    assert stamp_of(tmp_path / "gone") == ()


@given(st.lists(st.sampled_from(('"', "\\", ";", "//", "\n", "@id(", '"x"', ")", "a", " ", "é")), max_size=30))
def test_no_text_is_lost_and_none_is_made_up(pieces: list[str]) -> None:
    """Whatever stands in a file, its policies and the rest behind them are parts of it, in order."""
    text = "".join(pieces)
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p.cedar").write_text(text, "utf-8")
        files = read_policies(Path(folder))
    at = 0
    for source in files.sources:
        at = text.index(source.policy.text, at) + len(source.policy.text)
        assert text.splitlines()[source.place.line - 1][source.place.column - 1 :].startswith(
            source.policy.text.splitlines()[0]
        )
    assert files.sources or files.faults
