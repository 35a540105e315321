"""How reading and verifying stop early inside this folder: with the verdict that will be answered.

Readers are chains of small steps, and each may find the head unusable. They raise :class:`Refused`; the public
functions of a scheme catch it in one place and answer its verdict, so that none of them raises for what a caller sent.
Whoever *signs* does see it: there it is a mistake of ours, and a ``ValueError`` like any other.
"""

from __future__ import annotations

from mattegate.signing.message import Verdict
from mattegate.vocabulary.facts import Plain


class Refused(ValueError):  # noqa: N818 - a verdict on its way
    """A head that cannot be used, with the reason code and its facts."""

    def __init__(self, code: str, **facts: Plain) -> None:
        super().__init__(f"{code}: {', '.join(f'{name} {value}' for name, value in facts.items())}")
        self.verdict = Verdict(code, facts)


def incomplete(*parts: str) -> Refused:
    """Parts without which the signature cannot be verified are not there; all of them are named."""
    return Refused("signature.incomplete", missing=", ".join(parts)[:256])


def malformed(part: str, problem: str, stated: bytes | str = "") -> Refused:
    """A part is there and cannot be read; ``problem`` is in our words and follows the part's name.

    Of what was stated only the length is kept: it may be a secret that was put into the wrong place.
    """
    return Refused("signature.malformed", part=part, problem=problem[:160], stated=f"{len(stated)} bytes")


def ambiguous(what: str) -> Refused:
    """Something that must be there once is there more often, so that it is unclear which one counts."""
    return Refused("signature.ambiguous", what=what[:160])
