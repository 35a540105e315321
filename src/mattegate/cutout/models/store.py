"""The folder of weights: where each file lies, what was recorded about it, and whether it still is that file.

Layout under ``<home>/models``: the weights under their file names, ``manifest.json`` with what was recorded when they
came, ``licences.json`` with what was acknowledged, ``own/*.toml`` with the descriptions of own models, and dot-files
of work in progress. A hash is checked whenever a file comes in and again before it is handed out for loading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from mattegate.cutout.models import disk
from mattegate.cutout.models.readability import explain_unreadable, this_process
from mattegate.cutout.models.spec import ModelSpec, Pin
from mattegate.vocabulary.refusal import Refusal

MANIFEST: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What was noted when a file came in. ``source`` says from where, ``at`` when (ISO 8601, UTC)."""

    model: str
    sha256: str
    bytes: int
    source: str
    at: str


@dataclass(frozen=True, slots=True)
class Verified:
    """A file that is what it should be. ``pinned_by`` names the hash that says so."""

    path: Path
    sha256: str
    bytes: int
    pinned_by: str


_Fingerprint = tuple[Pin, int, int, int, int]


class ModelStore:
    """The weights of one home. One instance remembers within its process which files it has verified already."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._verified: dict[str, tuple[_Fingerprint, Verified]] = {}

    def path(self, spec: ModelSpec) -> Path:
        """Where the weights lie or would lie."""
        return self.folder / spec.file

    def has(self, spec: ModelSpec) -> bool:
        """Whether a file is there, whatever it is; an unreadable folder counts as having it."""
        try:
            return self.path(spec).exists()
        except PermissionError:
            return True

    def locate(self, spec: ModelSpec) -> Path:
        """The path of weights that are there and that this process can read.

        Raises :class:`Refusal` ``model.missing``, or ``model.unreadable`` with the path component that bars the way.
        """
        path = self.path(spec)
        try:
            with path.open("rb"):
                return path
        except FileNotFoundError:
            raise Refusal("model.missing", model=spec.name, path=str(path)) from None
        except PermissionError:
            raise explain_unreadable(path, this_process(), model=spec.name) from None
        except OSError as error:
            raise _unusable(spec, path, error) from error

    def verify(self, spec: ModelSpec) -> Verified:
        """Hash the weights and compare them with their pin; the same unchanged file is hashed once per process.

        Raises what :meth:`locate` raises, :class:`Refusal` ``model.hash_mismatch``, or ``model.unpinned``.
        """
        path = self.locate(spec)
        fingerprint = _fingerprint(path, spec.pin)
        known = self._verified.get(spec.name)
        if known is not None and known[0] == fingerprint:
            return known[1]
        verified = self.check(path, spec)
        self._verified[spec.name] = (fingerprint, verified)
        return verified

    def check(self, path: Path, spec: ModelSpec) -> Verified:
        """Compare any file with the pin of ``spec``: its SHA-256, else the recorded one, else its MD5."""
        actual = disk.digest(path)
        size = path.stat().st_size
        expected, pinned_by = self._expected(spec)
        if expected and actual != expected:
            raise _mismatch(spec, path, actual, expected)
        if not expected:
            pinned_by = self._check_md5(path, spec)
        return Verified(path, actual, size, pinned_by)

    def admit(self, part: Path, spec: ModelSpec, *, source: str, at: str) -> Verified:
        """Take a checked file in: give it its name, then record it. Raises as :meth:`check` does."""
        checked = self.check(part, spec)
        final = self.path(spec)
        disk.settle(part, final)
        self.record(final.name, Record(spec.name, checked.sha256, checked.bytes, source, at))
        return Verified(final, checked.sha256, checked.bytes, checked.pinned_by)

    def record(self, file: str, record: Record | None) -> None:
        """Note what is known about ``file``, or forget it."""
        with disk.locked(self.folder / ".manifest.lock"):
            records = dict(self.records())
            records.pop(file, None)
            if record is not None:
                records[file] = record
            listed = {name: asdict(entry) for name, entry in sorted(records.items())}
            text = json.dumps({"version": 1, "files": listed}, indent=2) + "\n"
            disk.write_atomically(self.folder / MANIFEST, text.encode())

    def records(self) -> Mapping[str, Record]:
        """What was recorded, by file name."""
        try:
            document = json.loads((self.folder / MANIFEST).read_text(encoding="utf-8"))
            return {name: Record(**entry) for name, entry in document["files"].items()}
        except FileNotFoundError:
            return {}
        except PermissionError:
            raise explain_unreadable(self.folder / MANIFEST, this_process(), model=MANIFEST) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"{self.folder / MANIFEST} cannot be read: {error}; remove it and pull the models again"
            raise Refusal("model.storage", model=MANIFEST, problem=problem) from error

    def _expected(self, spec: ModelSpec) -> tuple[str, str]:
        if spec.pin.sha256:
            return spec.pin.sha256, "catalogue"
        recorded = self.records().get(spec.file)
        return (recorded.sha256, "manifest") if recorded is not None else ("", "")

    def _check_md5(self, path: Path, spec: ModelSpec) -> str:
        if not spec.pin.md5:
            raise Refusal("model.unpinned", model=spec.name, path=str(path))
        if (actual := disk.digest(path, "md5")) != spec.pin.md5:
            raise _mismatch(spec, path, f"(MD5) {actual}", f"(MD5) {spec.pin.md5}")
        return "catalogue (MD5)"


def describe_pin(pin: Pin) -> str:
    """The pin in words, for people."""
    return f"SHA-256 {pin.sha256}" if pin.sha256 else f"MD5 {pin.md5}" if pin.md5 else "none"


def _fingerprint(path: Path, pin: Pin) -> _Fingerprint:
    status = path.stat()
    return (pin, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _mismatch(spec: ModelSpec, path: Path, actual: str, expected: str) -> Refusal:
    return Refusal("model.hash_mismatch", model=spec.name, path=str(path), actual=actual, expected=expected)


def _unusable(spec: ModelSpec, path: Path, error: OSError) -> Refusal:
    problem = error.strerror or type(error).__name__
    user = this_process().name
    return Refusal(
        "model.unreadable", model=spec.name, component=str(path), act="read", user=user, path=str(path), problem=problem
    )
