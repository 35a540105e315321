"""Runs inside the peer's own environment: rembg, asked in lines of JSON. Imports nothing of ours.

Rules of this file: the standard library and rembg only. rembg's best case: the session is made once, the picture comes
as bytes and goes as PNG bytes, nothing is read or written while the clock runs.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    """Answer one line for each line, until the input ends."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # whatever a library prints must not land among the answers
    sessions: dict[str, Any] = {}
    for line in sys.stdin:
        try:
            answer = _answer(json.loads(line), sessions)
        except Exception as error:  # noqa: BLE001 - whatever the peer raises is an answer to the one who asked
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")


def _answer(question: dict[str, Any], sessions: dict[str, Any]) -> dict[str, object]:
    if question["do"] == "versions":
        return _versions()
    if question["do"] == "load":
        import rembg  # type: ignore[import-not-found]  # noqa: PLC0415 - importing takes seconds, and a failure must become an answer

        sessions[question["model"]] = rembg.new_session(question["model"])
        return {"loaded": question["model"]}
    return _remove(question, sessions[question["model"]])


def _remove(question: dict[str, Any], session: Any) -> dict[str, object]:
    import rembg  # noqa: PLC0415 - as above

    data = Path(question["image"]).read_bytes()
    start = time.perf_counter()
    result = rembg.remove(data, session=session, only_mask=question.get("mask", False))
    seconds = time.perf_counter() - start
    if out := question.get("out"):
        Path(out).write_bytes(result)
    return {"seconds": seconds, "bytes": len(result)}


def _versions() -> dict[str, object]:
    from importlib.metadata import version  # noqa: PLC0415 - only asked once

    return {name: version(name) for name in ("rembg", "onnxruntime", "pillow", "numpy")}


if __name__ == "__main__":
    main()
