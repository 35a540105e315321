"""The parts of an HTTP message as transcripts write them: a URL, a status line, a header line, a body; all made safe.

No reader's own grammar belongs here, only what several transcripts share.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from mattegate.doctor.redact import safe

BODY_CHARS: Final = 16_384
"""How much of an answer's body is kept; an observation holds no more."""
_BODY_LOOKED_AT: Final = 4 * BODY_CHARS

METHOD: Final = r"[A-Z][A-Z-]{1,19}"
REQUEST_LINE: Final = re.compile(rf"({METHOD}) (\S{{1,16384}}) HTTP/([\d.]{{1,3}})")
STATUS_LINE: Final = re.compile(r"HTTP/([\d.]{1,3}) +(\d{3})(?: +([^\n]{0,400}))?\s*")
_HEADER: Final = re.compile(r"(:?[!#$%&'*+.^`|~\w-]{1,200})\s{0,8}:[ \t]{0,8}(.*)")
_URL: Final = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.-]{0,30}):)?//(?:[^/?#\s@]{0,1024}@)?([^/?#\s]{0,512})([^#\s]*)")


class Target(NamedTuple):
    """Where a request went; empty what is not known."""

    scheme: str = ""
    host: str = ""
    path: str = ""
    """With its query, made safe."""


def target_of(url: str) -> Target:
    """The parts of an absolute URL, of one without its scheme (``host/path``), or of a mere path."""
    text = url.strip()
    if text.startswith("/") and not text.startswith("//"):
        return Target(path=safe(text.partition("#")[0]))
    found = _URL.match(text) or _URL.match(f"//{text}")
    if found is None:
        return Target(path=safe(text))
    rest = found[3] if found[3].startswith("/") else f"/{found[3]}"
    return Target((found[1] or "").lower(), safe(found[2]).lower(), safe(rest))


def header_of(line: str) -> tuple[str, str] | None:
    """Name and value of a header line; ``None`` where it is none."""
    found = _HEADER.match(line)
    return (found[1], found[2].strip()) if found else None


def body_text(body: str) -> str:
    """The beginning of a body, made safe."""
    return safe(body[:_BODY_LOOKED_AT])[:BODY_CHARS]
