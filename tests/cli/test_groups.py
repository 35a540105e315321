"""The groups of commands as a whole: their help, their examples, and that the list of commands imports none of them."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from mattegate.cli.app import LATER, make_app
from mattegate.cli.context import Invocation, real_services
from mattegate.cli.later import Later
from tests.cli.at_home import At
from tests.cli.processes import call

GOLDEN = Path(__file__).parent / "golden"
GROUPS = ("keys", "identities", "admins", "usage", "audit", "backup", "secrets", "policy")
OURS = (*GROUPS, "simulate")


def real_command(name: str) -> Any:
    """What stands behind a name of the list."""
    return Later(name, "").load()


def leaves() -> Iterator[tuple[str, ...]]:
    """Every command as it is typed."""
    for name in OURS:
        commands = getattr(real_command(name), "commands", {})
        if not commands:
            yield (name,)
        for below in commands:
            yield name, below


LEAVES = tuple(leaves())


@pytest.mark.parametrize("name", OURS)
def test_the_help_of_each_group_was_read_and_approved(name: str, at: At) -> None:
    """The group and everything in it; delete the file and run this twice to accept a change that somebody read."""
    lines: list[tuple[str, ...]] = [leaf for leaf in LEAVES if leaf[0] == name and len(leaf) > 1]
    lines.insert(0, (name,))
    told = "\n".join(f"$ mattegate {' '.join(line)} --help\n{_trimmed(at(*line, '--help').out)}" for line in lines)
    golden = GOLDEN / f"{name}.txt"
    if not golden.exists():
        golden.write_text(told, "utf-8")
        pytest.fail(f"{golden.name} was not there and is now: read it")
    assert told == golden.read_text("utf-8")


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip() + "\n"


@pytest.mark.parametrize("leaf", LEAVES, ids=" ".join)
def test_every_example_is_a_line_that_parses_and_is_of_that_command(leaf: tuple[str, ...]) -> None:
    """Every command has one at least; nobody pastes a line that answers with a usage error."""
    command = real_command(leaf[0])
    command = command.commands[leaf[1]] if len(leaf) > 1 else command
    examples = [line.strip() for line in command.epilog.splitlines()[1:]]
    assert examples
    root = get_command(make_app())
    for example in examples:
        program, *words = shlex.split(example.rpartition("| ")[2])
        assert program == "mattegate"
        assert tuple(words[: len(leaf)]) == leaf
        context = root.make_context("mattegate", [*words], obj=Invocation(tuple(words), real_services()))
        command.make_context(leaf[-1], words[len(leaf) :], parent=context)


@pytest.mark.parametrize(("name", "told"), LATER, ids=[name for name, _ in LATER])
def test_the_list_of_commands_says_what_the_command_itself_says(name: str, told: str) -> None:
    """The sentence stands in two places, so that the list waits for no import; the two do not part."""
    help_text = str(real_command(name).help)
    assert help_text.startswith(told.removesuffix(".").partition(":")[0]), help_text


def test_the_list_of_commands_imports_none_of_them() -> None:
    """Whoever asks for the list, or makes a cut-out, does not wait for the ledger's commands."""
    modules = [f"mattegate.cli.{name}" for name in OURS]
    code = (
        "import sys; from mattegate.cli import main; main(['--help']); "
        f"print('LOADED', *sorted({modules!r} & sys.modules.keys()))"
    ).replace(repr(modules), "set(" + repr(modules) + ")")
    assert call([sys.executable, "-c", code]).out.endswith("LOADED\n")


@pytest.mark.parametrize("name", GROUPS)
def test_a_group_without_a_command_shows_its_help(name: str, at: At) -> None:
    """Exit code 2, as for any line that lacks something; the home is not touched."""
    ended = at(name)
    assert ended.code == 2
    assert "--home" in ended.out + ended.err
    assert not at.home.exists()


@pytest.mark.parametrize(
    "line",
    [
        ("keys", "list"),
        ("identities", "list"),
        ("admins", "list"),
        ("audit", "list"),
        ("audit", "verify"),
        ("usage", "summary"),
        ("usage", "reconcile"),
        ("usage", "export"),
        ("simulate", "-"),
    ],
    ids=" ".join,
)
def test_reading_a_home_that_is_not_there_makes_nothing(line: tuple[str, ...], at: At) -> None:
    """A mistyped --home leaves no trace, and its name stands below the answer."""
    ended = at(*line)
    assert ended.code in {0, 3}
    assert f"home {at.home}" in ended.err
    assert not at.home.exists()


def test_a_store_that_is_no_database_is_told_in_words(at: At) -> None:
    """Exit code 1 and the file's own fault, without a traceback; it is not the caller's fault."""
    at.key()
    (at.home / "ledger" / "control.db").write_bytes(b"this is not a database" * 400)
    for line in (("keys", "list"), ("identities", "create", "x", "--tier", "free"), ("audit", "verify")):
        ended = at(*line)
        assert ended.code == 1
        assert "dependency.control" in ended.err
        assert "Traceback" not in ended.err
