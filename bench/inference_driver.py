"""Runs in a process of its own: the bare ``session.run`` that a request is compared with. Imports nothing of ours.

The session has ONNX Runtime's defaults (threads included), the tensor is prepared before the clock runs, and only the
output that is needed is asked for.
"""

from __future__ import annotations

import json
import sys
import time

import numpy as np
import onnxruntime as ort


def main() -> None:
    """Load the graph named by the first argument, then answer each line with the seconds of one run."""
    session = ort.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
    given, wanted = session.get_inputs()[0], session.get_outputs()[0].name
    side = given.shape[2] if isinstance(given.shape[2], int) else int(sys.argv[2])
    tensor = np.random.default_rng(0).standard_normal((1, 3, side, side)).astype(np.float32)
    for _ in sys.stdin:
        start = time.perf_counter()
        session.run([wanted], {given.name: tensor})
        sys.stdout.write(json.dumps({"seconds": time.perf_counter() - start}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
