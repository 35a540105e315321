"""Small ONNX graphs with the inputs and outputs of real ones, for tests that need a graph and not its talent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def tiny_graph(path: Path, *, input_size: tuple[int, int], outputs: int = 1, sigmoid: bool = False) -> Path:
    """Write a graph ``1x3xHxW -> 1x1xHxW`` (``outputs`` times) to ``path``; ``input_size`` is (width, height).

    Each output is the mean of the channels, smoothed 3x3 (as logits; through a sigmoid where ``sigmoid`` is set).
    """
    width, height = input_size
    kernel = numpy_helper.from_array(np.full((1, 3, 3, 3), 1 / 27, np.float32), "kernel")
    image = helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, (1, 3, height, width))
    mattes = [
        helper.make_tensor_value_info(f"matte{index}", TensorProto.FLOAT, (1, 1, height, width))
        for index in range(outputs)
    ]
    nodes = [helper.make_node("Conv", ["pixel_values", "kernel"], ["smoothed"], pads=[1, 1, 1, 1])]
    last = "Sigmoid" if sigmoid else "Identity"
    nodes += [helper.make_node(last, ["smoothed"], [matte.name]) for matte in mattes]
    graph = helper.make_graph(nodes, "tiny", [image], mattes, [kernel])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.write_bytes(model.SerializeToString())
    return path
