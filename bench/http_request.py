"""A whole request over HTTP against the bare inference inside it.

Numerator: one keep-alive client posts a 1.5 MP JPEG to a running `mattegate serve` with default settings and reads the
PNG to its last byte. Denominator: `session.run` of ONNX Runtime with its default threads in a process of its own, the
same weights, a prepared tensor, output 0 only. They alternate with a rest of 0.15 s between, so that the spinning
threads of one never run in the time of the other; each pair gives one ratio.

The denominator runs the graph as its authors exported it, the server the one that it rewrites when it loads it;
``network_over_inference`` is what that alone changes, and everything else is on top of it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from bench.child import Child
from bench.context import Bench, Outcome
from bench.inputs import MP_1P5, SUBJECTS, large_jpeg
from bench.pairs import Spread, alternate, rested
from bench.problems import Unmeasurable
from bench.service import Answer, Caller

NAME = "http_request"


def measure(bench: Bench) -> Outcome:
    """The figure ``request_over_inference_1p5mp``."""
    pictures = [large_jpeg(name, MP_1P5) for name in SUBJECTS]
    answers: list[Answer] = []

    def request(number: int) -> float:
        answers.append(cut_out(caller, pictures[number % len(pictures)]))
        return answers[-1].seconds

    def infer(_: int) -> float:
        return float(str(inference.ask({})["seconds"]))

    pairs = bench.effort.pairs_1p5mp
    with bench.service.caller() as caller, _inference(bench.weights("u2netp")) as inference:
        found = alternate(rested(request), rested(infer), pairs=pairs, warm=3, after_pair=bench.steps(NAME, pairs))
    stages, inside = median_stages(answers[3:]), Spread.of(found.second).median * 1e3
    return Outcome(
        {"request_over_inference_1p5mp": found.ratio.median},
        __doc__ or "",
        {
            "ratio": found.ratio.as_json(),
            "request_ms": Spread.of(found.first).scaled(1e3).as_json(1),
            "inference_ms": Spread.of(found.second).scaled(1e3).as_json(1),
            "network_over_inference": round(stages["infer"] / inside, 3),
            "stages_ms": stages,
        },
    )


def cut_out(caller: Caller, picture: bytes, **options: str) -> Answer:
    """One successful cut-out. Raises :class:`Unmeasurable` on any other answer."""
    answer = caller.post(picture, **options)
    if answer.status != 200:
        raise Unmeasurable(f"the server answered {answer.status} {answer.reason} {answer.problem.get('detail', '')}")
    return answer


def median_stages(answers: Iterable[Answer]) -> Mapping[str, float]:
    """The median of each stage that ``Server-Timing`` names, in milliseconds, in the order in which they ran."""
    times: dict[str, list[float]] = {}
    for answer in answers:
        for name, milliseconds in _stages(answer.headers.get("server-timing", "")):
            times.setdefault(name, []).append(milliseconds)
    return {name: round(Spread.of(values).median, 2) for name, values in times.items()}


def _stages(header: str) -> Iterable[tuple[str, float]]:
    for entry in filter(None, header.split(",")):
        name, *parameters = (part.strip() for part in entry.split(";"))
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key == "dur":
                yield name, float(value)


def _inference(weights: Path) -> Child:
    driver = Path(__file__).with_name("inference_driver.py")
    env = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    return Child([sys.executable, str(driver), str(weights)], env=env)
