"""The models of one home: what is known, installed, offered, and how to get one that is ready to load.

This is the front door of the package: :class:`ModelLibrary`, for workers and everyone else.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from mattegate.config.settings import Settings
from mattegate.cutout.models import disk
from mattegate.cutout.models.catalogue import Catalogue, built_in, ground
from mattegate.cutout.models.fetch import Observer, pull, sources_of
from mattegate.cutout.models.filekind import refuse_other_kinds
from mattegate.cutout.models.licences import Acknowledgements
from mattegate.cutout.models.readability import explain_unreadable, this_process
from mattegate.cutout.models.sources import Source
from mattegate.cutout.models.sources.local import LocalFile
from mattegate.cutout.models.spec import ModelSpec
from mattegate.cutout.models.store import ModelStore, Verified
from mattegate.cutout.models.tables import read_model
from mattegate.vocabulary.refusal import Refusal

_OWN: Final = "own"


@dataclass(frozen=True, slots=True)
class OpenedModel:
    """A model that may be loaded now: known, offered, acknowledged, readable and verified."""

    spec: ModelSpec
    path: Path
    sha256: str


class ModelLibrary:
    """The models of the home that ``settings`` names. Keeps in mind which files it has verified."""

    def __init__(self, settings: Settings, environ: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environ = os.environ if environ is None else environ
        self.store = ModelStore(settings.models_dir)
        self.acknowledgements = Acknowledgements(settings.models_dir)

    @cached_property
    def catalogue(self) -> Catalogue:
        """The built-in models and the operator's own. Raises :class:`Refusal` ``model.spec`` for a bad own one."""
        return Catalogue([*built_in(), *(_described(file) for file in self._descriptions())])

    def _descriptions(self) -> list[Path]:
        folder = self._settings.models_dir / _OWN
        try:
            return sorted(file for file in folder.iterdir() if file.suffix == ".toml")
        except FileNotFoundError:
            return []
        except PermissionError:
            raise explain_unreadable(folder, this_process(), model="own models") from None

    def installed(self) -> tuple[ModelSpec, ...]:
        """The models whose weights are there, in the order of the catalogue; nothing is verified here."""
        return tuple(spec for spec in self.catalogue if self.store.has(spec))

    def offered(self) -> tuple[str, ...]:
        """The names that a request may use: those of the settings, or else every installed model that may load."""
        if self._settings.models.offered:
            return self._settings.models.offered
        return tuple(spec.name for spec in self.installed() if self.acknowledgements.covers(spec))

    def proper_name(self, name: str) -> str:
        """The proper name of a model that may be called by an alias; a name that nobody knows stays as it is."""
        if name not in self.catalogue:
            self.__dict__.pop("catalogue", None)  # an own model may have come since
        return self.catalogue.resolve(name).name if name in self.catalogue else name

    def open(self, name: str = "") -> OpenedModel:
        """The model to load for a request that names ``name``, or the default model for an empty name.

        Raises :class:`Refusal` ``model.unknown``, ``.not_enabled``, ``.licence``, ``.missing``, ``.unreadable``,
        ``.format``, ``.hash_mismatch`` or ``.unpinned``, in this order.
        """
        spec = self.catalogue.resolve(name or self._settings.models.default)
        self._require_offered(spec)
        self.acknowledgements.require(spec)
        self.store.locate(spec)
        verified = self.store.verify(spec)
        return OpenedModel(spec, verified.path, verified.sha256)

    def pull(
        self, name: str, *, observer: Observer | None = None, force: bool = False, acknowledge: str = ""
    ) -> Verified:
        """Fetch the weights of ``name`` from its sources; ``acknowledge`` names its licence where that is needed.

        Raises :class:`Refusal` ``model.unknown``, ``model.licence``, or what
        :func:`~mattegate.cutout.models.fetch.pull` raises.
        """
        spec = self.catalogue.resolve(name)
        if acknowledge:
            self.acknowledge_licence(name, acknowledge)
        self.acknowledgements.require(spec)
        return pull(spec, self.store, self.sources(spec), observer=observer, force=force)

    def sources(self, spec: ModelSpec) -> tuple[Source, ...]:
        """Where :meth:`pull` asks for the weights, in order."""
        return sources_of(spec, self._settings.models, self._environ)

    def acknowledge_licence(self, name: str, licence: str) -> None:
        """Record that the operator read and named the licence of ``name``."""
        self.acknowledgements.acknowledge(self.catalogue.resolve(name), licence, at=_now())

    def verify(self, name: str) -> Verified:
        """Hash the weights of ``name`` and compare; see :meth:`ModelStore.verify`."""
        return self.store.verify(self.catalogue.resolve(name))

    def import_file(self, name: str, file: Path, *, observer: Observer | None = None, sha256: str = "") -> Verified:
        """Take a file by hand for a model of the catalogue; it has to be what is pinned.

        ``sha256`` is the operator's own pin for a model that has none. Raises :class:`Refusal` ``model.format``,
        ``.hash_mismatch``, ``.unpinned``, ``.no_source`` where the file cannot be read, or ``.storage``.
        """
        spec = self.catalogue.resolve(name)
        pin = spec.pin
        if sha256 and not pin.sha256:
            spec = replace(spec, pin=replace(pin, sha256=sha256.lower()))
        return self._take_in(spec, file, observer)

    def import_own(self, file: Path, description: Path, *, observer: Observer | None = None) -> Verified:
        """Take in an ONNX file of the operator's own with the TOML file that describes it.

        The description is checked before anything is copied, and kept with the SHA-256 of the file as its pin.
        Raises :class:`Refusal` ``model.spec`` with every fault, or what :meth:`import_file` raises.
        """
        table = _table(description)
        spec = read_model(table, ground())
        self._require_free(spec)
        pinned = self._pinned_by(file, spec)
        verified = self._take_in(pinned, file, observer)
        self._keep_description(pinned, description)
        return verified

    def _require_free(self, spec: ModelSpec) -> None:
        """An own model may replace an own one of its name, but take no name, alias or file of any other."""
        if spec.name in {known.name for known in built_in()}:
            raise Refusal("model.spec", model=spec.name, problem="name: a built-in model has this name")
        Catalogue([*(known for known in self.catalogue if known.name != spec.name), spec])

    def _take_in(self, spec: ModelSpec, file: Path, observer: Observer | None) -> Verified:
        """Judge the file where it lies, so that the answer is about it, then copy it."""
        with _reading(file, spec):
            refuse_other_kinds(file, spec.name)
            self.store.check(file, spec)
        return pull(spec, self.store, [LocalFile(file)], observer=observer, force=True)

    def _pinned_by(self, file: Path, spec: ModelSpec) -> ModelSpec:
        if spec.pin.sha256:
            return spec
        with _reading(file, spec):
            return replace(spec, pin=replace(spec.pin, sha256=disk.digest(file)))

    def _keep_description(self, spec: ModelSpec, description: Path) -> None:
        text = description.read_text(encoding="utf-8")
        if "sha256" not in tomllib.loads(text):
            text = f'sha256 = "{spec.pin.sha256}"  # of the imported file\n{text}'
        folder = self.store.folder / _OWN
        with disk.storing(spec.name):
            folder.mkdir(exist_ok=True)
            disk.write_atomically(folder / f"{spec.name}.toml", text.encode())
        self.__dict__.pop("catalogue", None)

    def _require_offered(self, spec: ModelSpec) -> None:
        offered = self._settings.models.offered
        if offered and spec.name not in {self.catalogue.resolve(name).name for name in offered}:
            problem = "it is not in models.offered"
            raise Refusal("model.not_enabled", model=spec.name, problem=problem, offered=", ".join(offered))


@contextmanager
def _reading(file: Path, spec: ModelSpec) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Refusal("model.no_source", model=spec.name, tried=f"file {file}: {error.strerror}") from error


def _described(description: Path) -> ModelSpec:
    return read_model(_table(description), ground())


def _table(description: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(description.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal("model.spec", model=description.name, problem=f"{description}: {error.strerror}") from error
    except ValueError as error:
        raise Refusal("model.spec", model=description.name, problem=f"it is not TOML: {error}") from error


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
