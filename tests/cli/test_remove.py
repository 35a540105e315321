"""``mattegate remove`` as a process, over a scripted engine: files, folders, pipes, refusals, exit codes."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.processes import ENVIRONMENT, Ended, begin, call, scripted, until
from tests.cutout.files.engines import pictures, png


def remove(folder: Path, *arguments: str | Path, stdin: bytes | None = None, **script: object) -> Ended:
    """Run ``mattegate remove`` in ``folder``."""
    return call(scripted("remove", *arguments, **script), folder, stdin)


def files(folder: Path) -> list[str]:
    """Every file below ``folder``, hidden ones included."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_file_becomes_a_cut_out_beside_it(tmp_path: Path) -> None:
    """The shortest line there is; nothing goes to standard output."""
    pictures(tmp_path, "a.png")
    ended = remove(tmp_path, "a.png")
    assert (ended.code, ended.out) == (0, "")
    assert (tmp_path / "a-cutout.png").read_bytes() == b"cut-out of " + png("a.png")
    assert "a.png → a-cutout.png" in ended.err
    assert "1 done · 0 skipped · 0 failed in" in ended.err


def test_the_name_of_the_output_decides_the_format(tmp_path: Path) -> None:
    """-o cutout.webp needs no --format."""
    pictures(tmp_path, "a.png")
    ended = remove(tmp_path, "a.png", "-o", "deep/cutout.webp", "--json")
    assert ended.code == 0
    assert files(tmp_path) == ["a.png", "deep/cutout.webp"]
    report = ended.records[0]["report"]
    assert isinstance(report, dict)
    assert report["media_type"] == "image/webp"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["a.png", "-o", "a.jpg", "--format", "png"], "the name of the output file says jpeg"),
        (["a.png", "-o", "out"], "a file's name ends in .png"),
        (["a.png", "--format", "bmp"], "it must be one of png, webp, avif, jpeg, zip"),
        (["a.png", "--background", "reddish"], "there is no such image file"),
        (["a.png", "--background", "image"], "there is no such image file"),
        (["a.png", "--background", "beach.jpg"], "There is no file or folder beach.jpg"),
        (["a.png", "--mask", "--background", "white"], "a mask has no background"),
        (["a.png", "a.jpg"], "a.png and a.jpg would both become a-cutout.png"),
        (["empty"], "(file.nothing_found) There is no image to work on in empty"),
        (["a.png", "--skip-existing", "--force"], "contradict each other"),
        (["-", "a.png"], "stands for one picture"),
        (["a.png", "--colour"], "No such option"),
        (["--json"], "Missing argument"),
    ],
)
def test_a_wrong_line_is_explained_before_any_work(tmp_path: Path, arguments: list[str], sentence: str) -> None:
    """Exit code 2, and nothing was written."""
    pictures(tmp_path, "a.png", "a.jpg")
    (tmp_path / "empty").mkdir()
    ended = remove(tmp_path, *arguments)
    assert sentence in " ".join(ended.err.split())
    assert ended.code == 2
    assert files(tmp_path) == ["a.jpg", "a.png"]


def test_a_folder_keeps_its_shape_in_the_output(tmp_path: Path) -> None:
    """--recursive with -o mirrors folders."""
    pictures(tmp_path, "p/a.png", "p/sub/a.png", "p/notes.txt")
    assert remove(tmp_path, "p", "-r", "-o", "out").code == 0
    assert files(tmp_path / "out") == ["a-cutout.png", "sub/a-cutout.png"]


def test_a_quoted_pattern_is_expanded(tmp_path: Path) -> None:
    """Shells without ** need not know it."""
    pictures(tmp_path, "p/a.png", "p/sub/b.png")
    assert remove(tmp_path, "p/**/*.png", "-o", "out/").code == 0
    assert files(tmp_path / "out") == ["a-cutout.png", "sub/b-cutout.png"]


def test_a_second_run_touches_nothing_and_takes_no_cut_out_for_a_picture(tmp_path: Path) -> None:
    """Not replaced by default, kept with --skip-existing, replaced with --force; never cut twice."""
    pictures(tmp_path, "a.png")
    remove(tmp_path, ".")
    (tmp_path / "a-cutout.png").write_bytes(b"mine now")
    refused = remove(tmp_path, ".")
    assert (refused.code, "--force" in refused.err) == (1, True)
    skipped = remove(tmp_path, "a.png", "a-cutout.png", "--skip-existing", "--json")
    assert (skipped.code, skipped.summary["skipped"]) == (0, 1)
    assert (tmp_path / "a-cutout.png").read_bytes() == b"mine now"
    assert remove(tmp_path, ".", "--force").code == 0
    assert (tmp_path / "a-cutout.png").read_bytes() == b"cut-out of " + png("a.png")
    assert files(tmp_path) == ["a-cutout.png", "a.png"]


def test_one_bad_picture_stops_no_other_and_is_explained(tmp_path: Path) -> None:
    """Reason, sentence and remedy for people; the same as JSON for programs; exit code 3 for refused pictures."""
    pictures(tmp_path, "a.png", "b.png", "c.png")
    (tmp_path / "b.png").write_bytes(b"<?php system($_GET[0]); ?>")
    ended = remove(tmp_path, "a.png", "b.png", "c.png")
    assert ended.code == 3
    assert files(tmp_path) == ["a-cutout.png", "a.png", "b.png", "c-cutout.png", "c.png"]
    assert "b.png: Not an accepted image type (upload.type)" in ended.err
    assert "Send a JPEG, PNG or WebP file." in ended.err
    record = remove(tmp_path, "b.png", "--json").records[0]
    assert (record["status"], record["reason"], record["target"]) == ("failed", "upload.type", "b-cutout.png")


def test_a_missing_file_among_others_fails_alone(tmp_path: Path) -> None:
    """Something broke: exit code 1."""
    pictures(tmp_path, "a.png")
    ended = remove(tmp_path, "missing.png", "a.png", "--json")
    assert (ended.code, ended.summary["done"], ended.summary["reasons"]) == (1, 1, {"file.not_found": 1})


def test_what_every_picture_would_meet_is_told_once(tmp_path: Path) -> None:
    """Missing weights end the run with the line that fetches them, not with a hundred failures."""
    pictures(tmp_path, *(f"{n}.png" for n in range(20)))
    ended = remove(tmp_path, ".", refuse="model.missing")
    assert ended.code == 1
    assert ended.err.count("Weights missing") == 1
    assert "  mattegate models pull u2netp\n" in ended.err
    assert "/home/models/u2netp.onnx" in ended.err


def test_an_unacknowledged_licence_is_a_refusal(tmp_path: Path) -> None:
    """Exit code 3: nothing is broken."""
    pictures(tmp_path, "a.png")
    assert remove(tmp_path, "a.png", refuse="model.licence").code == 3


def test_a_bug_is_no_traceback_unless_asked(tmp_path: Path) -> None:
    """One sentence by default, everything with --traceback."""
    pictures(tmp_path, "a.png")
    ended = remove(tmp_path, "a.png", crash=True)
    assert (ended.code, "Traceback" in ended.err) == (1, False)
    assert "ZeroDivisionError: a bug" in ended.err
    with_traceback = call(scripted("--traceback", "remove", "a.png", crash=True), tmp_path)
    assert (with_traceback.code, "Traceback" in with_traceback.err) == (1, True)


def test_a_pipe_takes_and_gives_bytes(tmp_path: Path) -> None:
    """From standard input to standard output, to a file, and from a file to standard output."""
    pictures(tmp_path, "a.png")
    image = png("piped")
    both = subprocess.run(
        scripted("remove", "-"), cwd=tmp_path, input=image, capture_output=True, env=ENVIRONMENT, check=True
    )
    assert (both.stdout, both.stderr) == (b"cut-out of " + image, b"")
    assert remove(tmp_path, "-", "-o", "out.png", stdin=image).code == 0
    assert (tmp_path / "out.png").read_bytes() == b"cut-out of " + image
    assert remove(tmp_path, "-", "-o", "out.png", stdin=image).code == 1, "not replaced without --force"
    out = subprocess.run(
        scripted("remove", "a.png", "-o", "-"), cwd=tmp_path, capture_output=True, env=ENVIRONMENT, check=True
    )
    assert out.stdout == b"cut-out of " + png("a.png")


def test_a_refused_pipe_writes_nothing(tmp_path: Path) -> None:
    """Not one byte on standard output, the reason on standard error, exit code 3."""
    ended = remove(tmp_path, "-", stdin=b"no picture")
    assert (ended.code, ended.out) == (3, "")
    assert "upload.type" in ended.err
    assert remove(tmp_path, "-", "--max-bytes", "5", stdin=png()).code == 3


def test_an_image_is_not_written_to_a_terminal(tmp_path: Path) -> None:
    """It would only beep."""
    ours, theirs = pty.openpty()
    ended = subprocess.run(
        scripted("remove", "-"), stdout=theirs, input=png(), stderr=subprocess.PIPE, env=ENVIRONMENT, check=False
    )
    os.close(theirs)
    os.close(ours)
    assert ended.returncode == 2
    assert b"file.terminal" in ended.stderr
    assert b"> cutout.png" in ended.stderr


def test_a_terminal_shows_progress_and_a_log_file_does_not(tmp_path: Path) -> None:
    """A bar for people, nothing that clutters a log."""
    pictures(tmp_path, "a.png", "b.png")
    ours, theirs = pty.openpty()
    environment = ENVIRONMENT | {"TERM": "xterm-256color"}
    line = scripted("remove", "a.png", "b.png", "--quiet")
    subprocess.run(line, cwd=tmp_path, stderr=theirs, env=environment, check=True)
    os.close(theirs)
    shown = os.read(ours, 65536)
    os.close(ours)
    assert b"cut-outs" in shown
    assert remove(tmp_path, "a.png", "b.png", "--quiet", "--force").err == ""


def test_a_file_name_cannot_command_the_terminal(tmp_path: Path) -> None:
    """Control codes in a name are shown, not obeyed; markup is text; bytes that are no UTF-8 are no crash."""
    (tmp_path / "a\x1b[31m[b].png").write_bytes(png())
    (tmp_path / os.fsdecode(b"caf\xe9.png")).write_bytes(b"bad")
    ended = remove(tmp_path, ".")
    assert "a\\x1b[31m[b].png" in ended.err
    assert "\x1b" not in ended.err
    assert "caf\\udce9.png: Not an accepted" in ended.err


def test_one_s_own_files_may_be_large_and_of_any_type_and_may_be_limited(tmp_path: Path) -> None:
    """Uploads' 10 MB and three types do not bind whoever runs the command; their own limits do."""
    pictures(tmp_path, "big.png")
    with (tmp_path / "big.png").open("ab") as file:
        file.truncate(11_000_000)
    assert remove(tmp_path, "big.png", "--quiet").code == 0
    ended = remove(tmp_path, "big.png", "--force", "--max-bytes", "1000000")
    assert (ended.code, "larger than the limit of 1 MB" in ended.err) == (3, True)


def test_ctrl_c_finishes_what_is_in_hand(tmp_path: Path) -> None:
    """Exit code 130, whole files only, and the engine was not torn down under a picture."""
    pictures(tmp_path, *(f"{n:03}.png" for n in range(500)))
    process = begin(scripted("remove", tmp_path, "--json", seconds=0.02))
    until(lambda: any(name.endswith("-cutout.png") for name in files(tmp_path)))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"finishing what is in hand" in err
    made = [name for name in files(tmp_path) if "-cutout" in name]
    assert 0 < len(made) < 500
    assert out.count(b'"status": "done"') == len(made)
    assert not [name for name in files(tmp_path) if name.endswith(".part")]


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path) -> None:
    """Nobody waits for a picture that takes an hour."""
    pictures(tmp_path, "a.png")
    begun = tmp_path / "begun"
    process = begin(scripted("remove", tmp_path / "a.png", seconds=3600, begun=str(begun)))
    until(begun.exists)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    assert b"finishing what is in hand" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"stopped at once" in err
    assert files(tmp_path) == ["a.png", "begun"]
