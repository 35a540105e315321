"""No secret appears in anything that the product writes: at the end of every run, all of it is searched.

What is searched: whatever lies in the homes that the run's tests have made (ledger, spool, records, usage …), the logs
of their servers, and what the product logged inside the tests' own process. What is searched for needs no list that
somebody would have to keep: keys have a checksum and signing secrets a prefix, tokens have their shape, and the secrets
of an installation lie in its own folder. A secret may be there, and where it was given to its owner, and nowhere else.
"""

from __future__ import annotations

import os
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
    """What was spilled into the outputs under a folder of tests; every file is looked at once."""
    files = list(_files(root))
    homes = {file.parent.parent for file in files if _of_a_home(file)}
    secrets = {home: _secrets_of(home) for home in homes}
    beside: dict[Path, list[Path]] = {}
    for home in homes:
        if home.parent != root:  # what lies beside one test's home is that test's; beside all of them, nobody's
            beside.setdefault(home.parent, []).append(home)
    found: list[Spilled] = []
    for file in files:
        around = [folder for folder in file.parents if folder in homes and _is_output(file, folder)]
        if log := any(file.match(pattern) for pattern in _LOGS):
            around += [home for folder in file.parents for home in beside.get(folder, ())]
        if around or log:
            text = _content(file)
            found += spilled_in(text, str(file))
            found += [one for home in around for one in _named(file, text, secrets[home])]
    return list(dict.fromkeys(found))


def spilled_in(text: bytes, place: str) -> Iterator[Spilled]:
    """Keys, signing secrets and tokens in a text; nothing of them is in what is told."""
    if any(id_of(found[0].decode()) for found in _KEY.finditer(text) if len(found[0]) > BODY_LENGTH):
        yield Spilled(place, "an API key")
    if _SIGNING.search(text):
        yield Spilled(place, "the secret of a signing key")
    if _TOKEN.search(text):
        yield Spilled(place, "a token")


def _named(file: Path, text: bytes, own: dict[str, tuple[bytes, ...]]) -> Iterator[Spilled]:
    """The secrets of an installation, in any spelling that a search would find."""
    for name, spellings in own.items():
        if any(spelling in text for spelling in spellings):
            yield Spilled(str(file), f"the installation's secret {name}")


def _files(root: Path) -> Iterator[Path]:
    """Every regular file, without following links."""
    for folder, _, names in os.walk(root):
        yield from (file for name in names if _regular(file := Path(folder, name)))


def _of_a_home(file: Path) -> bool:
    """Whether a file shows that the folder above its own is the home of an installation."""
    return file.parent.name == "secrets" or (file.parent.name == "ledger" and file.suffix == ".db")


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


def _is_output(file: Path, home: Path) -> bool:
    return _GIVEN.isdisjoint(file.relative_to(home).parts) and "models" not in file.parts


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
