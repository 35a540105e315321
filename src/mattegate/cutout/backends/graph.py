"""An ONNX graph in the hand: its nodes, weights and static shapes, and a way to replace nodes.

Rules of this file: what a graph is, not what is done to it; that is :mod:`.rewrites`. Nothing here runs a graph.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.shape_inference import infer_shapes
from onnx.version_converter import convert_version

_SMALL: Final = 64
"""Initializers of up to so many elements may be part of a shape; larger ones are weights."""
_SHAPES_FOLLOW_VALUES: Final = 13
"""The first version of the operators whose shapes ONNX infers through computed sizes."""

Replacement = Callable[["Graph", NodeProto], Sequence[NodeProto] | None]
"""The nodes that stand for a node, or ``None`` to leave it."""


class Graph:
    """The graph of ``model``, which is changed in place, for an input of ``size`` (width, height).

    Raises ``ValueError`` where a name stands for two tensors, and what :func:`static_shapes` raises.
    """

    def __init__(self, model: ModelProto, size: tuple[int, int]) -> None:
        _require_single_definitions(model.graph)
        self._graph: GraphProto = model.graph
        self._weights = {tensor.name: tensor for tensor in self._graph.initializer}
        self._shapes = dict(static_shapes(model, size))
        self._index()
        self._names = {*self._weights, *self._sources, *self._readers, *(value.name for value in self._graph.input)}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of the outputs, in order."""
        return tuple(output.name for output in self._graph.output)

    def shape(self, tensor: str) -> tuple[int, ...] | None:
        """The dimensions of a tensor, or ``None`` where they depend on more than the input's size."""
        return self._shapes.get(tensor)

    def is_weight(self, tensor: str) -> bool:
        """Whether the file holds the values, as floats of 32 bits, so that nothing computes them."""
        return tensor in self._weights and self._weights[tensor].data_type == TensorProto.FLOAT

    def weights(self, tensor: str) -> NDArray[Any]:
        """A copy of the values of an initializer; it may be large."""
        return numpy_helper.to_array(self._weights[tensor])

    def source(self, tensor: str) -> NodeProto | None:
        """The node that computes a tensor; ``None`` for inputs and initializers."""
        return self._sources.get(tensor)

    def readers(self, tensor: str) -> int:
        """How often nodes, nested graphs and the caller read a tensor."""
        return self._readers[tensor]

    def name(self, wanted: str) -> str:
        """A name that nothing in the graph has: the one that is ``wanted``, lengthened where it is taken."""
        while wanted in self._names:
            wanted += "'"
        self._names.add(wanted)
        return wanted

    def keep(self, wanted: str, values: NDArray[Any]) -> str:
        """Add an initializer; returns its name."""
        name = self.name(wanted)
        tensor = numpy_helper.from_array(np.ascontiguousarray(values), name)
        self._graph.initializer.append(tensor)
        self._weights[name] = tensor
        self._shapes[name] = values.shape
        return name

    def answer_only(self, output: int) -> None:
        """Keep one output."""
        kept = ModelProto().graph.output.add()
        kept.CopyFrom(self._graph.output[output])
        del self._graph.output[:]
        self._graph.output.append(kept)
        self._index()

    def replace(self, replacement: Replacement) -> int:
        """Offer every node to ``replacement``; returns how many were replaced."""
        nodes: list[NodeProto] = []
        replaced = 0
        for node in self._graph.node:
            instead = replacement(self, node)
            nodes.extend([node] if instead is None else instead)
            replaced += instead is not None
        self._put(nodes)
        return replaced

    def prune(self) -> None:
        """Drop the nodes and initializers that no output needs; the nodes of a file may stand in any order.

        Old files list their initializers as inputs too, as defaults that a caller may replace. Nobody does, and without
        its initializer such an input would have to be given, so those go as well. So do the shapes that the file
        states of its tensors: the runtime finds them out, and where one is wrong, it would fold by it.
        """
        needed, waiting = set[str](), list(self.outputs)
        while waiting:
            tensor = waiting.pop()
            if tensor not in needed:
                needed.add(tensor)
                waiting.extend(_read_by(self._sources[tensor]) if tensor in self._sources else ())
        self._put([node for node in self._graph.node if needed.intersection(node.output)])
        del self._graph.value_info[:]
        given = [value for value in self._graph.input if value.name not in self._weights]
        del self._graph.input[:]
        self._graph.input.extend(given)
        kept = [tensor for tensor in self._graph.initializer if tensor.name in needed]
        del self._graph.initializer[:]
        self._graph.initializer.extend(kept)

    def _put(self, nodes: Sequence[NodeProto]) -> None:
        del self._graph.node[:]
        self._graph.node.extend(nodes)
        self._index()

    def _index(self) -> None:
        self._sources = {tensor: node for node in self._graph.node for tensor in node.output}
        self._readers = Counter(tensor for node in self._graph.node for tensor in _read_by(node))
        self._readers.update(self.outputs)


def static_shapes(model: ModelProto, size: tuple[int, int]) -> Mapping[str, tuple[int, ...]]:
    """The shape of every tensor that is known before the graph runs on a ``(1, 3, height, width)`` input.

    ONNX's own inference does it, on a copy without weights: what a shape is computed from is small. What the file says
    of the shapes it computes is not believed; the runtime warns where that is wrong, and computes.

    Raises what :func:`onnx.shape_inference.infer_shapes` and :func:`onnx.version_converter.convert_version` raise, and
    ``ValueError`` where the latter gives a name away twice.
    """
    bare = _without_weights(model, size)
    if _version(bare) < _SHAPES_FOLLOW_VALUES:
        bare = convert_version(bare, _SHAPES_FOLLOW_VALUES)
    graph = infer_shapes(bare, data_prop=True).graph
    _require_single_definitions(graph)
    known: dict[str, tuple[int, ...]] = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if all(dimension.HasField("dim_value") for dimension in dimensions):
            known[value.name] = tuple(dimension.dim_value for dimension in dimensions)
    return known


def attributes(node: NodeProto) -> dict[str, Any]:
    """What a node states: its attributes as Python values."""
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _without_weights(model: ModelProto, size: tuple[int, int]) -> ModelProto:
    """The model with an input of a fixed size, in which the weights are inputs too."""
    bare = ModelProto(ir_version=model.ir_version, opset_import=model.opset_import)
    graph = model.graph
    bare.graph.name = graph.name or "graph"
    bare.graph.node.extend(graph.node)
    bare.graph.output.extend(helper.make_empty_tensor_value_info(output.name) for output in graph.output)
    given = {tensor.name for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in given]
    for image in images[:1]:
        kind = image.type.tensor_type.elem_type
        bare.graph.input.append(helper.make_tensor_value_info(image.name, kind, (1, 3, size[1], size[0])))
    bare.graph.input.extend(images[1:])
    for tensor in graph.initializer:
        if math.prod(tensor.dims) <= _SMALL:
            bare.graph.initializer.append(tensor)
        else:
            bare.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return bare


def _require_single_definitions(graph: GraphProto) -> None:
    outputs = (output for node in graph.node for output in node.output if output)
    defined = Counter(chain(outputs, (tensor.name for tensor in graph.initializer)))
    if twice := [name for name, times in defined.items() if times > 1]:
        raise ValueError(f"{twice[0]!r} stands for two tensors")


def _version(model: ModelProto) -> int:
    return max((used.version for used in model.opset_import if used.domain in {"", "ai.onnx"}), default=0)


def _read_by(node: NodeProto) -> Iterator[str]:
    """The tensors that a node reads, also from within its nested graphs."""
    yield from node.input
    for attribute in node.attribute:
        graphs = [attribute.g] if attribute.type == AttributeProto.GRAPH else attribute.graphs
        for graph in graphs:
            yield from (value.name for value in graph.output)
            for inner in graph.node:
                yield from _read_by(inner)
