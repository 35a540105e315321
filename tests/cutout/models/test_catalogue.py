"""The catalogue says what the peers say, and answers unknown names helpfully."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mattegate.cutout.models.catalogue import Catalogue, built_in
from mattegate.cutout.models.spec import Activation, Commercial, Resample, Scale, Stretch
from mattegate.vocabulary.options import Numerics
from mattegate.vocabulary.refusal import Refusal

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
_REMBG = {
    "u2netp": (320, *_IMAGENET, Activation.NONE),
    "u2net": (320, *_IMAGENET, Activation.NONE),
    "u2net_human_seg": (320, *_IMAGENET, Activation.NONE),
    "silueta": (320, *_IMAGENET, Activation.NONE),
    "isnet-general-use": (1024, *_HALF, Activation.NONE),
    "isnet-anime": (1024, _IMAGENET[0], _HALF[1], Activation.NONE),
    "birefnet-general": (1024, *_IMAGENET, Activation.SIGMOID),
    "birefnet-general-lite": (1024, *_IMAGENET, Activation.SIGMOID),
    "birefnet-portrait": (1024, *_IMAGENET, Activation.SIGMOID),
    "birefnet-dis": (1024, *_IMAGENET, Activation.SIGMOID),
    "birefnet-hrsod": (1024, *_IMAGENET, Activation.SIGMOID),
    "birefnet-cod": (1024, *_IMAGENET, Activation.SIGMOID),
    "birefnet-massive": (1024, *_IMAGENET, Activation.SIGMOID),
    "bria-rmbg": (1024, *_IMAGENET, Activation.NONE),
}


@pytest.fixture
def catalogue() -> Catalogue:
    """The built-in models."""
    return Catalogue(built_in())


@pytest.mark.parametrize("name", _REMBG)
def test_the_rembg_profile_has_rembgs_numbers(name: str, catalogue: Catalogue) -> None:
    """Size, mean, deviation and activation are those of rembg's session of the same name."""
    spec = catalogue.resolve(name)
    recipe = spec.recipe(Numerics.REMBG)
    assert (spec.size[0], recipe.mean, recipe.std, recipe.activation) == _REMBG[name]


def test_the_rembg_profile_is_one_pipeline(catalogue: Catalogue) -> None:
    """Every model is resized by Lanczos both ways, divided by its maximum and stretched; only u2net is clipped."""
    for spec in catalogue:
        recipe = spec.rembg
        assert (recipe.resize, recipe.upscale) == (Resample.LANCZOS, Resample.LANCZOS)
        assert (recipe.scale, recipe.stretch) == (Scale.MAX, Stretch.BEFORE_UPSCALE)
        assert recipe.clip == (spec.name == "u2net")


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("u2net", ("area", "max", "none", "before-upscale", "bilinear")),
        ("isnet-general-use", ("bilinear-sparse", "255", "none", "after-upscale", "bilinear-sparse")),
        ("isnet-anime", ("bilinear-sparse", "255", "none", "none", "bilinear-sparse")),
        ("isnet-fp16", ("bilinear-sparse", "255", "none", "none", "bilinear-sparse")),
        ("birefnet-general", ("bilinear", "255", "sigmoid", "none", "bilinear-corners")),
        ("rmbg-1.4", ("bilinear-sparse", "255", "none", "after-upscale", "bilinear-sparse")),
        ("rmbg-2.0", ("bilinear", "255", "none", "none", "bicubic")),
    ],
)
def test_the_native_profile_follows_the_authors(name: str, facts: tuple[str, ...], catalogue: Catalogue) -> None:
    """Resize, scale, activation, stretch and enlargement are those of the authors' own code, anti-aliasing by means."""
    recipe = catalogue.resolve(name).recipe(Numerics.NATIVE)
    assert (recipe.resize, recipe.scale, recipe.activation, recipe.stretch, recipe.upscale) == facts


def test_imgly_numbers_undo_to_x_minus_128_over_256(catalogue: Catalogue) -> None:
    """Mean 128/255 and deviation 256/255 after a division by 255 are (x - 128) / 256."""
    recipe = catalogue.resolve("isnet-quint8").native
    for value in (0, 1, 127, 128, 255):
        assert (value / 255 - recipe.mean[0]) / recipe.std[0] == pytest.approx((value - 128) / 256, abs=1e-15)


def test_every_model_is_pinned_and_has_a_source(catalogue: Catalogue) -> None:
    """No built-in model can be fetched without a hash to compare it with."""
    for spec in catalogue:
        assert spec.pin.sha256 or spec.pin.md5, spec.name
        assert spec.sources, spec.name
        assert spec.about, spec.name


def test_non_commercial_weights_are_marked(catalogue: Catalogue) -> None:
    """BRIA's weights, and only they, need their licence acknowledged."""
    marked = {spec.name for spec in catalogue if spec.licence.needs_acknowledgement}
    assert marked == {"rmbg-1.4", "rmbg-2.0"}
    assert catalogue.resolve("rmbg-2.0").licence.commercial is Commercial.NO


@pytest.mark.parametrize("alias", ["bria-rmbg", "rmbg2", "rmbg", "bria-rmbg-2.0"])
def test_aliases_lead_to_the_model(alias: str, catalogue: Catalogue) -> None:
    """The names that other tools use for RMBG-2.0 work here."""
    assert catalogue.resolve(alias).name == "rmbg-2.0"


def test_an_unknown_name_is_answered_with_the_closest_first(catalogue: Catalogue) -> None:
    """A slip of the finger is answered with the likely meaning before the rest of the list."""
    with pytest.raises(Refusal) as caught:
        catalogue.resolve("isnet-general_use")
    assert caught.value.reason.code == "model.unknown"
    assert str(caught.value.facts["known"]).startswith("isnet-general-use, ")


@pytest.mark.parametrize(
    "clash", [{"name": "rmbg2", "file": "x"}, {"name": "mine"}, {"name": "mine", "aliases": ("u2net",)}]
)
def test_two_models_share_no_name_and_no_file(clash: dict[str, object]) -> None:
    """An own model cannot take over the name, an alias or the file of another."""
    with pytest.raises(Refusal) as caught:
        Catalogue([*built_in(), replace(built_in()[0], **clash)])  # type: ignore[arg-type]
    assert caught.value.reason.code == "model.spec"
