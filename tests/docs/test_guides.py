"""The guides say what is true: their commands parse, their files load, and whatever they name exists."""

from __future__ import annotations

import inspect
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from typer.core import TyperGroup
from typer.main import get_command

from mattegate.assembly import open_gate
from mattegate.cli.app import make_app
from mattegate.config.load import load_settings
from mattegate.config.schema import OTHER_VARIABLES, SETTINGS, variable_of
from mattegate.config.secret_purposes import Purpose
from mattegate.ledger.opening import open_accounts
from mattegate.outbound.notice import NoticeKind
from mattegate.serving import metrics, routes
from mattegate.serving.admin import admins, audit, decisions, house, identities, keys, rulebook, simulations, usage
from mattegate.serving.admin.plane import PREFIX
from mattegate.serving.echo import ECHO_PATH
from mattegate.vocabulary.attempt import RouteView
from mattegate.vocabulary.reasons import REASONS

ROOT = Path(__file__).parents[2]
GUIDES = sorted((ROOT / "docs" / "guide").glob("*.md"))
ADMIN_PARTS = (identities, keys, admins, usage, decisions, simulations, rulebook, audit, house)
SECTIONS = {name.partition(".")[0] for name in SETTINGS if "." in name}
LAYERS = {reason.layer for reason in REASONS.values()}
PATH = (
    r"(?:[A-Z]+ )?/(?:cutouts/)?"
    r"(?:v1|docs|health|ready|metrics|openapi\.json|admin/v1)(?:/[^ ]+)?"
)
PLACEHOLDER = re.compile(r"\$\w+|\$\([^)]*\)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a guide: what its fence says it is, its text, and its first line's number."""

    guide: str
    kind: str
    text: str
    line: int

    def __str__(self) -> str:
        return f"{self.guide}:{self.line}"


def blocks(*kinds: str) -> list[Block]:
    """The blocks of these kinds, in all guides."""
    return [block for guide in GUIDES for block in _blocks_of(guide) if block.kind in kinds]


def _blocks_of(guide: Path) -> Iterator[Block]:
    text = guide.read_text("utf-8")
    for found in re.finditer(r"^```([^\n]*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Block(guide.name, found[1], found[2], text.count("\n", 0, found.start()) + 2)


def prose(guide: Path) -> str:
    """A guide without its blocks."""
    return re.sub(r"^```.*?^```$", "", guide.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def quoted(guide: Path) -> list[str]:
    """What stands between backticks in a guide's prose."""
    return re.findall(r"`([^`\n]+)`", prose(guide))


def named(pattern: str) -> list[Any]:
    """Every text between backticks that is wholly of ``pattern``, with the guide it stands in."""
    found = {(guide.name, text) for guide in GUIDES for text in quoted(guide) if re.fullmatch(pattern, text)}
    return [pytest.param(text, id=f"{name}-{text}") for name, text in sorted(found)]


def calls(block: Block) -> Iterator[list[str]]:
    """The words of every call of mattegate in the lines of a block, without what the shell takes for itself."""
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(PLACEHOLDER.sub("VALUE", line), posix=True, punctuation_chars="|;&<>()")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if set(word) <= set("|;&<>()"):
                if words[:1] == ["mattegate"]:
                    yield words
                words = []
            else:
                words.append(word)


def parse(words: list[str], *, resilient: bool = False) -> None:
    """Walk down to the command that is called and parse its words. Raises what the command line shows to people."""
    command: Any = get_command(make_app())
    name: str | None = "mattegate"
    rest, parent = words[1:], None
    while True:
        context = command.make_context(name, list(rest), parent=parent, resilient_parsing=resilient)
        command = context.command
        if not isinstance(command, TyperGroup):
            return
        name, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        parent = context


def test_there_are_guides_and_the_tests_read_them() -> None:
    """Nothing here passes for want of anything to look at."""
    assert len(GUIDES) >= 7
    assert len([words for block in blocks("sh") for words in calls(block)]) > 40
    assert len(blocks("toml", "yaml")) > 8
    assert len(named(r"[a-z]+\.[a-z_]+")) > 80


@pytest.mark.parametrize(
    "words",
    [pytest.param(words, id=f"{block}-{shlex.join(words)}") for block in blocks("sh") for words in calls(block)],
)
def test_a_command_can_be_pasted(words: list[str]) -> None:
    """No line of a guide answers with a usage error."""
    parse(words)


@pytest.mark.parametrize("line", named(r"mattegate [^…]+"))
def test_a_command_in_a_sentence_exists(line: str) -> None:
    """It may lack its arguments there, but not its place among the commands."""
    parse(shlex.split(line), resilient=True)


@pytest.mark.parametrize("kind", NoticeKind)
def test_every_kind_of_notice_is_in_the_guide(kind: NoticeKind) -> None:
    """Receivers branch on kinds, so the operator's guide names each."""
    assert f"`{kind}`" in (ROOT / "docs" / "guide" / "operate.md").read_text()


@pytest.mark.parametrize("name", named(r"[a-z]+\.[a-z][a-z_0-9]+"))
def test_a_setting_or_a_reason_exists(name: str) -> None:
    """What begins like one is one; other words with dots in them, such as file names, begin otherwise."""
    first = name.partition(".")[0]
    if first in SECTIONS or first in LAYERS:
        assert name in SETTINGS or name in REASONS or name in set(NoticeKind)


@pytest.mark.parametrize("name", named(r"MATTEGATE_[A-Z_]+(=.*)?"))
def test_an_environment_variable_exists(name: str) -> None:
    """Of a setting, of a secret, or of the few that are neither."""
    secrets = {name for purpose in Purpose for name in purpose.variables}
    known = {*map(variable_of, SETTINGS), *secrets, *OTHER_VARIABLES}
    assert name.partition("=")[0] in known


@pytest.mark.parametrize("name", named(r'mattegate_[a-z_]+(\{part="[a-z]+"\})?'))
def test_a_metric_exists(name: str) -> None:
    """Prometheus adds ``_total`` to counters by itself."""
    assert f'"{name.partition("{")[0].removesuffix("_total")}"' in inspect.getsource(metrics)


@pytest.mark.parametrize("block", blocks("toml", "yaml"), ids=str)
def test_a_configuration_loads(block: Block, tmp_path: Path) -> None:
    """Without a fault; the certificates that it names are there for once."""
    text = block.text
    for name in re.findall(r'"(/etc/[^"]+\.pem)"', text):
        (tmp_path / Path(name).name).touch()
        text = text.replace(name, str(tmp_path / Path(name).name))
    file = tmp_path / f"settings.{block.kind}"
    file.write_text(text, "utf-8")
    load_settings(file=file)


# --- addresses and links --------------------------------------------------------------------------------------


@cache
def admin_paths() -> frozenset[str]:
    """Every path of the admin plane."""
    inside = {
        PREFIX + route.path for part in ADMIN_PARTS for route in part.router.routes if isinstance(route, APIRoute)
    }
    beside = {route.path for route in house.root.routes if isinstance(route, APIRoute)}
    return frozenset(inside | beside | {f"{PREFIX}/openapi.json"})


def leads_somewhere(method: str, path: str) -> bool:
    """Whether there is a route, in one plane or the other, and it answers ``method``."""
    if path.startswith(ECHO_PATH) or path in admin_paths():
        return True
    prefix = "/cutouts" if path.startswith("/cutouts") else ""
    names = {value.name for value in vars(routes).values() if isinstance(value, RouteView)}
    table = routes.data_plane(prefix, names)
    found = table.match(re.sub(r"\{\w+\}", "x", path)).route
    return bool(found.name) and (not method or method in found.methods)


@pytest.mark.parametrize("text", named(PATH))
def test_a_path_exists(text: str) -> None:
    """Both planes; in the guide's example of a prefix, below it."""
    method, _, path = text.rpartition(" ")
    assert leads_somewhere(method, path)


@pytest.mark.parametrize("block", blocks("sh"), ids=str)
def test_an_address_in_a_command_exists(block: Block) -> None:
    """What curl is told to call is there."""
    for address in re.findall(r"https?://(?:127\.0\.0\.1|cutouts\.example\.com)[^\s\"'|]*", block.text):
        path = urlsplit(address).path
        assert path in {"", "/"} or leads_somewhere("", path), address


def test_every_part_of_the_admin_plane_is_named() -> None:
    """An operator finds what there is without reading the OpenAPI document first."""
    named_there = set(quoted(ROOT / "docs" / "guide" / "operate.md"))
    parts = {path.removeprefix(f"{PREFIX}/").partition("/")[0] for path in admin_paths() if path.startswith(PREFIX)}
    assert parts - {"openapi.json"} <= named_there


def anchors(page: Path) -> set[str]:
    """The anchors of a page: those written out, and those that follow from its headings."""
    text = page.read_text("utf-8")
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_a_link_leads_somewhere(guide: Path) -> None:
    """To a file of the repository, and to a heading of it where one is named."""
    for target in re.findall(r"\]\(([^)]+)\)", prose(guide)):
        file, _, anchor = target.partition("#")
        page = (guide.parent / file).resolve() if file else guide
        assert page.exists(), target
        assert not anchor or anchor in anchors(page), target


# --- the example that is a program ----------------------------------------------------------------------------


async def test_the_application_of_the_guide_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a key it is explained, with one it is let in, and the public path needs none."""
    [block] = [block for block in blocks("python") if "FastAPI" in block.text]
    monkeypatch.setenv("MATTEGATE_HOME", str(tmp_path))
    namespace: dict[str, Any] = {}
    exec(compile(block.text, str(block), "exec", dont_inherit=True), namespace)
    app = namespace["app"]
    assert isinstance(app, FastAPI)
    with open_accounts(namespace["settings"]) as accounts:
        me = accounts.desk.create_identity("me", tier="free", actor="cli:test")
        key = accounts.desk.create_key(me.view.id, actor="cli:test")
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://127.0.0.1") as client,
    ):
        refused = await client.get("/hello")
        assert (refused.status_code, refused.json()["reason"]) == (401, "credential.missing")
        assert (await client.get("/hello", headers={"X-API-Key": key.text})).json() == {"hello": "me"}
        assert (await client.get("/health")).status_code == 200
    with open_gate(namespace["settings"]):
        pass  # the home is free again
