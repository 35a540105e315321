"""Writes the reference pages that follow from the code: ``make docs``. A test fails when they are stale."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from mattegate.config import settings as settings_module
from mattegate.config.load import ENVIRONMENT_PREFIX
from mattegate.config.settings import Settings
from mattegate.cutout.models.catalogue import built_in
from mattegate.vocabulary.reasons import REASONS, Reason

REFERENCE = Path(__file__).parent / "reference"


def reasons_page() -> str:
    """Every reason, by layer."""
    lines = [
        "# Reasons",
        "",
        "Every refusal carries one of these codes in `reason`, a sentence in `detail` and what to do in `remedy`.",
        "Codes are never renamed. `{…}` stands for the facts of the case.",
    ]
    layer = ""
    for reason in sorted(REASONS.values(), key=lambda reason: list(REASONS).index(reason.code)):
        if reason.layer != layer:
            layer = reason.layer
            lines += ["", f"## {layer}"]
        lines += _reason_section(reason)
    return "\n".join(lines) + "\n"


def _reason_section(reason: Reason) -> list[str]:
    return [
        "",
        f'### <a id="{reason.anchor}"></a>`{reason.code}` — {reason.title}',
        "",
        f"*Status {reason.status}, error type `{reason.error_type}`.*",
        "",
        reason.sentence,
        "",
        f"**What to do:** {reason.remedy}",
        "",
        f"**In the operator's log:** `{reason.operator}`",
    ]


def settings_page() -> str:
    """Every setting with its default, its environment variable and its meaning."""
    lines = [
        "# Settings",
        "",
        "Later sources win: defaults, the TOML file given by `--config`, the environment, flags.",
        "",
        "| setting | default | environment | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_setting_row(*entry) for entry in _settings(Settings, "")]
    return "\n".join(lines) + "\n"


def _setting_row(name: str, default: object, meaning: str) -> str:
    shown = "the user's data folder" if name == "home" else _shown(default)
    return f"| `{name}` | {shown} | `{ENVIRONMENT_PREFIX}{name.replace('.', '_').upper()}` | {meaning} |"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return "`" + ", ".join(map(str, default)) + "`" if default else "(empty)"
    return f"`{default}`" if default != "" else "(empty)"


def _settings(kind: type[Any], path: str) -> Iterator[tuple[str, object, str]]:
    hints, meanings = get_type_hints(kind), _field_docstrings(kind)
    instance = kind()
    for field in fields(kind):
        hint = hints[field.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _settings(hint, f"{path}{field.name}.")
        else:
            yield f"{path}{field.name}", getattr(instance, field.name), meanings.get(field.name, "")


def _field_docstrings(kind: type) -> dict[str, str]:
    tree = ast.parse(inspect.getsource(settings_module))
    body = next(node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == kind.__name__)
    found = {}
    for field, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = following.value if isinstance(following, ast.Expr) else None
            found[field.target.id] = " ".join(str(text.value).split()) if isinstance(text, ast.Constant) else ""
    return found


def models_page() -> str:
    """Every model of the catalogue with its input and its licence."""
    lines = [
        "# Models",
        "",
        "Fetch one with `mattegate models pull NAME`; the files are pinned by hash and verified at download and load.",
        "",
        "| name | also | input | licence | commercial use | about |",
        "|---|---|---|---|---|---|",
    ]
    for spec in built_in():
        also = ", ".join(f"`{alias}`" for alias in spec.aliases)
        size = f"{spec.size[0]} × {spec.size[1]}"
        licence = spec.licence
        lines.append(f"| `{spec.name}` | {also} | {size} | {licence.id} | {licence.commercial} | {spec.about} |")
    lines += [
        "",
        "Not here: `u2net_cloth_seg` (three masks for garments) and `sam` (needs points or boxes), because their",
        "answer is not one matte. `u2net_custom`, `dis_custom` and `ben_custom` are any ONNX file of your own:",
        "`mattegate models import FILE --spec SPEC`, with a specification such as",
        "",
        "```toml",
        'name = "mine"',
        'family = "u2net"     # whose arithmetic: u2net, isnet, birefnet, rmbg2 …',
        'file = "mine.onnx"',
        "size = [320, 320]    # width and height of the input",
        'licence = "own"',
        "```",
    ]
    return "\n".join(lines) + "\n"


PAGES = {"reasons.md": reasons_page, "settings.md": settings_page, "models.md": models_page}


def main() -> None:
    """Write every page."""
    REFERENCE.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (REFERENCE / name).write_text(page(), "utf-8")


if __name__ == "__main__":
    main()
