"""What is measured, in this order, and what cannot be measured yet."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import Final

from bench import (
    clients,
    decision,
    doctor_logs,
    doctor_nginx,
    gate_cost,
    http_request,
    memory,
    parity,
    png_encoding,
    priority,
    quality,
    rembg_throughput,
    signatures,
    tokens,
)
from bench.context import Bench, Measurement, Outcome
from bench.inputs import SUBJECTS

_PNG: Final = ("png_speed_vs_pillow", "png_bytes_vs_pillow")
_CUTOUTS: Final = 2 * len(SUBJECTS)
"""Each photograph at 1.5 and at 12 megapixels."""


def outcome_of(found: Mapping[str, object], figures: tuple[str, ...]) -> Outcome:
    """The answer of a measurement that knows nothing of the bench: its figures, its ``method``, and the rest.

    Raises ``KeyError`` where a figure is missing.
    """
    details = {key: value for key, value in found.items() if key not in {*figures, "method"}}
    return Outcome({key: float(str(found[key])) for key in figures}, str(found["method"]), details)


def _png_encoding(bench: Bench) -> Outcome:
    told, done = bench.steps(png_encoding.NAME, _CUTOUTS), count()
    found = png_encoding.measure(bench.effort.png_pairs, lambda _: told(next(done)))
    told(_CUTOUTS)
    return outcome_of(found, _PNG)


MEASUREMENTS: Final = (
    Measurement("http_request", ("request_over_inference_1p5mp",), http_request.measure),
    Measurement("rembg_throughput_1p5mp", ("rembg_throughput_1p5mp",), rembg_throughput.measure_1p5mp),
    Measurement("rembg_throughput_12mp", ("rembg_throughput_12mp",), rembg_throughput.measure_12mp),
    Measurement("png_encoding", _PNG, _png_encoding),
    Measurement("clients", ("two_clients_over_one", "two_clients_ceiling"), clients.measure),
    Measurement(
        "parity",
        ("parity_mean_u2netp", "parity_max_u2netp", "parity_mean_u2net", "parity_max_u2net"),
        parity.measure,
    ),
    Measurement(quality.NAME, quality.FIGURES, quality.measure),
    Measurement("priority", ("vip_over_idle",), priority.measure),
    Measurement("decision", ("decision_us", "decision_with_ten_policies_us"), decision.measure),
    Measurement(signatures.NAME, signatures.FIGURES, signatures.measure),
    Measurement(tokens.NAME, tokens.FIGURES, tokens.measure),
    Measurement("gate_cost", ("refused_over_empty", "gate_added_ms"), gate_cost.measure),
    Measurement(doctor_logs.NAME, doctor_logs.FIGURES, doctor_logs.measure),
    Measurement(doctor_nginx.NAME, doctor_nginx.FIGURES, doctor_nginx.measure),
    Measurement("memory", ("memory_pss_mb", "memory_peak_pss_mb", "memory_growth"), memory.measure),
)
