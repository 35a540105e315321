"""The settings of what is done to images.

See :mod:`mattegate.config.settings` for its rules.
"""

from __future__ import annotations

from dataclasses import dataclass

from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.options import Numerics, Refine

MB = 1_000_000


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
    """How long a whole body may take."""
    budget_bytes: int = 256 * MB
    """What the bodies of all unfinished requests may take together."""
    urls: bool = False
    """Fetch the image from an address where a caller sends one (image_url) instead of bytes."""
    url_hosts: tuple[str, ...] = ()
    """The hosts that images are fetched from; *.example.com for every name below. Empty: any public one."""


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
