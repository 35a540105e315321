"""No secret appears in anything that the product writes: at the end of every run, all of it is searched.

What is searched: whatever lies in the homes that the run's tests have made (ledger, spool, records, usage …), the logs
of their servers, and what the product logged inside the tests' own process. What is searched for needs no list that
somebody would have to keep: keys have a checksum and signing secrets a prefix, tokens have their shape, and the secrets
of an installation lie in its own folder. A secret may be there, and where it was given to its owner, and nowhere else.
"""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mattegate.ledger.first_key import FILE as FIRST_KEY
from mattegate.signing.keys import BODY_LENGTH, SIGNING_PREFIX, id_of

MOST: Final = 32_000_000
"""Bytes of one file; nothing that a test's server writes is larger."""
_LOGS: Final = ("*.log", "log", "crash*", "core", "core.*")
_DIFFERENT: Final = 12
"""Fewer different bytes than these are no secret, and the product takes none such."""
_GIVEN: Final = frozenset({"secrets", FIRST_KEY})
"""Where secrets belong."""

_KEY: Final = re.compile(
    rb"(?<![0-9A-Za-z])[A-Za-z][0-9A-Za-z]*[_-](?:[0-9A-Za-z]+[_-])*?[0-9A-Za-z]{12}_[0-9A-Za-z]{38}"
)
_SIGNING: Final = re.compile(rb"%s[0-9A-Za-z]{43}" % SIGNING_PREFIX.encode())
_TOKEN: Final = re.compile(rb"eyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{16,}")


@dataclass(frozen=True)
class Spilled:
    """A secret where none belongs."""

    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place}: {self.what}"


def spilled_under(root: Path) -> list[Spilled]:
    """What was spilled into the outputs under a folder of tests."""
    found = [one for log in _logs(root) for one in _spilled_in(log, {})]
    for home in _homes(root):
        own = _secrets_of(home)
        for file in _outputs(home):
            found += _spilled_in(file, own)
        found += [one for log in _logs(home.parent) for one in _named(log, _content(log), own)]
    return list(dict.fromkeys(found))


def spilled_in(text: bytes, place: str) -> Iterator[Spilled]:
    """Keys, signing secrets and tokens in a text; nothing of them is in what is told."""
    if any(id_of(found[0].decode()) for found in _KEY.finditer(text) if len(found[0]) > BODY_LENGTH):
        yield Spilled(place, "an API key")
    if _SIGNING.search(text):
        yield Spilled(place, "the secret of a signing key")
    if _TOKEN.search(text):
        yield Spilled(place, "a token")


def _spilled_in(file: Path, own: dict[str, tuple[bytes, ...]]) -> Iterator[Spilled]:
    text = _content(file)
    yield from spilled_in(text, str(file))
    yield from _named(file, text, own)


def _named(file: Path, text: bytes, own: dict[str, tuple[bytes, ...]]) -> Iterator[Spilled]:
    """The secrets of an installation, in any spelling that a search would find."""
    for name, spellings in own.items():
        if any(spelling in text for spelling in spellings):
            yield Spilled(str(file), f"the installation's secret {name}")


def _homes(root: Path) -> list[Path]:
    """Every folder that has secrets or a ledger of an installation."""
    return sorted({file.parent.parent for pattern in ("**/secrets/*", "**/ledger/*.db") for file in root.glob(pattern)})


def _secrets_of(home: Path) -> dict[str, tuple[bytes, ...]]:
    folder = home / "secrets"
    files = [file for file in sorted(folder.iterdir()) if file.is_file()] if folder.is_dir() else []
    return {file.name: _spellings(_content(file).strip()) for file in files if len(_content(file).strip()) >= 32}


def _spellings(text: bytes) -> tuple[bytes, ...]:
    """How a secret may be written; not at all where it is none, but the placeholder of a test (``aaaa…``)."""
    if not re.fullmatch(rb"[0-9A-Fa-f]{64}", text):
        return (text,) if len(set(text)) >= _DIFFERENT else ()
    raw = bytes.fromhex(text.decode())
    if len(set(raw)) < _DIFFERENT:
        return ()
    bare = (spelled.rstrip(b"=") for spelled in (b64encode(raw), urlsafe_b64encode(raw)))
    return tuple(dict.fromkeys((text.lower(), text.upper(), raw, *bare)))


def _outputs(home: Path) -> Iterator[Path]:
    for file in home.rglob("*"):
        if _GIVEN.isdisjoint(file.relative_to(home).parts) and _regular(file) and "models" not in file.parts:
            yield file


def _logs(root: Path) -> Iterator[Path]:
    return (file for pattern in _LOGS for file in root.rglob(pattern) if _regular(file))


def _regular(file: Path) -> bool:
    try:
        return not file.is_symlink() and file.is_file() and file.stat().st_size <= MOST
    except OSError:  # a test took the right away to look at it, or it is gone
        return False


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
