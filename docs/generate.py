"""Writes the reference pages that follow from the code: ``make docs``. A test fails when they are stale."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

from docs.cause_pages import write_cause_pages
from mattegate.config.example import meanings
from mattegate.config.issuers import KEYS as ISSUER_KEYS
from mattegate.config.schema import ISSUERS, SETTINGS, TABLES, TIERS, default_of, literal, variable_of
from mattegate.config.settings import Settings
from mattegate.config.tier_spelling import words_of
from mattegate.config.tier_words import KEYS
from mattegate.cutout.models.catalogue import built_in
from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS

REFERENCE = Path(__file__).parent / "reference"


def reasons_page() -> str:
    """Every reason, by layer."""
    lines = [
        "# Reasons",
        "",
        "Every refusal carries one of these codes in `reason`, a sentence in `detail` and what to do in `remedy`.",
        "Codes are never renamed. `{…}` stands for the facts of the case.",
    ]
    for layer in dict.fromkeys(reason.layer for reason in REASONS.values()):
        lines += ["", f"## {layer}"]
        lines += chain.from_iterable(_reason_section(reason) for reason in REASONS.values() if reason.layer == layer)
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
    told = meanings()
    lines = [
        "# Settings",
        "",
        "Later sources win: defaults, the TOML or YAML file given by `--config`, the environment, flags. Lists in the",
        "environment are separated by commas. `mattegate config example` prints a file to start from,",
        "`mattegate config check` says everything that is wrong with one, and `mattegate config show` tells where each",
        "value comes from.",
        "",
        "| setting | default | environment | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_setting_row(name, told[name]) for name in SETTINGS if name not in TABLES]
    return "\n".join([*lines, *_tier_lines(told[TIERS]), *_issuer_lines(told[ISSUERS])]) + "\n"


def _setting_row(name: str, meaning: str) -> str:
    shown = "the user's data folder" if name == "home" else _shown(default_of(name))
    return f"| `{name}` | {shown} | `{variable_of(name)}` | {meaning} |"


def _shown(default: object) -> str:
    if default in (None, "", ()):
        return "(empty)"
    if isinstance(default, tuple):
        return "`" + ", ".join(map(str, default)) + "`"
    return f"`{default}`"


def _tier_lines(meaning: str) -> list[str]:
    lines = ["", "## Tiers", "", meaning, "", "| under `[tiers.NAME]` | meaning |", "|---|---|"]
    lines += [f"| `{word}` | {told} |" for word, told in KEYS.items()]
    lines += ["", "Without any, these hold:", "", "```toml"]
    for tier in Settings().tiers:
        words = [f"{word} = {literal(value)}" for word, value in words_of(tier).items()]
        lines += [f"[tiers.{tier.name}]", *words, ""]
    return [*lines[:-1], "```"]


def _issuer_lines(meaning: str) -> list[str]:
    lines = ["", "## Issuers", "", meaning, "", "| under `[tokens.issuers.NAME]` | meaning |", "|---|---|"]
    return [*lines, *(f"| `{word}` | {told} |" for word, told in ISSUER_KEYS.items())]


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
    write_cause_pages()


if __name__ == "__main__":
    main()
