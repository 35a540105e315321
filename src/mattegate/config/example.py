"""Every setting with its meaning, from the docstrings beside the settings themselves: a configuration to start from."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any, get_type_hints

from mattegate.config.issuers import KEYS as ISSUER_KEYS
from mattegate.config.schema import ISSUERS, SETTINGS, TABLES, TIERS, default_of, example_of, literal
from mattegate.config.settings import Settings
from mattegate.config.tier_spelling import words_of
from mattegate.config.tier_words import KEYS

_WIDTH = 110


def meanings() -> dict[str, str]:
    """What each setting means, by its dotted name; the names of sections and what they are about, too."""
    return dict(_meanings(Settings, ""))


def _meanings(kind: type[Any], path: str) -> Iterator[tuple[str, str]]:
    hints, told = get_type_hints(kind), _field_docstrings(kind)
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield field.name, " ".join((hint.__doc__ or "").split())
            yield from _meanings(hint, f"{path}{field.name}.")
        else:
            yield f"{path}{field.name}", told.get(field.name, "")


@cache
def _classes(module: str) -> dict[str, ast.ClassDef]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}


def _field_docstrings(kind: type) -> dict[str, str]:
    body = _classes(kind.__module__)[kind.__name__].body
    found = {}
    for field, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            found[field.target.id] = " ".join(str(text.value).split()) if isinstance(text, ast.Constant) else ""
    return found


def example_toml() -> str:
    """A TOML file with every setting, its meaning and its default, commented out: it changes nothing."""
    told = meanings()
    lines = [
        "# mattegate: every setting with its default. Remove the # in front of what you change.",
        "# Later sources win: this file, the environment (MATTEGATE_SERVER_PORT), flags (--port).",
    ]
    section = ""
    for setting in sorted(SETTINGS, key=lambda name: "." in name):  # settings of no section must stand first
        if setting in TABLES:
            continue
        name, dot, last = setting.rpartition(".")
        if dot and name != section:
            section = name
            lines += ["", "", *_comment(told[section]), f"[{section}]"]
        lines += ["", *_comment(told[setting]), *_setting(setting, last)]
    return "\n".join([*lines, *_tiers(), *_issuers()]) + "\n"


def _setting(setting: str, name: str) -> Iterator[str]:
    default = default_of(setting)
    if setting == "home":
        yield f'# {name} = "~/.local/share/mattegate"'
        return
    if default in (None, "", ()):
        yield f"# for example: {name} = {literal(example_of(setting))}"
    yield f"# {name} = {literal(default)}"


def _tiers() -> Iterator[str]:
    yield from ("", "", "# Tiers: one section each; a name of these replaces it, another joins them.")
    for word, meaning in KEYS.items():
        yield from _comment(f"{word}: {meaning.replace('`', '')}")
    for tier in Settings().tiers:
        yield from ("", f"# [{TIERS}.{tier.name}]")
        yield from (f"# {word} = {literal(value)}" for word, value in words_of(tier).items())


def _issuers() -> Iterator[str]:
    yield from ("", "", "# Issuers whose tokens are taken: one section each.")
    for word, meaning in ISSUER_KEYS.items():
        yield from _comment(f"{word}: {meaning.replace('`', '')}")
    yield from ("", f"# [{ISSUERS}.okta]", '# issuer = "https://id.example.com"')
    yield '# audiences = ["https://api.example.com"]'


def _comment(text: str) -> list[str]:
    return [f"#   {line}" for line in textwrap.wrap(text, _WIDTH)]
