"""What the hand-written pages say is so: commands, targets, options and links."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from typer.main import get_command

from mattegate.cli.app import make_app
from mattegate.gate.order import NAMES
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


def test_the_map_shows_every_room_and_no_other() -> None:
    """The tree in ARCHITECTURE.md is the package's own."""
    tree = (ROOT / "ARCHITECTURE.md").read_text("utf-8").split("```")[1]
    shown = set(re.findall(r"^  ([a-z]+)(?:/|\.py) ", tree, re.MULTILINE))
    package = ROOT / "src" / "mattegate"
    rooms = {path.parent.name for path in package.glob("*/__init__.py")} | {"assembly"}
    assert shown == rooms


def test_the_layers_are_told_in_their_order() -> None:
    """Whoever reads ARCHITECTURE.md reads the list that decides."""
    page = " ".join((ROOT / "ARCHITECTURE.md").read_text("utf-8").split())
    told = re.search(r"The layers, in the order of `gate/order\.py`: ([a-z, ]+)\.", page)
    assert told is not None
    assert tuple(told[1].split(", ")) == NAMES


def test_every_dependency_has_its_reason() -> None:
    """What the project rests on is told with why, in ARCHITECTURE.md."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    table = (ROOT / "ARCHITECTURE.md").read_text("utf-8").partition("## Dependencies")[2]
    told = {
        name for row in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for name in re.findall(r"[a-z0-9-]+", row)
    }
    assert [one for one in asked if re.match(r"[a-z0-9-]+", one)[0] not in told] == []  # type: ignore[index]  # each begins so


def test_a_key_for_nobody_yet_is_made_with_a_tier() -> None:
    """A line to paste that makes a key says whose it is: an identity that is there, or the tier of a new one."""
    pages = [
        *PAGES,
        *ROOT.glob("docs/guide/*.md"),
        *ROOT.glob("examples/**/*.py"),
        *ROOT.glob("src/mattegate/cli/*.py"),
    ]
    lines = (line for page in pages for line in page.read_text("utf-8").splitlines())
    made = [line for line in lines if re.search(r"mattegate (?:--\S+ \S+ )*keys create(?:-\w+)? --name", line)]
    assert made
    assert [line for line in made if "--tier" not in line and "--identity" not in line] == []


def test_ci_runs_the_readmes_test_command_and_nothing_else_decides() -> None:
    """What a contributor runs is what decides."""
    lines = (ROOT / ".ci" / "run").read_text("utf-8").strip().splitlines()
    assert lines[-1] == "make test"
    assert "make test" in (ROOT / "README.md").read_text("utf-8")


def test_no_file_of_the_project_names_a_package_index() -> None:
    """Where packages come from is the affair of whoever installs."""
    locks = [*ROOT.glob("requirements/*"), ROOT / "Makefile", ROOT / "pyproject.toml"]
    assert [lock.name for lock in locks if re.search(r"https?://|--index|--extra-index", lock.read_text("utf-8"))] == []
