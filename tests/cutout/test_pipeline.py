"""One image through every step, with real weights: parity with rembg's arithmetic, and what each option does."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import onnxruntime as ort
import pytest
from PIL import Image, ImageOps
from skimage import data

from mattegate.config.settings import ModelSettings, Settings
from mattegate.cutout.engine.maker import Cancelled, Made
from mattegate.cutout.engine.protocol import Job
from mattegate.cutout.models.library import ModelLibrary
from mattegate.cutout.pipeline import Pipeline, build_maker
from mattegate.vocabulary.options import parse_options
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.graphs import tiny_graph

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.fixture(scope="module")
def pipeline(u2netp_home: Path) -> Pipeline:
    """The product's own pipeline with u2netp."""
    return build_maker(Settings(home=u2netp_home), threads=2)


def _encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _run(pipeline: Pipeline, image: bytes, behind: bytes | None = None, **options: str) -> Made:
    return pipeline.make(Job(image, parse_options(options), behind), cancelled=lambda: False)


def _opened(made: Made) -> Image.Image:
    image = Image.open(io.BytesIO(b"".join(bytes(segment) for segment in made.segments)))
    image.load()
    return image


def _photo(name: str) -> Image.Image:
    return Image.fromarray(getattr(data, name)())


def _reference_mask(session: ort.InferenceSession, image: Image.Image) -> Image.Image:
    """rembg 2.0.86's ``BaseSession.normalize`` and ``U2netpSession.predict``, written from their description."""
    mean, std = _IMAGENET
    small = np.array(image.convert("RGB").resize((320, 320), Image.Resampling.LANCZOS))
    scaled = small / max(np.max(small), 1e-6)
    tensor = ((scaled - mean) / std).transpose(2, 0, 1)[np.newaxis].astype(np.float32)
    prediction = session.run(None, {session.get_inputs()[0].name: tensor})[0][:, 0, :, :]
    low, high = prediction.min(), prediction.max()
    levels = np.squeeze((prediction - low) / (high - low) * 255).astype("uint8")
    return Image.fromarray(levels).resize(image.size, Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def reference(u2netp_home: Path) -> ort.InferenceSession:
    """The bare network with the runtime's defaults."""
    return ort.InferenceSession(str(u2netp_home / "models" / "u2netp.onnx"), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_the_rembg_profile_is_rembgs_arithmetic(pipeline: Pipeline, reference: ort.InferenceSession, name: str) -> None:
    """On real photographs the mask is that of the reference to within a level, and equal nearly everywhere."""
    photo = _photo(name)
    mask = np.asarray(_opened(_run(pipeline, _encoded(photo), numerics="rembg", mask="1")), dtype=int)
    difference = np.abs(mask - np.asarray(_reference_mask(reference, photo), dtype=int))
    assert difference.max() <= 1
    assert difference.mean() < 0.01


def test_the_rembg_profile_gives_rembgs_premultiplied_cutout(pipeline: Pipeline) -> None:
    """Every band is blended with black by the mask, as ``Image.composite`` does."""
    photo = _photo("coffee")
    image = _encoded(photo)
    mask = _opened(_run(pipeline, image, numerics="rembg", mask="1"))
    ours = np.asarray(_opened(_run(pipeline, image, numerics="rembg")), dtype=int)
    theirs = Image.composite(photo.convert("RGBA"), Image.new("RGBA", photo.size, 0), mask)
    assert np.array_equal(ours, np.asarray(theirs, dtype=int))


def test_the_native_profile_finds_the_cup(pipeline: Pipeline) -> None:
    """The subject is opaque, the table is gone, and the colours inside are those of the photograph."""
    photo = _photo("coffee")
    made = _run(pipeline, _encoded(photo, "JPEG", quality=95))
    cutout = np.asarray(_opened(made))
    assert cutout[200, 300, 3] == 255
    assert not cutout[5, 5].any()
    assert np.abs(cutout[200, 300, :3].astype(int) - np.asarray(photo)[200, 300]).max() < 12
    left, top, right, bottom = made.report.foreground or (0, 0, 0, 0)
    assert abs(left - 78) < 12
    assert abs(top - 20) < 12
    assert abs(right - 480) < 12
    assert abs(bottom - 390) < 12


def test_a_large_jpeg_is_seen_through_its_preview(pipeline: Pipeline) -> None:
    """The matte from the scaled decode is that of the decoded picture halved, near enough that nobody can tell."""
    large = cv2.resize(np.asarray(_photo("astronaut")), (3000, 3000), interpolation=cv2.INTER_CUBIC)
    image = Image.fromarray(large)
    jpeg, png = _encoded(image, "JPEG", quality=92), _encoded(image)
    seen = [np.asarray(_opened(_run(pipeline, encoded, mask="1", size="750")), int) for encoded in (jpeg, png)]
    assert np.abs(seen[0] - seen[1]).mean() < 1.0


def test_transparency_that_was_there_stays(pipeline: Pipeline) -> None:
    """The picture's own alpha is multiplied in, not dropped."""
    photo = _photo("coffee").convert("RGBA")
    half = np.asarray(photo).copy()
    half[:, 300:, 3] = 128
    plain, ours = (
        np.asarray(_opened(_run(pipeline, _encoded(image))), int)[..., 3] for image in (photo, Image.fromarray(half))
    )
    assert np.array_equal(ours[:, :300], plain[:, :300])
    assert np.abs(ours[:, 300:] - plain[:, 300:] * 128 / 255).max() <= 1


def test_a_rotated_photograph_comes_out_upright(pipeline: Pipeline) -> None:
    """The camera's orientation is applied before anything else."""
    sideways = _photo("coffee").rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = _encoded(sideways, "JPEG", exif=exif, quality=95)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(jpeg)))
    assert _opened(_run(pipeline, jpeg)).size == upright.size == (600, 400)


def test_a_background_image_needs_no_alpha(pipeline: Pipeline) -> None:
    """Over a photograph the answer is opaque, and what was table is now that photograph."""
    background = Image.new("RGB", (64, 64), (0, 0, 255))
    made = _run(pipeline, _encoded(_photo("coffee")), _encoded(background), background="image")
    result = np.asarray(_opened(made).convert("RGB"))
    assert result[5, 5].tolist() == [0, 0, 255]


def test_the_report_tells_where_the_time_went(pipeline: Pipeline) -> None:
    """Every stage is timed under a name that fits a header, in the order of the steps."""
    report = _run(pipeline, _encoded(_photo("rocket"))).report
    names = [stage.name for stage in report.stages]
    assert names == ["decode", "prepare", "infer", "matte", "refine", "colours", "compose", "encode"]
    assert all(stage.milliseconds >= 0 for stage in report.stages)
    assert (report.model, report.input_width, report.input_height) == ("u2netp", 640, 427)


def test_a_cancelled_cutout_stops_before_the_network(pipeline: Pipeline) -> None:
    """Whoever has gone away costs no inference."""
    with pytest.raises(Cancelled):
        pipeline.make(Job(_encoded(_photo("rocket")), parse_options({})), cancelled=lambda: True)


def test_cancelling_without_work_in_hand_is_harmless(pipeline: Pipeline) -> None:
    """The word may come too late."""
    pipeline.cancel()
    assert pipeline.loaded() == ("u2netp",)


def test_an_unknown_model_is_refused_by_name(pipeline: Pipeline) -> None:
    """The refusal lists what is known."""
    with pytest.raises(Refusal) as caught:
        _run(pipeline, _encoded(_photo("rocket")), model="u2nett")
    assert caught.value.reason.code == "model.unknown"
    assert "u2netp" in caught.value.detail


@pytest.mark.parametrize("ends_in_sigmoid", [True, False])
def test_a_graph_like_rmbg_2_runs_by_the_model_cards_arithmetic(tmp_path: Path, ends_in_sigmoid: bool) -> None:
    """Logits and finished mattes both become the card's matte: sigmoid, no stretching, bicubic enlargement."""
    settings = Settings(home=tmp_path / "home", models=ModelSettings(default="mine"))
    graph = tiny_graph(tmp_path / "mine.onnx", input_size=(1024, 1024), sigmoid=ends_in_sigmoid)
    spec = tmp_path / "mine.toml"
    spec.write_text('name = "mine"\nfamily = "rmbg2"\nfile = "mine.onnx"\nsize = [1024, 1024]\nlicence = "own"\n')
    ModelLibrary(settings).import_own(graph, spec)
    maker = build_maker(settings, threads=2)
    maker.warm(None)
    photo = _photo("astronaut")
    mask = np.asarray(_opened(_run(maker, _encoded(photo), mask="1")), float)
    mean, std = _IMAGENET
    small = np.asarray(photo.resize((1024, 1024), Image.Resampling.BILINEAR), np.float32) / 255
    logits = cv2.blur(((small - mean) / std).mean(axis=2), (3, 3), borderType=cv2.BORDER_CONSTANT)
    card = Image.fromarray((255 / (1 + np.exp(-logits))).astype("uint8")).resize(photo.size, Image.Resampling.BICUBIC)
    assert np.abs(mask - np.asarray(card, float)).max() <= 2
