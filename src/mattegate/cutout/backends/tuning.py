"""A file of weights as the graph that ONNX Runtime runs fastest.

Done when a model is loaded, in memory: the file that was verified stays what it is, and nothing has to be kept up to
date beside it. u2netp takes 0.1 s.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import onnx
from onnx import TensorProto

from mattegate.cutout.backends.graph import Graph
from mattegate.cutout.backends.rewrites import REWRITES

_LARGEST_BYTES: Final = 256 << 20
"""Larger files are those of transformers, which gain nothing, and are not worth another copy while they load."""


def tuned(path: Path, size: tuple[int, int], output: int) -> bytes | None:
    """The model at ``path`` for an input of ``size`` (width, height), with the one ``output`` of that index.

    ``None`` where nothing is to be gained, or where the file is not as described, which the runtime says better. Raises
    whatever ONNX raises over a file that it cannot read or whose shapes it cannot infer; there is no common base class.
    """
    if path.stat().st_size > _LARGEST_BYTES:
        return None
    model = onnx.load(path, load_external_data=False)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in model.graph.initializer):
        return None
    graph = Graph(model, size)
    if output >= len(graph.outputs):
        return None
    graph.answer_only(output)
    if not sum(graph.replace(rewrite) for rewrite in REWRITES):
        return None
    graph.prune()
    return bytes(model.SerializeToString())
