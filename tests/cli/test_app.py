"""The command line as a whole: help that can be pasted, exit codes, configuration faults, and how fast it answers."""

from __future__ import annotations

import json
import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from mattegate import __version__
from mattegate.cli import batch, bench, remove, rendering, serve
from mattegate.cli.app import EXAMPLES, LATER, make_app
from mattegate.vocabulary.options import PARSERS
from mattegate.vocabulary.reasons import REASONS
from tests.cli.at_home import At
from tests.cli.processes import call, real, scripted

MODULES = (remove, batch, serve, bench)
GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("example", [*EXAMPLES, *(line for module in MODULES for line in module.EXAMPLES)])
def test_every_example_in_the_help_is_a_line_that_parses(example: str) -> None:
    """Nobody pastes a line that answers with a usage error."""
    program, *words = shlex.split(example)
    assert program == "mattegate"
    root = get_command(make_app())
    context = root.make_context("mattegate", words, resilient_parsing=True)
    names = {module.NAME for module in MODULES} | {name for name, _ in LATER}
    name = next(word for word in words if word in names)
    command = root.get_command(context, name)  # type: ignore[attr-defined]  # the root is a group
    command.make_context(name, words[words.index(name) + 1 :], parent=context)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.NAME)
def test_the_help_is_what_was_read_and_approved(module: object) -> None:
    """A change of the help is a change somebody looked at; run with ``--help`` and save it to accept one."""
    name = str(module.NAME)  # type: ignore[attr-defined]  # each command module has a name
    ended = call(real(name, "--help"))
    assert ended.code == 0
    assert _trimmed(ended.out) == (GOLDEN / f"{name}.txt").read_text("utf-8")


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


def test_help_is_there_without_any_argument_and_names_every_command() -> None:
    """The first thing that anybody types."""
    for arguments in ([], ["-h"], ["--help"]):
        out = call(real(*arguments)).out
        assert all(name in out for name in ("remove", "batch", "serve", "bench", "models"))


def test_every_option_of_a_cut_out_is_a_flag() -> None:
    """The command line offers what HTTP offers."""
    for module in (remove, batch):
        out = call(real(module.NAME, "--help")).out
        flags = set(re.findall(r"--([a-z-]+)", out))
        assert {name.replace("_", "-") for name in PARSERS} - {"response"} <= flags


def test_the_version_is_answered_without_importing_anything_heavy() -> None:
    """Neither typer nor numpy: scripts ask for the version often."""
    code = (
        "import sys; from mattegate.cli import main; main(['--version']); "
        "print(*sorted({'typer', 'rich', 'pydantic', 'numpy', 'onnxruntime', 'cv2', 'fastapi'} & set(sys.modules)))"
    )
    assert call([sys.executable, "-c", code]).out == f"mattegate {__version__}\n\n"
    assert call(real("--home", "/nowhere", "--version")).out == f"mattegate {__version__}\n"


def test_the_doctor_waits_for_nothing_else_of_the_product() -> None:
    """It is asked where something is broken, and reads no configuration of its own."""
    code = (
        "import sys; from mattegate.cli import main; main(['doctor', 'causes', 'body.too_large']); "
        "print('HEAVY', *sorted({'typer', 'rich', 'pydantic', 'numpy', 'cryptography', 'fastapi'} & set(sys.modules)))"
    )
    assert call([sys.executable, "-c", code]).out.endswith("HEAVY\n")


def test_help_imports_neither_pixels_nor_the_web() -> None:
    """Whoever reads the help waits for none of it."""
    code = (
        "import sys; from mattegate.cli import main; main(['remove', '--help']); "
        "print('HEAVY', *sorted({'numpy', 'onnxruntime', 'cv2', 'fastapi', 'PIL', 'uvicorn'} & set(sys.modules)))"
    )
    assert call([sys.executable, "-c", code]).out.endswith("HEAVY\n")


def test_every_fault_of_the_configuration_is_told_at_once(tmp_path: Path) -> None:
    """Exit code 2; the file and the settings by name; no traceback."""
    config = tmp_path / "mattegate.toml"
    config.write_text("[server]\nport = 'many'\n[upload]\nmax_bites = 3\n")
    lines: list[list[str | Path]] = [["--config", config, "remove", "a.png"], ["serve", "--config", config]]
    for line in lines:
        ended = call(scripted(*line), tmp_path)
        assert ended.code == 2
        assert "the configuration has 2 faults" in ended.err
        assert f"{config}:" in ended.err
        assert "server.port" in ended.err
        assert "upload.max_bites: no such setting; did you mean upload.max_bytes?" in ended.err


def test_the_exit_code_follows_from_the_reason() -> None:
    """2 for the line itself, 1 for what broke, 3 for a no: every reason of the catalogue has one of them."""
    from mattegate.vocabulary.refusal import Refusal  # noqa: PLC0415 - only here

    facts = {"option": "o", "value": "v", "problem": "p", "path": "p", "found": "f", "model": "m"}
    facts |= {"licence": "l", "licence_id": "l"}
    expected = {"request.option": 2, "file.exists": 1, "upload.type": 3, "model.missing": 1, "model.licence": 3}
    assert {code: rendering.exit_code_of(Refusal(code, **facts)) for code in expected} == expected
    assert set(REASONS) >= rendering.USAGE_CODES


def test_the_home_may_stand_before_the_command(tmp_path: Path) -> None:
    """--home reaches the settings of whatever runs."""
    ended = call(scripted("--home", tmp_path / "here", "serve"))
    assert f"home {tmp_path / 'here'}" in ended.out
    listed = call(real("--home", tmp_path / "here", "models", "list", "--json"))
    assert (listed.code, '"u2netp"' in listed.out) == (0, True)


def test_json_stays_json_where_the_answer_is_no(at: At) -> None:
    """A program that asked for JSON finds one object on standard output; people read the same words beside it."""
    ended = at("keys", "show", "nobody", "--json")
    error = json.loads(ended.out)["error"]
    assert (ended.code, error["reason"]) == (3, "account.not_found")
    assert {"title", "detail", "operator", "remedy"} < set(error)
    assert error["detail"] in ended.err


def test_json_stays_json_where_the_configuration_has_faults(at: At, tmp_path: Path) -> None:
    """Each fault with its file, line and remedy; standard error says them in words."""
    config = tmp_path / "mattegate.toml"
    config.write_text("[server]\nport = 'many'\n")
    ended = at("--config", config, "keys", "list", "--json")
    (fault,) = json.loads(ended.out)["error"]["faults"]
    assert (ended.code, fault["setting"], fault["line"]) == (2, "server.port", 2)
    assert f"{config}:2:" in ended.err


@pytest.mark.parametrize("line", [("keys", "list"), ("serve", "--port", "0", "--admin-port", "0")], ids=" ".join)
def test_a_database_that_is_none_is_named(at: At, line: tuple[str, ...]) -> None:
    """By every command alike, as the part that is down, with the file that is to blame; it is no fault of ours."""
    at.key()
    database = at.home / "ledger" / "control.db"
    database.write_bytes(b"no database at all")
    ended = at(*line)
    assert ended.code == 1
    assert "dependency.control" in ended.err
    assert f"{database}: file is not a database" in ended.err


def test_a_home_that_is_not_there_is_told(at: At, tmp_path: Path) -> None:
    """A mistyped --home reads as an empty one, makes nothing, and says so."""
    assert f"home {at.home}, which is not there" in at("keys", "list").err
    assert not at.home.exists()
    at.home.write_text("a file")
    assert "which is a file and no folder" in at("keys", "list").err
