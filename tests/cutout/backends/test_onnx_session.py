"""Graphs that are not what their description says are refused by name, when they are loaded or when they first run."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mattegate.cutout.backends.onnx import OnnxSession
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.graphs import tiny_graph

SIZE = (16, 8)


def opened(path: Path, *, size: tuple[int, int] = SIZE, output: int = 0) -> OnnxSession:
    """A session over ``path``, described as the model ``mine``."""
    return OnnxSession(path, name="mine", size=size, threads=1, output=output)


def colourful_graph(path: Path) -> Path:
    """A graph whose output has three planes where a matte has one."""
    shape = (1, 3, SIZE[1], SIZE[0])
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, shape)
    graph = helper.make_graph([helper.make_node("Identity", ["image"], ["out"])], "colourful", [image], [out])
    path.write_bytes(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9).SerializeToString()
    )
    return path


def refused(path: Path, **described: object) -> Refusal:
    """The refusal to open ``path``."""
    with pytest.raises(Refusal) as caught:
        opened(path, **described)  # type: ignore[arg-type]  # passed on as they are
    return caught.value


def test_a_graph_that_fits_its_description_gives_one_plane(tmp_path: Path) -> None:
    """Height and width of the input, whatever else the runtime puts around them."""
    session = opened(tiny_graph(tmp_path / "a.onnx", input_size=SIZE, outputs=2), output=1)
    assert session.run(np.ones((1, 3, 8, 16), np.float32)).shape == (8, 16)


@pytest.mark.parametrize("size", [(8, 16), (320, 320)])
def test_an_input_of_another_size_is_refused_before_it_runs(tmp_path: Path, size: tuple[int, int]) -> None:
    """Width and height mixed up, or a description of another model; both shapes are told."""
    no = refused(tiny_graph(tmp_path / "a.onnx", input_size=SIZE), size=size)
    assert no.reason.code == "model.graph"
    assert str([1, 3, 8, 16]) in no.detail
    assert str([1, 3, size[1], size[0]]) in no.detail


def test_an_output_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The description asks for the seventh output of a graph with two."""
    no = refused(tiny_graph(tmp_path / "a.onnx", input_size=SIZE, outputs=2), output=6)
    assert no.reason.code == "model.graph"
    assert "it has 2 outputs, none numbered 6" in no.detail


def test_an_output_that_is_no_matte_is_refused_when_it_runs(tmp_path: Path) -> None:
    """Only the run shows what comes out; nothing of it is taken for a matte."""
    session = opened(colourful_graph(tmp_path / "c.onnx"))
    with pytest.raises(Refusal) as caught:
        session.run(np.ones((1, 3, 8, 16), np.float32))
    assert caught.value.reason.code == "model.graph"
    assert "[1, 3, 8, 16], not one matte" in caught.value.detail


@pytest.mark.parametrize("keep", [0, 10, 150])
def test_a_graph_that_was_cut_short_is_refused(tmp_path: Path, keep: int) -> None:
    """Whatever the runtime says of it becomes one line and one reason."""
    path = tiny_graph(tmp_path / "a.onnx", input_size=SIZE)
    path.write_bytes(path.read_bytes()[:keep])
    no = refused(path)
    assert no.reason.code == "model.graph"
    assert "\n" not in no.detail


def test_a_node_that_the_runtime_does_not_know_is_refused(tmp_path: Path) -> None:
    """A graph that was exported with somebody's own operators."""
    model = onnx.load(tiny_graph(tmp_path / "a.onnx", input_size=SIZE))
    model.graph.node[0].op_type = "Enchant"
    path = tmp_path / "b.onnx"
    path.write_bytes(model.SerializeToString())
    no = refused(path)
    assert no.reason.code == "model.graph"
    assert "Enchant" in no.detail
