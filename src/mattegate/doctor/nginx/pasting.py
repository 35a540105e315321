"""Text around a configuration that is not nginx's: fences, prompts, quotes, line numbers, dots for what was left out.

It is taken off only where nginx could not read the text as it stands, so that nothing sound is ever changed. What is
taken off leaves its line behind, so that lines keep their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive

_NAME: Final = re.compile(r"[a-z][a-z0-9_]*")
_BLOCKS: Final = frozenset({"http", "server", "location", "if", "limit_except"})
_FENCE: Final = re.compile(r"^[ \t>]*(?:```|~~~)")
_PROMPT: Final = re.compile(
    r"^\s*(?:\[?[\w.-]{1,64}@[^\s#$%]{1,128}(?: [^\s#$%]{1,128})?[#$%]|[$%]) +[a-z./]"
    r"|^\s*# (?:cat|vi|vim|nano|less|sudo) "
)
_LEFT_OUT: Final = re.compile(
    r"^\s*(?:#\s*)?(?:[\[(<{]?(?:\.{2,}|\u2026)[\])>}]?|[\[(<](?:snip|\w[\w ]{0,40}omitted)[\])>]"
    r"|\.{2,}[^;{}\n]{0,80}\.{2,})\s*;?\s*$",
    re.IGNORECASE,
)
_QUOTED: Final = re.compile(r"^ {0,3}> ?")
_NUMBERED: Final = re.compile(r"^\s{0,8}\d{1,6}(?:[:|\t ]|$)")
_BEGINS: Final = re.compile(r"^\s*(?:#|[a-z_]{3,40}(?:\s[^;{}]{0,400})?\s*[;{])")
_ENDS: Final = re.compile(r"[;}]\s*(?:#.*)?$")
_TEMPLATE: Final = re.compile(r"\{\{|\{%|<%")


def is_template(text: str) -> bool:
    """Whether something is to be filled in before nginx reads it."""
    return _TEMPLATE.search(text) is not None


def is_strange(directives: Iterable[Directive]) -> bool:
    """Whether a line begins with what can be no directive's name: a sentence, a prompt, a key of some YAML."""
    return any(
        _NAME.fullmatch(line.name) is None or (line.name in _BLOCKS and is_strange(line.children))
        for line in directives
    )


def unpasted(text: str) -> str:
    """The text with what people and pages put around it taken off, line by line."""
    lines = text.replace("\u00a0", " ").split("\n")
    for prefix in (_QUOTED, _NUMBERED):
        if _on_every(lines, prefix):
            lines = [prefix.sub("", line, count=1) for line in lines]
    lines = _fenced(lines)
    lines = ["" if _PROMPT.match(line) or _LEFT_OUT.match(line) else line for line in lines]
    return "\n".join(_without_prose(lines))


def _without_prose(lines: list[str]) -> list[str]:
    """Without the sentences before the first line of a configuration and after its last."""
    first = next((at for at, line in enumerate(lines) if _BEGINS.match(line)), 0)
    last = next((at for at in range(len(lines) - 1, -1, -1) if _ENDS.search(lines[at])), len(lines) - 1)
    return ["" if at < first or at > last else line for at, line in enumerate(lines)]


def _on_every(lines: list[str], prefix: re.Pattern[str]) -> bool:
    written = [line for line in lines if line.strip() and not _FENCE.match(line)]
    return len(written) > 1 and all(prefix.match(line) for line in written)


def _fenced(lines: list[str]) -> list[str]:
    """Only what stands between fences, where there are any."""
    if not any(_FENCE.match(line) for line in lines):
        return lines
    inside, kept = False, []
    for line in lines:
        fence = _FENCE.match(line) is not None
        inside ^= fence
        kept.append(line if inside and not fence else "")
    return kept
