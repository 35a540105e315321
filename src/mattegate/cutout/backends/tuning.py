"""A file of weights as the graph that ONNX Runtime runs fastest.

Done when a model is loaded, in memory: the file that was verified stays what it is, and nothing has to be kept up to
date beside it. u2netp takes 0.1 s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import onnx
from onnx import ModelProto, TensorProto

from mattegate.cutout.backends.graph import Graph
from mattegate.cutout.backends.rewrites import REWRITES

_LARGEST_BYTES: Final = 256 << 20
"""Larger files are those of transformers, which gain nothing, and are not worth another copy while they load."""


def tunable(path: Path) -> ModelProto | None:
    """The model at ``path``; ``None`` where it is too large, or where its weights lie beside it in files of their own.

    Only protobuf's parser sees the file here. Raises ``google.protobuf.message.DecodeError`` where that cannot read it.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        return None
    model = onnx.load(path, load_external_data=False)
    beside = any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer)
    return None if beside else model


def tuned(model: ModelProto, size: tuple[int, int], output: int) -> bytes | None:
    """``model``, which is changed, for an input of ``size`` (width, height), with the one ``output`` of that index.

    ``None`` where nothing is to be gained, or where the file is not as described, which the runtime says better. Raises
    whatever ONNX raises over a graph whose shapes it cannot infer; there is no common base class. ONNX trusts a graph
    more than the runtime does, up to a crash of the process, so only what the runtime has loaded may come here.
    """
    graph = Graph(model, size)
    if output >= len(graph.outputs):
        return None
    graph.answer_only(output)
    if not sum(graph.replace(rewrite) for rewrite in REWRITES):
        return None
    graph.prune()
    return bytes(model.SerializeToString())
