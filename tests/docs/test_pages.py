"""What the hand-written pages say is so: commands, targets, options and links."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.main import get_command

from mattegate.cli.app import make_app
from mattegate.vocabulary.options import PARSERS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]


def _commands() -> set[str]:
    root = get_command(make_app())
    return set(root.list_commands(root.make_context("mattegate", [], resilient_parsing=True)))  # type: ignore[attr-defined]  # the root is a group


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_local_link_leads_somewhere(page: Path) -> None:
    """No page points at a file that is not there."""
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    """Whoever types what the page says does not meet 'No rule to make target'."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:^\s{4}|`)make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_is_named_exists(page: Path) -> None:
    """Whoever types what the page says does not meet 'No such command'."""
    named = set(re.findall(r"(?:^\s{4}|`)mattegate ([a-z]+)", page.read_text("utf-8"), re.MULTILINE))
    assert named <= _commands()


def test_the_readme_names_every_option() -> None:
    """The table of options is complete."""
    readme = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in PARSERS if f"`{name}`" not in readme] == []


def test_ci_runs_the_readmes_test_command_and_nothing_else_decides() -> None:
    """What a contributor runs is what decides."""
    lines = (ROOT / ".ci" / "run").read_text("utf-8").strip().splitlines()
    assert lines[-1] == "make test"
    assert "make test" in (ROOT / "README.md").read_text("utf-8")


def test_no_file_of_the_project_names_a_package_index() -> None:
    """Where packages come from is the affair of whoever installs."""
    locks = [*ROOT.glob("requirements/*"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    assert [lock.name for lock in locks if re.search(r"https?://|--index|--extra-index", lock.read_text("utf-8"))] == []
