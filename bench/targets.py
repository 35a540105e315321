"""What is promised: every figure by its key, with what it must reach and what it is meant to reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Verdict(StrEnum):
    """How a figure stands to its promise."""

    GOAL = "goal"
    MET = "met"
    MISSED = "missed"
    TOLD = "told"
    """Nothing was promised; the figure is told because others need it to be understood."""
    NOT_TAKEN = "not taken"


@dataclass(frozen=True, slots=True)
class Target:
    """A figure and its bounds; ``at_most`` says on which side of the bounds it has to be."""

    key: str
    title: str
    must: float | None = None
    goal: float | None = None
    at_most: bool = True

    def judge(self, value: float | None) -> Verdict:
        """How ``value`` stands; a missing goal is the must."""
        if value is None:
            return Verdict.NOT_TAKEN
        if self.must is None:
            return Verdict.TOLD
        if self._reaches(value, self.must if self.goal is None else self.goal):
            return Verdict.GOAL
        return Verdict.MET if self._reaches(value, self.must) else Verdict.MISSED

    @property
    def sign(self) -> str:
        """The side of the bounds, for a table."""
        return "≤" if self.at_most else "≥"

    def _reaches(self, value: float, bound: float) -> bool:
        return value <= bound if self.at_most else value >= bound


TARGETS: Final = (
    Target("request_over_inference_1p5mp", "a request over HTTP / bare inference, 1.5 MP", 1.25, 1.15),
    Target("rembg_throughput_1p5mp", "throughput / rembg, 1.5 MP", 1.8, at_most=False),
    Target("rembg_throughput_12mp", "throughput / rembg, 12 MP", 5.0, 6.5, at_most=False),
    Target("png_speed_vs_pillow", "PNG encoding, times as fast as Pillow", 15.0, at_most=False),
    Target("png_bytes_vs_pillow", "PNG encoding, bytes / Pillow", 1.25),
    Target("two_clients_over_one", "throughput of two clients / one", 1.6, at_most=False),
    Target("two_clients_ceiling", "… and what the cores allow at most", None, at_most=False),
    Target("parity_mean_u2netp", "mask, mean difference to rembg in levels of 255, u2netp", 1.0),
    Target("parity_max_u2netp", "mask, greatest difference, u2netp", 8.0),
    Target("parity_mean_u2net", "mask, mean difference to rembg in levels of 255, u2net", 1.0),
    Target("parity_max_u2net", "mask, greatest difference, u2net", 8.0),
    Target("memory_pss_mb", "memory of all processes after the 12 MP requests, MB", 700.0),
    Target("memory_peak_pss_mb", "… and its peak while they ran, MB"),
    Target("memory_growth", "memory, last third / first third of the requests", 1.05),
    Target("vip_over_idle", "vip latency under saturation / idle", 2.0),
    Target("refine_edges_gradient_gain", "--refine edges, gradient error taken away", 0.20, at_most=False),
    Target("refine_edges_error_over_none", "--refine edges, mean absolute error / without", 1.0),
    Target("refine_edges_cost", "--refine edges, share of the request at 1.5 MP", 0.15),
    Target("decision_us", "one decision of the gate, µs", 150.0),
    Target("decision_with_ten_policies_us", "… and under ten policies, µs", 250.0),
    Target("signature_verify_us", "one signature by HMAC or SigV4 verified, µs", 300.0),
    Target("message_signature_verify_us", "… and by RFC 9421 with Ed25519 or P-256, µs", 500.0),
    Target("token_verify_us", "one token by EdDSA or ES256 verified, µs", 500.0),
    Target("refused_over_empty", "a refusal / an empty answer", 2.0),
    Target("gate_added_ms", "what the gate adds to a request, ms", 3.0),
    Target("doctor_log_mb_s", "doctor, logs of 1 GB, the slowest of them, MB/s", 50.0, at_most=False),
    Target("doctor_log_peak_mb", "… and its memory at most, MB"),
    Target("doctor_nginx_5000_s", "doctor, an nginx configuration of 5,000 lines, s", 2.0),
)
"""In the order in which they are printed."""

BY_KEY: Final[Mapping[str, Target]] = MappingProxyType({target.key: target for target in TARGETS})
