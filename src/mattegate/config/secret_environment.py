"""Versioned secrets that the environment holds, or names a file of: one secret (version 1), or ``1:HEX,2:HEX``.

That file may be a link, and readable for the group where another user (root) gave it, since this is how orchestrators
mount secrets.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from mattegate.config.faults import Fault
from mattegate.config.secret_purposes import Purpose
from mattegate.config.secret_reading import Unusable, content, mounted, secret_of, why

_NUMBERED: Final = re.compile(r"([1-9][0-9]{0,3}):(.*)", re.DOTALL)


def from_environment(purpose: Purpose, environ: Mapping[str, str], faults: list[Fault]) -> dict[int, tuple[str, bytes]]:
    """Where each version comes from, and its secret."""
    origins = sorted(purpose.variables & environ.keys())
    if len(origins) > 1:
        faults.append(Fault(purpose, " and ".join(origins), "both are set; unset one of them"))
        return {}
    try:
        given = {name: _given(purpose, name, environ[name]) for name in origins}
    except Unusable as problem:
        faults.append(Fault(purpose, origins[0], str(problem)))
        return {}
    return {version: (name, secret) for name, versions in given.items() for version, secret in versions.items()}


def _given(purpose: Purpose, name: str, value: str) -> dict[int, bytes]:
    text = value.strip() if name == purpose.variable else _read_named(Path(value))
    versions: dict[int, bytes] = {}
    for part in text.replace(",", " ").split() or [""]:
        numbered = _NUMBERED.fullmatch(part)
        version = int(numbered[1]) if numbered else 1
        if version in versions:
            raise Unusable(f"it gives {purpose} {version} twice; write 1:HEX,2:HEX")
        versions[version] = secret_of(numbered[2] if numbered else part)
    return versions


def _read_named(path: Path) -> str:
    """The file that the operator named; a link is followed, since the operator chose it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise Unusable(f"{path}: {why(error)}") from None
    return content(file, mounted)
