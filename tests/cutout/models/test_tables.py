"""Descriptions of models: what is read from them, and that all faults are told at once."""

from __future__ import annotations

import pytest

from mattegate.cutout.models.catalogue import ground
from mattegate.cutout.models.spec import Activation, Commercial, ReleaseAsset, Resample
from mattegate.cutout.models.tables import read_model
from mattegate.vocabulary.refusal import Refusal

_LEAST = {"name": "mine", "family": "isnet", "size": [512, 256]}


def test_a_family_supplies_what_is_not_said() -> None:
    """Three lines describe a model: the family's arithmetic, the file's name and the first output are defaults."""
    spec = read_model(_LEAST, ground())
    assert (spec.file, spec.size, spec.output, spec.licence.id) == ("mine.onnx", (512, 256), 0, "own")
    assert spec.native.upscale is Resample.BILINEAR_SPARSE
    assert spec.native.mean == (0.5, 0.5, 0.5)


def test_profiles_override_the_model_and_the_model_its_family() -> None:
    """The closer a word stands to the profile, the more it counts."""
    spec = read_model(_LEAST | {"activation": "sigmoid", "native": {"activation": "auto", "clip": True}}, ground())
    assert (spec.native.activation, spec.native.clip) == (Activation.AUTO, True)
    assert (spec.rembg.activation, spec.rembg.clip) == (Activation.SIGMOID, False)


def test_a_licence_of_ones_own() -> None:
    """Terms that the catalogue does not know are described in place."""
    licence = {"id": "acme-1", "title": "Acme terms", "commercial": "restricted", "means": "Ask first."}
    spec = read_model(_LEAST | {"licence": licence}, ground())
    assert spec.licence.commercial is Commercial.RESTRICTED
    assert spec.licence.needs_acknowledgement


def test_an_own_model_may_name_an_https_source() -> None:
    """The weights of an own model can be fetched like any other's."""
    spec = read_model(_LEAST | {"sources": [{"url": "https://example.org/m/mine.onnx"}]}, ground())
    assert spec.sources == (ReleaseAsset("https://example.org/m/mine.onnx"),)


def test_every_fault_is_told_at_once() -> None:
    """One reading of a bad description names every field that is wrong."""
    table = {
        "name": "../evil", "family": "u3net", "size": [320], "output": True, "sha256": "abc", "colour": 1,
        "licence": "WTF", "mean": [0.5, "x", 1], "aliases": "a", "file": "a/b.onnx",
        "native": {"resize": "nearest", "speed": 1}, "sources": [{"wheel": "unpinned"}, 7],
    }  # fmt: skip
    with pytest.raises(Refusal) as caught:
        read_model(table, ground())
    problem = str(caught.value.facts["problem"])
    fields = ("name", "family", "size", "output", "sha256", "colour", "licence", "native.mean", "rembg.mean", "aliases",
              "file", "native.resize", "native.speed", "sources[0]", "sources[1]")  # fmt: skip
    assert caught.value.reason.code == "model.spec"
    assert [field for field in fields if f"{field}: " not in problem] == []


@pytest.mark.parametrize("missing", ["name", "family", "size"])
def test_what_cannot_be_guessed_is_required(missing: str) -> None:
    """Name, family and size have no default."""
    with pytest.raises(Refusal, match=missing):
        read_model({key: value for key, value in _LEAST.items() if key != missing}, ground())


@pytest.mark.parametrize("std", [[0, 1, 1], [1, 1], [1, 1, float("nan")], [1, 1, float("inf")], "111"])
def test_a_deviation_that_cannot_be_divided_by_is_refused(std: object) -> None:
    """Zero, missing and endless numbers are faults, not NaN in the matte."""
    with pytest.raises(Refusal, match="std"):
        read_model(_LEAST | {"std": std}, ground())
