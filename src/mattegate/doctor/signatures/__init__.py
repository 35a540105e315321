"""How each layer's refusal looks: signatures as data, and what they say about an observation."""

from __future__ import annotations

from mattegate.doctor.signatures.entry import BadSignatures, Sample, Signature, signatures
from mattegate.doctor.signatures.matching import Matcher

__all__ = ["BadSignatures", "Matcher", "Sample", "Signature", "signatures"]
