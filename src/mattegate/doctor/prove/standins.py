"""Stand-ins for what a configuration has on disk: folders it serves, password files, certificates.

Rules of this file: a stand-in lies in the private folder under a number, never under a name that the configuration
chose; the real thing is only looked at (is it there, may the worker read it) where the caller says that the paths are
this machine's, and its content is never copied, except for one line of a password file that the caller named.
"""

from __future__ import annotations

import base64
import binascii
import grp
import hashlib
import os
import pwd
import secrets
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Final

from mattegate.doctor.nginx.request import Certificate, Request

MOST_PLACEHOLDERS: Final = 200
_CONTENT: Final = b"stand-in\n"
_WORKERS: Final = ("www-data", "nginx", "http", "nobody", "_www")
_MOST_PASSWORDS: Final = 1_048_576


class NoCertificates(Exception):  # noqa: N818 - the state of this machine
    """Certificates are needed and cannot be made."""


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A file or folder to be made below the private folder."""

    path: str
    """Relative."""
    content: bytes | None = _CONTENT
    """``None`` for a folder."""
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Folder:
    """One place that static files come from."""

    number: int
    original: str
    exact: bool
    """Whether it names one file (the ``alias`` of an exact location)."""
    assumed: bool = True
    """Whether the one file is taken to be there where nobody can look."""

    @property
    def path(self) -> str:
        """Relative to the private folder."""
        return f"files/{self.number}" + ("/file" if self.exact else "")


@dataclass(frozen=True, slots=True)
class Names:
    """What a request may ask a folder for."""

    asked: tuple[str, ...]
    """Paths that come from the request, relative."""
    configured: tuple[str, ...]
    """Paths that the configuration itself names (``index``, ``try_files``, ``error_page``), relative."""


def names_asked(path: str) -> tuple[str, ...]:
    """The path of a request and every tail of it, because an ``alias`` takes the front off."""
    parts = [part for part in path.split("/") if part]
    return tuple(usable("/".join(parts[start:]) for start in range(len(parts))))


def usable(names: Iterable[str]) -> list[str]:
    """Those that can be the name of a placeholder, each once."""
    found: dict[str, None] = {}
    for name in names:
        parts = PurePosixPath(name.strip("/")).parts
        if parts and len(name) < 1_000 and "\0" not in name and all(p != ".." and len(p) < 250 for p in parts):
            found["/".join(parts)] = None
    return list(found)[:MOST_PLACEHOLDERS]


def placeholders(folder: Folder, names: Names, *, worker: str | None) -> tuple[list[Placeholder], str]:
    """What to make for a folder, and a sentence that says so. ``worker``: the user to look for; ``None``: not here."""
    real = Path(folder.original)
    if worker is None or not real.is_absolute() or not _is_there(real):
        return _assumed(folder, names)
    if folder.exact:
        return [_like(real, folder.path, worker)], f"{folder.original}: a private stand-in, as readable as the real one"
    made = [Placeholder(folder.path, None, readable=_may(real.stat(), worker, bits=1) and _may_enter(real, worker))]
    there = [name for name in dict.fromkeys([*names.asked, *names.configured]) if _is_there(real / name)]
    made.extend(_like(real / name, f"{folder.path}/{name}", worker) for name in there)
    return made, f"{folder.original}: a private stand-in with what of it the request may ask for"


def _assumed(folder: Folder, names: Names) -> tuple[list[Placeholder], str]:
    if folder.exact and folder.assumed:
        return [Placeholder(folder.path)], f"{folder.original}: a private stand-in, taken to be there and readable"
    if folder.exact:
        return [], f"{folder.original}: taken not to be there"
    files = [name for name in names.asked if "." in name.rpartition("/")[2] and not name.endswith(".php")]
    files = usable([*names.configured, *files])
    inside = [name for name in files if not any(other.startswith(name + "/") for other in files)]
    made = [Placeholder(folder.path, None), *(Placeholder(f"{folder.path}/{name}") for name in inside)]
    held = ", ".join(inside[:4]) + (" …" if len(inside) > 4 else "")
    return made, f"{folder.original}: a private stand-in, taken to hold {held or 'nothing'}"


def _like(real: Path, path: str, worker: str) -> Placeholder:
    found = real.stat()
    folder = stat.S_ISDIR(found.st_mode)
    readable = _may(found, worker, bits=1 if folder else 4) and _may_enter(real, worker)
    return Placeholder(path, None if folder else _CONTENT, readable)


def _is_there(path: Path) -> bool:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)


def _may_enter(path: Path, worker: str) -> bool:
    return all(_may(parent.stat(), worker, bits=1) for parent in path.parents)


def _may(found: os.stat_result, worker: str, *, bits: int) -> bool:
    """Whether the worker has these permission bits, by owner, group or as anybody."""
    users, groups = _identities(worker)
    if found.st_uid in users:
        return bool(found.st_mode >> 6 & bits)
    return bool(found.st_mode >> 3 & bits) if found.st_gid in groups else bool(found.st_mode & bits)


@cache
def _identities(worker: str) -> tuple[frozenset[int], frozenset[int]]:
    for name in (worker,) if worker else _WORKERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        also = {group.gr_gid for group in grp.getgrall() if name in group.gr_mem}
        return frozenset({user.pw_uid}), frozenset({user.pw_gid, *also})
    return frozenset(), frozenset()


def credentials(request: Request) -> tuple[str, str] | None:
    """The user and password of ``Authorization: Basic``; ``None`` where there are none that can be read."""
    scheme, _, encoded = (request.header("authorization") or "").partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    usual = colon and user and not set("\r\n\0:#") & set(user)
    return (user, password) if scheme.lower() == "basic" and usual else None


def passwords(original: str, request: Request, *, named: bool, here: bool) -> tuple[bytes | None, str]:
    """The content of a stand-in for a password file (``None``: none is made), and a sentence that says what it is."""
    if here and not Path(original).is_absolute():
        here = named = False
    if here and not _is_there(Path(original)):
        return None, f"{original} is not there, so its stand-in is not either"
    sent = credentials(request)
    if sent is None:
        return b"", f"{original}: an empty stand-in; the request has no credentials to look up in it"
    if named:
        return _line_of(Path(original), sent[0]), f"{original}: only the line of user {sent[0]!r} of it"
    return _right(*sent), f"{original}: a stand-in in which the request's user and password count as right"


def _right(user: str, password: str) -> bytes:
    salt = secrets.token_bytes(8)
    hashed = hashlib.sha1(password.encode() + salt, usedforsecurity=False).digest()
    return f"{user}:{{SSHA}}{base64.b64encode(hashed + salt).decode()}\n".encode()


def _line_of(path: Path, user: str) -> bytes:
    with path.open("rb") as file:
        lines = file.read(_MOST_PASSWORDS).splitlines(keepends=True)
    return b"".join(line for line in lines if line.startswith(user.encode() + b":"))


@cache
def certificates() -> dict[str, bytes]:
    """Files of a CA, a server, a client it signed and one it did not, made once. Raises :class:`NoCertificates`."""
    openssl = shutil.which("openssl")
    if openssl is None:
        raise NoCertificates("the experiment needs certificates, and there is no openssl program to make them")
    with tempfile.TemporaryDirectory(prefix="mattegate-ca-") as folder:
        for args in _STEPS:
            _openssl(openssl, args, folder)
        return {file.name: file.read_bytes() for file in Path(folder).iterdir() if file.suffix in {".pem", ".key"}}


def shown_certificate(request: Request) -> tuple[str, str] | None:
    """The files of what the client shows, relative to those of the certificates."""
    names = {Certificate.VALID: "client", Certificate.INVALID: "stranger"}
    name = names.get(request.certificate)
    return (f"tls/{name}.pem", f"tls/{name}.key") if name else None


def _request(name: str, subject: str) -> list[str]:
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    return ["req", *key, "-keyout", f"{name}.key", "-subj", f"/CN={subject}"]


def _signed(name: str, serial: str) -> list[str]:
    by = ["-CA", "ca.pem", "-CAkey", "ca.key", "-days", "2"]
    return ["x509", "-req", "-in", f"{name}.csr", *by, "-set_serial", serial, "-out", f"{name}.pem"]


_STEPS: Final = (
    [*_request("ca", "stand-in CA"), "-x509", "-days", "2", "-out", "ca.pem"],
    [*_request("server", "stand-in server"), "-new", "-out", "server.csr"],
    _signed("server", "1"),
    [*_request("client", "stand-in client"), "-new", "-out", "client.csr"],
    _signed("client", "2"),
    [*_request("stranger", "stand-in stranger"), "-x509", "-days", "2", "-out", "stranger.pem"],
)


def _openssl(program: str, args: Collection[str], folder: str) -> None:
    done = subprocess.run(  # noqa: S603 - a fixed list of words, no shell
        [program, *args], cwd=folder, capture_output=True, text=True, errors="replace", timeout=20, check=False
    )
    if done.returncode:
        raise NoCertificates(f"openssl cannot make certificates: {done.stderr.strip().splitlines()[-1:]}")
