"""The settings of every part, as frozen values with their defaults.

Rules of this file: standard library only, because worker processes import it; no setting is read anywhere else;
units stand in the name. How files, environment and flags become these values is :mod:`mattegate.config.load`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.options import Numerics, Refine

MB = 1_000_000


def default_home() -> Path:
    """``MATTEGATE_HOME``, or the user's data folder by the XDG rules."""
    if home := os.environ.get("MATTEGATE_HOME"):
        return Path(home).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "mattegate"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which weights are offered and where they come from."""

    default: str = "u2netp"
    """The model of a request that names none."""
    offered: tuple[str, ...] = ()
    """The models a request may name; empty means every installed one."""
    base_url: str = ""
    """A mirror that holds the release files under their own names; tried before every other source."""
    connect_timeout_s: float = 5.0
    """How long one source may take to answer at all."""
    memory_budget_mb: int = 1_500
    """How much memory loaded models may take in one worker before the least recently used one is dropped."""


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """What is accepted as an image; every limit is checked before a decoder sees a byte."""

    types: tuple[ImageFormat, ...] = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP)
    """The image types that are read; the content decides what an image is, not its name."""
    max_bytes: int = 10 * MB
    """The decoded size; a base64 body may be a third larger on the wire."""
    max_megapixels: float = 50.0
    """Width times height, in millions."""
    max_side: int = 16_384
    """The longest side in pixels."""
    max_frames: int = 1_000
    """Animations are read as their first frame; beyond this many frames they are refused."""
    stall_s: float = 15.0
    """How long no byte may arrive."""
    min_bytes_per_s: int = 20_000
    """The slowest upload that is waited for."""
    total_s: float = 120.0
    budget_bytes: int = 256 * MB
    """What the bodies of all unfinished requests may take together."""
    """How long a whole body may take."""


@dataclass(frozen=True, slots=True)
class CutoutSettings:
    """What a cut-out is like when the caller does not say."""

    numerics: Numerics = Numerics.NATIVE
    """The arithmetic around the network: the authors' own, or rembg's to the truncation."""
    refine: Refine = Refine.NONE
    """What is done to the edges of the matte."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Worker processes and the queue in front of them; 0 means: fit the machine."""

    workers: int = 0
    """Worker processes."""
    threads: int = 0
    """Threads of one worker; 0 shares the cores among the workers."""
    queue: int = 64
    """How many requests may wait."""
    deadline_s: float = 60.0
    """How long a request may wait for a worker."""
    time_limit_s: float = 30.0
    """How long one image may take."""
    memory_limit_mb: int = 1_500
    """What one image may take beyond the loaded models."""
    drain_s: float = 30.0
    """How long work in hand may go on after SIGTERM."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the data plane listens."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8000
    """The port to listen on."""
    prefix: str = ""
    """Put in front of every path of the API."""
    head_s: float = 15.0
    """How long a request line and its headers may take."""
    send_stall_s: float = 30.0
    """How long a caller may leave an answer unread before the connection is cut."""
    docs: bool = True
    """Whether /docs and /openapi.json answer."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    home: Path = field(default_factory=default_home)
    """The folder that everything an installation writes lies under."""
    models: ModelSettings = ModelSettings()
    upload: UploadSettings = UploadSettings()
    cutout: CutoutSettings = CutoutSettings()
    engine: EngineSettings = EngineSettings()
    server: ServerSettings = ServerSettings()

    @property
    def models_dir(self) -> Path:
        """Where verified weights and their licence acknowledgements lie."""
        return self.home / "models"
