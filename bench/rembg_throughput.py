"""Throughput against rembg with the same weights.

Ours: one keep-alive client posts a JPEG to a running `mattegate serve` and reads the PNG, so ours pays for HTTP. The
peer: `rembg.remove(bytes) -> bytes` in a process of its own, its session made beforehand, its best case. Same JPEG,
both with the u2netp weights, default threads and default options (rembg's result is premultiplied, ours has straight
alpha with its edge colours decontaminated). They alternate and never overlap; each pair gives one ratio.
"""

from __future__ import annotations

from bench.context import Bench, Outcome
from bench.http_request import cut_out, median_stages
from bench.inputs import MP_1P5, MP_12, SUBJECTS, Format, large_jpeg
from bench.pairs import Spread, alternate
from bench.service import Answer

NAME = "rembg_throughput"


def measure_1p5mp(bench: Bench) -> Outcome:
    """The figure ``rembg_throughput_1p5mp``."""
    return _measure(bench, MP_1P5, "rembg_throughput_1p5mp", bench.effort.pairs_1p5mp)


def measure_12mp(bench: Bench) -> Outcome:
    """The figure ``rembg_throughput_12mp``."""
    return _measure(bench, MP_12, "rembg_throughput_12mp", bench.effort.pairs_12mp)


def _measure(bench: Bench, form: Format, figure: str, pairs: int) -> Outcome:
    pictures = [large_jpeg(name, form) for name in SUBJECTS]
    files = [bench.file(f"{figure}-{name}.jpg", data) for name, data in zip(SUBJECTS, pictures, strict=True)]
    answers: list[Answer] = []

    def ours(number: int) -> float:
        answers.append(cut_out(caller, pictures[number % len(pictures)]))
        return answers[-1].seconds

    def theirs(number: int) -> float:
        return bench.peer.remove("u2netp", files[number % len(files)])

    with bench.service.caller() as caller:
        found = alternate(ours, theirs, pairs=pairs, warm=2, after_pair=bench.steps(figure, pairs))
    return Outcome(
        {figure: found.inverse_ratio.median},
        __doc__ or "",
        {
            "ratio": found.inverse_ratio.as_json(),
            "request_ms": Spread.of(found.first).scaled(1e3).as_json(1),
            "rembg_ms": Spread.of(found.second).scaled(1e3).as_json(1),
            "stages_ms": median_stages(answers[2:]),
            "peer": bench.peer.versions(),
        },
    )
