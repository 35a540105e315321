"""Files of a Kubernetes ConfigMap: each block of text under ``data`` is one, with the line numbers of the manifest.

Whatever else the manifest holds is left out. An ``include`` finds a file by the last part of its path, because the
folder that it is mounted in stands in another manifest.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.finding import nothing_else

if TYPE_CHECKING:
    from mattegate.doctor.nginx.finding import Lookup

_KIND: Final = re.compile(r"^kind:\s*['\"]?ConfigMap\b", re.MULTILINE)
_KEY: Final = re.compile(r"^(?P<indent> +)(?P<quote>['\"]?)(?P<key>[\w.-]+)(?P=quote):\s*\|[+-]?\d?[+-]?\s*(?:#.*)?$")
_MAIN: Final = "nginx.conf"


def files_of(text: str) -> dict[str, str]:
    """The files by their key, each with as many empty lines before it as the manifest has lines; none elsewhere."""
    if not _KIND.search(text):
        return {}
    found: dict[str, str] = {}
    lines = text.split("\n")
    for at, line in enumerate(lines):
        key = _KEY.match(line)
        if key is not None:
            found.setdefault(key["key"], "\n" * (at + 1) + "\n".join(_inside(lines[at + 1 :], len(key["indent"]))))
    return {key: body for key, body in found.items() if "{" in body or key.endswith(".conf")}


def _inside(lines: list[str], indent: int) -> list[str]:
    """The lines that are indented deeper."""
    ends = (at for at, line in enumerate(lines) if line.strip() and len(line) - len(line.lstrip(" ")) <= indent)
    return lines[: next(ends, len(lines))]


def main_of(files: dict[str, str]) -> str:
    """The configuration that the others are part of; all of them in one, where none is the main one."""
    if _MAIN in files:
        return files[_MAIN]
    rows = [body.split("\n") for body in files.values()]
    longest = max(map(len, rows), default=0)
    return "\n".join(next((row[at] for row in rows if at < len(row) and row[at]), "") for at in range(longest))


def by_last_part(files: dict[str, str], manifest: str) -> Lookup:
    """Includes within the manifest; the lookup raises ``Unread`` for a file that it does not hold."""

    def lookup(name: str) -> list[tuple[str, str]]:
        last = PurePosixPath(name).name
        found = sorted(key for key in files if key != _MAIN and fnmatch.fnmatchcase(key, last))
        if not found and "*" not in last:
            nothing_else(name)
        return [(manifest, files[key]) for key in found]

    return lookup
