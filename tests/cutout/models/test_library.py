"""Opening a model: every gate in its order, the licence by name, models of one's own."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from mattegate.config.settings import ModelSettings, Settings
from mattegate.cutout.backends.onnx import OnnxSession
from mattegate.cutout.models.library import ModelLibrary
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.graphs import tiny_graph


@pytest.fixture
def library(tmp_path: Path) -> ModelLibrary:
    """The library of an empty home, without any environment."""
    return ModelLibrary(Settings(home=tmp_path / "home"), {})


def _code(library: ModelLibrary, name: str) -> str:
    with pytest.raises(Refusal) as caught:
        library.open(name)
    return caught.value.reason.code


def test_the_real_default_model_opens(u2netp_home: Path) -> None:
    """The weights that the product fetched by itself are verified and ready to load."""
    opened = ModelLibrary(Settings(home=u2netp_home)).open("")
    assert opened.spec.name == "u2netp"
    assert opened.sha256 == opened.spec.pin.sha256
    OnnxSession(opened.path, name="u2netp", size=opened.spec.size, threads=1)


def test_each_gate_has_its_own_answer(library: ModelLibrary) -> None:
    """Unknown, unlicensed and missing are three different refusals."""
    assert _code(library, "u2nettt") == "model.unknown"
    assert _code(library, "rmbg-2.0") == "model.licence"
    assert _code(library, "u2net") == "model.missing"


def test_models_outside_the_offer_are_refused(tmp_path: Path) -> None:
    """A request may name only what the settings offer, by any of its names."""
    settings = Settings(home=tmp_path, models=ModelSettings(offered=("isnet", "u2netp")))
    library = ModelLibrary(settings, {})
    assert _code(library, "u2net") == "model.not_enabled"
    assert _code(library, "isnet-general-use") == "model.missing"
    assert library.offered() == ("isnet", "u2netp")


def test_a_licence_is_acknowledged_once_by_its_name(library: ModelLibrary) -> None:
    """Only the licence's own name counts; once named, it holds for later processes and for this model only."""
    with pytest.raises(Refusal, match="Creative Commons"):
        library.acknowledge_licence("rmbg-2.0", "yes")
    library.acknowledge_licence("bria-rmbg", "CC-BY-NC-4.0")
    again = ModelLibrary(Settings(home=library.store.folder.parent), {})
    assert _code(again, "rmbg-2.0") == "model.missing"
    assert _code(again, "rmbg-1.4") == "model.licence"
    (entry,) = again.acknowledgements.all()
    assert (entry.model, entry.licence, entry.at[-6:]) == ("rmbg-2.0", "CC-BY-NC-4.0", "+00:00")


def test_an_unacknowledged_model_is_not_even_fetched(library: ModelLibrary) -> None:
    """The licence comes before the first byte."""
    with pytest.raises(Refusal) as caught:
        library.pull("rmbg-2.0")
    assert caught.value.reason.code == "model.licence"
    assert "--acknowledge-licence CC-BY-NC-4.0" in caught.value.remedy


def test_a_damaged_acknowledgement_is_no_acknowledgement(library: ModelLibrary) -> None:
    """A file that cannot be read is told as such and opens nothing."""
    library.store.folder.mkdir(parents=True)
    (library.store.folder / "licences.json").write_text("{}")
    assert _code(library, "rmbg-2.0") == "model.storage"


def _description(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


_MINE = 'name = "mine"\nfamily = "rmbg2"\nsize = [1024, 1024]\nabout = "Ours."\naliases = ["m"]\n'


def test_a_model_of_ones_own_is_imported_pinned_and_opened(library: ModelLibrary, tmp_path: Path) -> None:
    """A graph with RMBG-2.0's input and output becomes a model: described, pinned, known after a restart, loadable."""
    graph = tiny_graph(tmp_path / "g.onnx", input_size=(1024, 1024))
    library.import_own(graph, _description(tmp_path, _MINE))
    opened = ModelLibrary(Settings(home=library.store.folder.parent), {}).open("m")
    assert opened.spec.pin.sha256 == hashlib.sha256(graph.read_bytes()).hexdigest()
    OnnxSession(opened.path, name="mine", size=opened.spec.size, threads=1, output=opened.spec.output)


def test_an_own_model_can_be_replaced_by_a_new_file(library: ModelLibrary, tmp_path: Path) -> None:
    """Importing again under the same name takes the new file and the new pin."""
    description = _description(tmp_path, _MINE)
    library.import_own(tiny_graph(tmp_path / "a.onnx", input_size=(1024, 1024)), description)
    second = library.import_own(tiny_graph(tmp_path / "b.onnx", input_size=(1024, 1024), sigmoid=True), description)
    assert library.open("mine").sha256 == second.sha256


def test_an_own_models_file_is_verified_at_load(library: ModelLibrary, tmp_path: Path) -> None:
    """What was recorded at import is what has to be there later."""
    library.import_own(tiny_graph(tmp_path / "g.onnx", input_size=(32, 32)), _description(tmp_path, _MINE))
    tiny_graph(library.store.folder / "mine.onnx", input_size=(64, 64))
    assert _code(library, "mine") == "model.hash_mismatch"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('name = "u2net"\nfamily = "u2net"\nsize = [320, 320]', "built-in"),
        ('name = "mine"\nfamily = "u2net"\nsize = [320, 320]\nfile = "u2netp.onnx"', "another model's file"),
        ('name = "mine"\nfamily = "u2net"\nsize = [320, 320]\naliases = ["silueta"]', "taken"),
        ("name = ", "not TOML"),
        ('name = "mine"', "size"),
    ],
)
def test_a_bad_description_copies_nothing(library: ModelLibrary, tmp_path: Path, text: str, problem: str) -> None:
    """The description is judged before the file is touched."""
    graph = tiny_graph(tmp_path / "g.onnx", input_size=(32, 32))
    with pytest.raises(Refusal) as caught:
        library.import_own(graph, _description(tmp_path, text))
    assert caught.value.reason.code == "model.spec"
    assert problem in str(caught.value.facts["problem"])
    assert not library.store.folder.exists()


def test_a_safetensors_file_is_not_imported(library: ModelLibrary, tmp_path: Path) -> None:
    """The usual wrong download is answered with the file that is wanted instead."""
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    wrong = tmp_path / "model.safetensors"
    wrong.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    with pytest.raises(Refusal) as caught:
        library.import_own(wrong, _description(tmp_path, _MINE))
    assert caught.value.reason.code == "model.format"
    assert "onnx/model.onnx" in caught.value.remedy


def test_known_weights_are_imported_from_a_file(library: ModelLibrary, u2netp_home: Path, tmp_path: Path) -> None:
    """A file fetched by hand is taken in where it is the pinned one, and refused where it is not."""
    library.import_file("u2netp", u2netp_home / "models" / "u2netp.onnx")
    assert library.open("u2netp").path.is_file()
    with pytest.raises(Refusal) as caught:
        library.import_file("u2net", tiny_graph(tmp_path / "g.onnx", input_size=(32, 32)))
    assert caught.value.reason.code == "model.hash_mismatch"
    with pytest.raises(Refusal) as caught:
        library.import_file("u2net", tmp_path / "nothing.onnx")
    assert caught.value.reason.code == "model.no_source"


def test_an_empty_offer_means_what_is_installed_and_may_load(library: ModelLibrary, u2netp_home: Path) -> None:
    """Installed weights whose licence was not acknowledged are not offered."""
    library.import_file("u2netp", u2netp_home / "models" / "u2netp.onnx")
    (library.store.folder / "rmbg-1.4.onnx").write_bytes(b"x")
    assert library.offered() == ("u2netp",)
