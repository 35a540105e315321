"""ONNX Runtime on the CPU.

Choices, measured with u2netp on two cores:

* the graph is rewritten first (:mod:`.tuning`), which takes a fifth off the time of a run;
* only the wanted output is asked for; rembg's ``run(None, …)`` copies all seven;
* the runtime's arena and memory patterns are off: together with the allocator settings of
  :mod:`mattegate.cutout.engine.plan` the process needs 280 MB instead of 470 MB, at the same speed, and the freed
  memory serves the image buffers of the next step;
* the thread pool spins while a graph runs and stops when it is done: as fast as always spinning, without burning the
  cores that encode the answer.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime as ort

from mattegate.cutout.backends.session import Interrupted, Tensor
from mattegate.cutout.backends.tuning import tunable, tuned
from mattegate.vocabulary.refusal import Refusal

_FATAL_ONLY: Final = 4
_OUT_OF_MEMORY: Final = ("bad_alloc", "Failed to allocate memory", "std::length_error", "bad allocation")
_TERMINATED: Final = "terminate flag"

log = logging.getLogger("mattegate.engine.worker")


class OnnxSession:
    """A graph loaded by ONNX Runtime.

    ``name`` is the model's name for error texts, ``size`` the expected input as (width, height), ``output`` the index
    of the output that holds the matte.

    Raises :class:`Refusal` ``model.graph`` where the file is no usable graph of that shape.
    """

    def __init__(self, path: Path, *, name: str, size: tuple[int, int], threads: int, output: int = 0) -> None:
        self._name = name
        self._running: ort.RunOptions | None = None
        quick = _tuned_session(path, size, output, threads)
        try:
            self._session = quick or _session(str(path), _options(threads))
        except Exception as error:  # the runtime has no common base class for its errors
            raise _translated(error, name) from error
        self._input = self._session.get_inputs()[0].name
        self._output = self._named_output(0 if quick else output)
        self._check_input(size)

    def run(self, tensor: Tensor) -> Tensor:
        """See :class:`~mattegate.cutout.backends.session.Session`."""
        self._running = options = ort.RunOptions()
        options.log_severity_level = _FATAL_ONLY
        try:
            outputs = self._session.run([self._output], {self._input: tensor}, options)
        except Exception as error:  # the runtime has no common base class for its errors
            raise _translated(error, self._name) from error
        finally:
            self._running = None
        return self._plane(np.asarray(outputs[0]))

    def interrupt(self) -> None:
        """See :class:`~mattegate.cutout.backends.session.Session`."""
        if (running := self._running) is not None:
            running.terminate = True

    def _named_output(self, index: int) -> str:
        outputs = [output.name for output in self._session.get_outputs()]
        if index >= len(outputs):
            raise Refusal(
                "model.graph", model=self._name, problem=f"it has {len(outputs)} outputs, none numbered {index}"
            )
        return str(outputs[index])

    def _check_input(self, size: tuple[int, int]) -> None:
        shape = self._session.get_inputs()[0].shape
        wanted = (1, 3, size[1], size[0])
        fits = len(shape) == 4 and all(
            have == want for have, want in zip(shape, wanted, strict=True) if isinstance(have, int)
        )
        if not fits:
            raise Refusal("model.graph", model=self._name, problem=f"its input is {shape}, described is {list(wanted)}")

    def _plane(self, output: np.ndarray) -> Tensor:
        if output.ndim < 2 or output.size != output.shape[-1] * output.shape[-2]:
            raise Refusal("model.graph", model=self._name, problem=f"its output is {list(output.shape)}, not one matte")
        return output.reshape(output.shape[-2:]).astype(np.float32, copy=False)


def _tuned_session(path: Path, size: tuple[int, int], output: int, threads: int) -> ort.InferenceSession | None:
    """A session over the rewritten graph; ``None`` where the file is to be loaded as it is.

    An operator's own graph may be anything. Whatever goes wrong here, loading the file itself shows whether it is good.
    """
    try:
        graph = _tuned_graph(path, size, output)
        return None if graph is None else _session(graph, _options(threads))
    except Exception as error:  # noqa: BLE001 - neither ONNX nor the runtime has a common base class for its errors
        log.info("%s is loaded without the faster graph: %s: %s", path.name, type(error).__name__, _told(error))
        return None


def _tuned_graph(path: Path, size: tuple[int, int], output: int) -> bytes | None:
    """See :func:`.tuning.tuned`; the runtime judges the file before ONNX sees more of it than bytes."""
    model = tunable(path)
    if model is None:
        return None
    _session(str(path), _as_written())
    return tuned(model, size, output)


def _session(graph: str | bytes, options: ort.SessionOptions) -> ort.InferenceSession:
    """Without the "fallback", which prints an error and loads the same again for the same provider.

    Only that fallback needs a graph's bytes again, so they are not kept for it: they are as large as the file.
    """
    session = ort.InferenceSession(graph, options, providers=["CPUExecutionProvider"], enable_fallback=0)
    session._model_bytes = None  # noqa: SLF001
    return session


def _as_written() -> ort.SessionOptions:
    """For a session that never runs: all the checks and none of the work that makes a graph fast."""
    options = _options(threads=1)
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.add_session_config_entry("session.disable_prepacking", "1")
    return options


def _options(threads: int) -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _FATAL_ONLY
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.force_spinning_stop", "1")
    return options


def _translated(error: Exception, name: str) -> Exception:
    """Our outcome for one of the runtime's errors, which differ only by their text."""
    text = str(error)
    if _TERMINATED in text:
        return Interrupted()
    if any(sign in text for sign in _OUT_OF_MEMORY):
        return MemoryError(text)
    return Refusal("model.graph", model=name, problem=_told(error))


def _told(error: Exception) -> str:
    """The first line of an error; the others repeat the graph."""
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
