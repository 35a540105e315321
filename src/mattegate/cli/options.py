"""Flags that several commands share, as dataclasses, and the way from their texts to values.

A command takes such a dataclass as one parameter and is decorated with :func:`unfolded`, which shows typer one flag
per field. What a text means is decided in one place for every way of asking:
:func:`mattegate.vocabulary.options.parse_options`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from mattegate.config.settings import MB, Settings, UploadSettings
from mattegate.cutout.files.plan import EXTENSIONS
from mattegate.cutout.files.run import Work, read_image
from mattegate.cutout.probe import check_upload
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.options import BackgroundImage, OutputFormat, parse_options
from mattegate.vocabulary.refusal import Refusal

_PICTURE: Final = "The cut-out"
_LIMITS: Final = "Limits"

LOCAL_MAX_BYTES: Final = 512 * MB
"""For one's own files the limit of an upload would be in the way; this one only stops what cannot be a photograph."""

LOCAL_TYPES: Final = tuple(kind for kind in ImageFormat if kind is not ImageFormat.HEIC)
"""For one's own files every type counts; HEIC only where ``upload.types`` names it, for its decoders' record."""

_PROMISED: Final = {f".{extension}": kind for kind, extension in EXTENSIONS.items()} | {".jpeg": OutputFormat.JPEG}


def unfolded(command: Callable[..., None]) -> Callable[..., None]:
    """Show the fields of a command's dataclass parameters as parameters of their own."""
    parameters = inspect.signature(command, eval_str=True).parameters
    groups = {name: _dataclass(one.annotation) for name, one in parameters.items() if is_dataclass(one.annotation)}

    def run(**given: object) -> None:
        for name, kind in groups.items():
            given[name] = kind(**{field.name: given.pop(field.name) for field in fields(kind)})
        command(**given)

    shown: list[inspect.Parameter] = []
    for name, parameter in parameters.items():
        own = inspect.signature(groups[name], eval_str=True).parameters.values() if name in groups else [parameter]
        shown += [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in own]
    run.__signature__ = inspect.Signature(shown)  # type: ignore[attr-defined]
    run.__doc__, run.__name__ = command.__doc__, command.__name__
    return run


def _dataclass(annotation: Any) -> type[Any]:
    assert isinstance(annotation, type)
    return annotation


def _flag(help_text: str, *names: str, metavar: str | None = None, panel: str = _PICTURE) -> object:
    return typer.Option(*names, help=help_text, metavar=metavar, rich_help_panel=panel, show_default=False)


@dataclass(frozen=True, slots=True)
class CutoutFlags:
    """What the cut-outs shall be like; texts as they were typed."""

    model: Annotated[str | None, _flag("The network, as `mattegate models list` names it.", metavar="NAME")] = None
    format: Annotated[str | None, _flag("png, webp, avif, jpeg or zip.", metavar="FORMAT")] = None
    quality: Annotated[str | None, _flag("1 to 100, for lossy formats.", metavar="N")] = None
    mask: Annotated[bool, _flag("Give the mask alone.", "--mask")] = False
    numerics: Annotated[str | None, _flag("native, or rembg for rembg's very arithmetic.", metavar="PROFILE")] = None
    refine: Annotated[str | None, _flag("none, edges or matting.", metavar="HOW")] = None
    background: Annotated[
        str | None, _flag("A colour such as white or #ff8800, blur, blur:4, or an image file.", metavar="WHAT")
    ] = None
    crop: Annotated[bool, _flag("Crop to the subject.", "--crop")] = False
    crop_margin: Annotated[
        str | None, _flag("Room left when cropping: one, two or four lengths such as 20px or 5%.", metavar="LENGTHS")
    ] = None
    size: Annotated[str | None, _flag("WIDTHxHEIGHT, or one number for the longer side.", metavar="SIZE")] = None
    position: Annotated[str | None, _flag("original, center, or percentages such as '50% 100%'.", metavar="PLACE")] = (
        None
    )
    keep_metadata: Annotated[bool, _flag("Keep EXIF, the place it was taken included.", "--keep-metadata")] = False

    def work(self, settings: Settings, implied: OutputFormat | None = None) -> Work:
        """Read the texts; ``implied`` is the format that the name of the output file promises.

        Raises :class:`Refusal` ``request.option``, or ``file.*`` and ``upload.*`` for a background image.
        """
        texts = {"numerics": str(settings.cutout.numerics), "refine": str(settings.cutout.refine)}
        texts |= {"model": settings.models.default, "format": str(implied or OutputFormat.PNG)} | self._given()
        background = None
        if self.background is not None and not _is_value(self.background):
            background = _background_image(self.background, settings.upload)
            texts["background"] = str(BackgroundImage.IMAGE)
        options = parse_options(texts)
        _refuse_lying_name(options.format, implied)
        return Work(options, settings.upload, background)

    def _given(self) -> dict[str, str]:
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: "true" if value is True else value for name, value in given.items() if value}


def _is_value(background: str) -> bool:
    try:
        return parse_options({"background": background}).background is not BackgroundImage.IMAGE
    except Refusal:
        return False


def _background_image(text: str, limits: UploadSettings) -> bytes:
    path = Path(text)
    if not path.is_file() and path.suffix:
        raise Refusal("file.not_found", path=text)
    if not path.is_file():
        problem = "it is no colour, not blur, and there is no such image file"
        raise Refusal("request.option", option="background", value=text[:80], problem=problem)
    image = read_image(path, limits)
    check_upload(image, filename=path.name, limits=limits)
    return image


def _refuse_lying_name(asked: OutputFormat, implied: OutputFormat | None) -> None:
    if implied is not None and asked is not implied:
        raise Refusal(
            "request.option",
            option="format",
            value=str(asked),
            problem=f"the name of the output file says {implied}",
        )


def format_of(target: Path) -> OutputFormat:
    """The format that the name of an output file promises.

    Raises :class:`Refusal` ``request.option`` for a name that promises none.
    """
    promised = _PROMISED.get(target.suffix.lower())
    if promised is not None:
        return promised
    raise Refusal(
        "request.option",
        option="out",
        value=str(target)[:80],
        problem="a file's name ends in .png, .webp, .avif, .jpg or .zip, and a folder's in /",
    )


@dataclass(frozen=True, slots=True)
class LimitFlags:
    """How large a picture of one's own may be."""

    max_megapixels: Annotated[
        float | None, _flag("Refuse larger pictures; a decoded megapixel takes 4 MB or more.", panel=_LIMITS)
    ] = None
    max_side: Annotated[int | None, _flag("Refuse pictures with a longer side, in pixels.", panel=_LIMITS)] = None
    max_bytes: Annotated[int | None, _flag("Refuse larger files.", panel=_LIMITS)] = None

    def local(self, settings: Settings) -> Settings:
        """The settings for somebody's own files: flags win, the bytes and types of uploads do not count."""
        upload = settings.upload
        own = replace(
            upload,
            types=tuple(dict.fromkeys([*upload.types, *LOCAL_TYPES])),
            max_bytes=LOCAL_MAX_BYTES if self.max_bytes is None else self.max_bytes,
            max_megapixels=upload.max_megapixels if self.max_megapixels is None else self.max_megapixels,
            max_side=upload.max_side if self.max_side is None else self.max_side,
        )
        return replace(settings, upload=own, models=replace(settings.models, offered=()))
