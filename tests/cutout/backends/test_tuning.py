"""A graph that was rewritten to run faster gives the same numbers, and one that is unlike the others is left alone."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from mattegate.cutout.backends import onnx as backend
from mattegate.cutout.backends import tuning
from mattegate.cutout.backends.onnx import OnnxSession
from mattegate.cutout.backends.tuning import tunable, tuned
from mattegate.vocabulary.refusal import Refusal
from tests.cutout.models.graphs import tiny_graph

SIZE = (32, 16)
RANDOM = np.random.default_rng(7)


def graph_of(
    nodes: Sequence[NodeProto],
    weights: Mapping[str, np.ndarray],
    *,
    opset: int = 17,
    outputs: Sequence[str] = ("out",),
    image: Sequence[int | str] = (1, 3, SIZE[1], SIZE[0]),
) -> bytes:
    """A model from ``image``, whose outputs are of any shape."""
    graph = helper.make_graph(
        nodes,
        "made",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs],
        [numpy_helper.from_array(values, name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return bytes(model.SerializeToString())


def kernel(*shape: int) -> np.ndarray:
    """Random weights of a kernel, small enough that sums stay near 1."""
    scale = np.sqrt(np.prod(shape[1:]))
    return np.asarray(RANDOM.standard_normal(shape) / scale, np.float32)


def features(channels: int, name: str = "features", of: str = "image", **how: Any) -> tuple[NodeProto, np.ndarray]:
    """A convolution that makes ``channels`` of the picture, and its weights, named ``<name>.weight``."""
    made = helper.make_node("Conv", [of, f"{name}.weight"], [name], pads=[1, 1, 1, 1], **how)
    return made, kernel(channels, 3, 3, 3)


def enlarged(name: str, mode: str = "pytorch_half_pixel") -> list[NodeProto]:
    """``name`` in the size of the picture, in the words of PyTorch's exporter: the size is computed while it runs."""
    return [
        helper.make_node("Shape", ["image"], ["whole"]),
        helper.make_node("Slice", ["whole", "two", "four"], ["sides"]),
        helper.make_node("Shape", [name], ["part"]),
        helper.make_node("Slice", ["part", "zero", "two"], ["head"]),
        helper.make_node("Concat", ["head", "sides"], ["sizes"], axis=0),
        helper.make_node(
            "Resize", [name, "empty", "empty", "sizes"], ["out"], mode="linear", coordinate_transformation_mode=mode
        ),
    ]


NUMBERS = {
    "zero": np.array([0]),
    "two": np.array([2]),
    "four": np.array([4]),
    "empty": np.zeros(0, np.float32),
}


def answers(model: bytes, picture: np.ndarray) -> list[np.ndarray]:
    """What the runtime says to a picture, output by output."""
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return [np.asarray(answer) for answer in session.run(None, {"image": picture})]


def a_picture(height: int = SIZE[1], width: int = SIZE[0]) -> np.ndarray:
    """Noise in the range of a prepared tensor."""
    return RANDOM.standard_normal((1, 3, height, width)).astype(np.float32)


def readable(path: Path) -> ModelProto:
    """The model of a file that is neither too large nor in parts."""
    model = tunable(path)
    assert model is not None
    return model


def rewritten(model: bytes, folder: Path, *, output: int = 0, size: tuple[int, int] = SIZE) -> bytes:
    """The tuned graph of a model that has something to gain."""
    path = folder / "graph.onnx"
    path.write_bytes(model)
    graph = tuned(readable(path), size, output)
    assert graph is not None
    return graph


def operators(model: bytes) -> Counter[str]:
    """How often each operator stands in a model."""
    return Counter(node.op_type for node in onnx.load_from_string(model).graph.node)


@pytest.mark.parametrize("opset", [11, 13, 17, 21])
@pytest.mark.parametrize("mode", ["half_pixel", "pytorch_half_pixel"])
def test_an_enlargement_to_a_computed_size_becomes_one_by_a_factor(tmp_path: Path, opset: int, mode: str) -> None:
    """Whatever the version of the operators; the arithmetic of the size is gone, and the numbers stay."""
    node, weights = features(16, strides=[2, 4])
    model = graph_of([node, *enlarged("features", mode)], {"features.weight": weights, **NUMBERS}, opset=opset)
    graph = rewritten(model, tmp_path)
    assert operators(graph) == {"Conv": 1, "Resize": 1}
    scales = [
        numpy_helper.to_array(tensor).tolist()
        for tensor in onnx.load_from_string(graph).graph.initializer
        if tensor.name.endswith("/scales")
    ]
    assert scales == [[1, 1, 2, 4]]
    picture = a_picture()
    np.testing.assert_allclose(answers(graph, picture)[0], answers(model, picture)[0], atol=1e-5)


@pytest.mark.parametrize(
    ("strides", "mode"), [([3, 3], "half_pixel"), ([2, 2], "align_corners"), ([2, 2], "asymmetric")]
)
def test_other_enlargements_stay_as_they_are(tmp_path: Path, strides: list[int], mode: str) -> None:
    """A size that is no whole multiple, and grids that a factor would shift."""
    node, weights = features(16, strides=strides)
    path = tmp_path / "graph.onnx"
    path.write_bytes(graph_of([node, *enlarged("features", mode)], {"features.weight": weights, **NUMBERS}))
    assert tuned(readable(path), SIZE, 0) is None


@settings(deadline=None, max_examples=40)
@given(
    taps=st.sampled_from([(3, 3), (1, 3), (5, 5), (2, 2)]),
    dilation=st.integers(1, 3),
    stride=st.integers(1, 2),
    bias=st.booleans(),
    padding=st.sampled_from(["SAME_UPPER", "SAME_LOWER", "VALID", (0, 1, 2, 3)]),
)
def test_a_convolution_into_one_channel_gives_the_same_by_its_taps(
    tmp_path_factory: pytest.TempPathFactory,
    taps: tuple[int, int],
    dilation: int,
    stride: int,
    bias: bool,
    padding: str | tuple[int, ...],
) -> None:
    """For every kernel, dilation, stride and padding, with and without a bias."""
    assume(dilation == 1 or not str(padding).startswith("SAME"))  # the runtime knows no such pair
    before, weights = features(64)
    how: dict[str, Any] = {"auto_pad": padding} if isinstance(padding, str) else {"pads": list(padding)}
    names = ["features", "narrow", "bias"][: 3 if bias else 2]
    narrow = helper.make_node("Conv", names, ["out"], dilations=[dilation] * 2, strides=[stride] * 2, **how)
    shapes = {"narrow": (1, 64, *taps), "bias": (1,)}
    model = graph_of(
        [before, narrow], {"features.weight": weights} | {name: kernel(*shapes[name]) for name in names[1:]}
    )
    graph = rewritten(model, tmp_path_factory.mktemp("narrow"))
    assert operators(graph) == {"Conv": 3}
    picture = a_picture()
    np.testing.assert_allclose(answers(graph, picture)[0], answers(model, picture)[0], atol=1e-5)


@pytest.mark.parametrize("parts", [2, 3, 5])
@pytest.mark.parametrize("bias", [True, False])
def test_a_convolution_of_joined_channels_becomes_a_sum(tmp_path: Path, parts: int, bias: bool) -> None:
    """Nothing is joined any more, and the bias is added once."""
    names = [f"part{number}" for number in range(parts)]
    made = [features(16 * (number + 1), name) for number, name in enumerate(names)]
    width = sum(len(weights) for _, weights in made)
    nodes = [
        *(node for node, _ in made),
        helper.make_node("Concat", names, ["joined"], axis=1),
        helper.make_node("Conv", ["joined", "mix", "bias"][: 3 if bias else 2], ["out"], pads=[1, 1, 1, 1]),
    ]
    given = {f"{name}.weight": weights for name, (_, weights) in zip(names, made, strict=True)}
    picture = a_picture(128, 128)
    model = graph_of(nodes, given | {"mix": kernel(16, width, 3, 3), "bias": kernel(1, 16)[0]}, image=(1, 3, 128, 128))
    graph = rewritten(model, tmp_path, size=(128, 128))
    assert operators(graph) == {"Conv": 2 * parts, "Add": parts - 1}
    np.testing.assert_allclose(answers(graph, picture)[0], answers(model, picture)[0], atol=1e-5)


def test_joined_channels_that_something_else_reads_stay_joined(tmp_path: Path) -> None:
    """The copy is needed anyway."""
    one, weights_one = features(16, "one")
    two, weights_two = features(16, "two")
    nodes = [
        one,
        two,
        helper.make_node("Concat", ["one", "two"], ["joined"], axis=1),
        helper.make_node("Conv", ["joined", "mix"], ["mixed"], pads=[1, 1, 1, 1]),
        helper.make_node("ReduceMean", ["joined"], ["mean"], axes=[1]),
        helper.make_node("Add", ["mixed", "mean"], ["out"]),
    ]
    path = tmp_path / "graph.onnx"
    given = {"one.weight": weights_one, "two.weight": weights_two, "mix": kernel(16, 32, 3, 3)}
    path.write_bytes(graph_of(nodes, given, image=(1, 3, 128, 128)))
    assert tuned(readable(path), (128, 128), 0) is None


def test_the_wanted_output_is_the_only_one_left(tmp_path: Path) -> None:
    """What the others needed goes with them; nodes of a file may stand in any order, and inputs may be open."""
    before, weights = features(64)
    nodes = [
        helper.make_node("Sigmoid", ["side"], ["second"]),
        helper.make_node("Conv", ["features", "narrow"], ["side"], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["features", "other"], ["first"], pads=[1, 1, 1, 1]),
        before,
    ]
    given = {"features.weight": weights, "narrow": kernel(1, 64, 3, 3), "other": kernel(1, 64, 3, 3)}
    model = graph_of(nodes[::-1], given, outputs=("first", "second"), image=(1, 3, "height", "width"))
    loaded = onnx.load_from_string(model)
    loaded.graph.node.reverse()
    graph = rewritten(loaded.SerializeToString(), tmp_path, output=1)
    assert operators(graph) == {"Conv": 3, "Sigmoid": 1}
    assert not any(tensor.name == "other" for tensor in onnx.load_from_string(graph).graph.initializer)
    picture = a_picture()
    np.testing.assert_allclose(answers(graph, picture)[0], answers(model, picture)[1], atol=1e-5)


def test_what_a_nested_graph_reads_is_kept(tmp_path: Path) -> None:
    """A branch of an ``If`` may use any tensor around it without naming it as an input."""
    before, weights = features(64)
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node(kind, ["aside"], [name])], name, [], [helper.make_empty_tensor_value_info(name)]
        )
        for name, kind in (("then", "Neg"), ("else", "Identity"))
    }
    nodes = [
        before,
        helper.make_node("Conv", ["features", "narrow"], ["matte"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["features"], ["aside"]),
        helper.make_node("If", ["yes"], ["chosen"], **branches),
        helper.make_node("ReduceMax", ["chosen"], ["most"], keepdims=0),
        helper.make_node("Mul", ["matte", "most"], ["out"]),
    ]
    given = {"features.weight": weights, "narrow": kernel(1, 64, 3, 3), "yes": np.array(True)}
    model = graph_of(nodes, given)
    picture = a_picture()
    graph = rewritten(model, tmp_path)
    np.testing.assert_allclose(answers(graph, picture)[0], answers(model, picture)[0], atol=1e-5)


def test_a_graph_with_nothing_to_gain_is_loaded_from_its_file(tmp_path: Path) -> None:
    """No copy of it is made."""
    assert tuned(readable(tiny_graph(tmp_path / "a.onnx", input_size=SIZE)), SIZE, 0) is None


def test_a_file_beyond_the_limit_is_not_even_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A transformer of a gigabyte stands in memory once."""
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"\x00" * 100)
    monkeypatch.setattr(tuning, "_LARGEST_BYTES", 99)
    assert tunable(path) is None


def test_weights_beside_the_file_are_left_to_the_runtime(tmp_path: Path) -> None:
    """It finds them by the file's own folder, which a graph in memory has not."""
    before, weights = features(64)
    narrow = helper.make_node("Conv", ["features", "narrow"], ["out"], pads=[1, 1, 1, 1])
    model = onnx.load_from_string(
        graph_of([before, narrow], {"features.weight": weights, "narrow": kernel(1, 64, 3, 3)})
    )
    path = tmp_path / "graph.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    assert tunable(path) is None
    session = OnnxSession(path, name="mine", size=SIZE, threads=1)
    assert session.run(a_picture()).shape == (SIZE[1], SIZE[0])


def test_a_graph_that_cannot_be_rewritten_still_runs_and_the_log_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An operator's own export may use whatever the runtime knows and ONNX's inference does not."""

    def unreadable(*_: object) -> bytes:
        raise ValueError("no such operator")

    monkeypatch.setattr(backend, "tuned", unreadable)
    with caplog.at_level(logging.INFO, "mattegate.engine.worker"):
        session = OnnxSession(tiny_graph(tmp_path / "a.onnx", input_size=SIZE), name="mine", size=SIZE, threads=1)
    assert session.run(a_picture()).shape == (SIZE[1], SIZE[0])
    assert "a.onnx is loaded without the faster graph: ValueError: no such operator" in caplog.text


def narrow_model(**how: Any) -> bytes:
    """A picture's features and the one channel that is made of them."""
    before, weights = features(64)
    narrow = helper.make_node("Conv", ["features", "narrow"], ["out"], pads=[1, 1, 1, 1])
    return graph_of([before, narrow], {"features.weight": weights, "narrow": kernel(1, 64, 3, 3)}, **how)


@pytest.mark.parametrize("version", [3, 4, 8])
def test_weights_that_an_old_file_lists_as_inputs_need_not_be_given(tmp_path: Path, version: int) -> None:
    """Up to version 3 of the format all of them are; a weight that goes takes its input along."""
    model = onnx.load_from_string(narrow_model(opset=9))
    model.ir_version = version
    model.graph.input.extend(
        helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims) for tensor in model.graph.initializer
    )
    picture = a_picture()
    graph = rewritten(model.SerializeToString(), tmp_path)
    wanted = answers(bytes(model.SerializeToString()), picture)
    np.testing.assert_allclose(answers(graph, picture)[0], wanted[0], atol=1e-5)


@pytest.mark.parametrize("taken", ["out/taps", "out/values", "out/shifts"])
def test_names_that_are_taken_are_not_given_again(tmp_path: Path, taken: str) -> None:
    """A file may call its tensors what it likes."""
    before, weights = features(64)
    nodes = [
        before,
        helper.make_node("Conv", ["features", "narrow"], ["out"], pads=[1, 1, 1, 1]),
        helper.make_node("Mul", ["out", taken], ["product"]),
    ]
    given = {"features.weight": weights, "narrow": kernel(1, 64, 3, 3), taken: np.array(3, np.float32)}
    model, picture = graph_of(nodes, given, outputs=["product"]), a_picture()
    graph = rewritten(model, tmp_path)
    np.testing.assert_allclose(answers(graph, picture)[0], answers(model, picture)[0], atol=1e-5)


def test_an_enlargement_that_states_its_factors_keeps_them(tmp_path: Path) -> None:
    """8 x 2.05 and 16 x 2.05 end at whole multiples too, but every pixel is taken from elsewhere."""
    before, weights = features(16, strides=[2, 2])
    resize = helper.make_node("Resize", ["features", "", "factors", ""], ["out"], mode="linear")
    given = {"features.weight": weights, "factors": np.array([1, 1, 2.05, 2.05], np.float32)}
    path = tmp_path / "graph.onnx"
    path.write_bytes(graph_of([before, resize], given))
    assert tuned(readable(path), SIZE, 0) is None


def test_what_a_file_says_of_the_shapes_it_computes_is_not_believed(tmp_path: Path) -> None:
    """The runtime warns of it and computes 12 x 24; by the declared size it would be an enlargement by two."""
    before, weights = features(16, strides=[2, 2])
    resize = helper.make_node("Resize", ["features", "", "", "sizes"], ["out"], mode="linear")
    model = onnx.load_from_string(
        graph_of([before, resize], {"features.weight": weights, "sizes": np.array([1, 16, 12, 24])})
    )
    model.graph.output[0].CopyFrom(helper.make_tensor_value_info("out", TensorProto.FLOAT, (1, 16, 16, 32)))
    assert tuned(model, SIZE, 0) is None


def test_shapes_that_a_file_states_do_not_outlive_its_rewriting(tmp_path: Path) -> None:
    """A wrong one, harmless where the runtime did not use it, could be used in the new graph."""
    model = onnx.load_from_string(narrow_model())
    model.graph.value_info.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, (1, 64, 99, 99)))
    assert not onnx.load_from_string(rewritten(model.SerializeToString(), tmp_path)).graph.value_info


def test_a_name_that_stands_for_two_tensors_is_not_guessed_at(tmp_path: Path) -> None:
    """The runtime takes one of the two; which is its business."""
    model = onnx.load_from_string(narrow_model())
    model.graph.initializer.append(numpy_helper.from_array(kernel(1, 64, 3, 3), "narrow"))
    with pytest.raises(ValueError, match="'narrow' stands for two tensors"):
        tuned(model, SIZE, 0)
    path = tmp_path / "graph.onnx"
    path.write_bytes(model.SerializeToString())
    assert OnnxSession(path, name="mine", size=SIZE, threads=1).run(a_picture()).shape == (SIZE[1], SIZE[0])


def test_convolutions_in_half_precision_stay_as_they_are(tmp_path: Path) -> None:
    """The values in between may be rounded once more, as the runtime casts them."""
    before, weights = features(64, of="half")
    nodes = [
        helper.make_node("Cast", ["image"], ["half"], to=TensorProto.FLOAT16),
        before,
        helper.make_node("Conv", ["features", "narrow"], ["matte"], pads=[1, 1, 1, 1]),
        helper.make_node("Cast", ["matte"], ["out"], to=TensorProto.FLOAT),
    ]
    given = {"features.weight": weights, "narrow": kernel(1, 64, 3, 3)}
    model = graph_of(nodes, {name: values.astype(np.float16) for name, values in given.items()})
    assert tuned(onnx.load_from_string(model), SIZE, 0) is None


def test_what_the_runtime_refuses_never_reaches_onnx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX's inference and its converter may crash over such a graph or fill the memory."""
    seen: list[object] = []
    monkeypatch.setattr(backend, "tuned", lambda *given: seen.append(given))
    model = onnx.load_from_string(narrow_model(opset=11))
    model.graph.node[1].input[0] = "nowhere"
    path = tmp_path / "graph.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(Refusal) as caught:
        OnnxSession(path, name="mine", size=SIZE, threads=1)
    assert caught.value.reason.code == "model.graph"
    assert "nowhere" in caught.value.detail
    assert not seen


def test_u2netp_gives_the_same_matte_without_a_computed_size(u2netp_home: Path) -> None:
    """The default model: 38 enlargements by a factor, 6 narrow convolutions, and the same numbers to a millionth."""
    path = u2netp_home / "models" / "u2netp.onnx"
    graph = tuned(readable(path), (320, 320), 0)
    assert graph is not None
    told = operators(graph)
    assert told["Resize"] == 38
    assert told.keys() == {"Conv", "Relu", "MaxPool", "Concat", "Resize", "Add", "Sigmoid"}
    picture = RANDOM.uniform(-2, 2, (1, 3, 320, 320)).astype(np.float32)
    plain = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    quick = ort.InferenceSession(graph, providers=["CPUExecutionProvider"])
    name = plain.get_inputs()[0].name
    wanted = plain.run([plain.get_outputs()[0].name], {name: picture})[0]
    np.testing.assert_allclose(np.asarray(quick.run(None, {name: picture})[0]), np.asarray(wanted), atol=1e-5)
