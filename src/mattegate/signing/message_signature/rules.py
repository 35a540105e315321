"""What a signature must cover and state before it counts (RFC 9421, section 3.2.1: requirements of the application).

A signature that covers too little is valid and worthless: it fits other requests too. So the rules are checked before
the key is even looked up, and every part that is missing is named at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from mattegate.signing.canonical import declares_body
from mattegate.signing.freshness import WINDOW_S
from mattegate.signing.key_material import Algorithm
from mattegate.signing.message import Message
from mattegate.signing.message_signature.base import SignatureInput
from mattegate.signing.message_signature.component import Component, component_named
from mattegate.signing.refused import Refused, incomplete, malformed

NONCE_LENGTHS: Final = range(16, 257)
KEY_ID_LENGTHS: Final = range(1, 129)
_TIMES: Final = ("created", "expires")
_TEXTS: Final = ("alg", "keyid", "nonce", "tag")
_IMPLIED: Final = {
    "@target-uri": frozenset({"@scheme", "@authority", "@path", "@query"}),
    "@request-target": frozenset({"@path", "@query"}),
}
"""What a component covers besides itself."""


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """Requirements on a signature. The defaults bind the whole request, once, for five minutes.

    Raises ``ValueError`` for a window that is not positive and a required component that has parameters or is unknown.
    """

    required: tuple[str, ...] = ("@method", "@authority", "@path")
    """Components that are covered in every request; ``@target-uri`` covers what it is made of."""
    query: bool = True
    """Whether ``@query`` is covered wherever there is one …"""
    body: bool = True
    """… and ``content-digest`` wherever there is a body."""
    window_s: float | None = WINDOW_S
    """How far ``created`` may be from now, which makes it required; ``None``: it is not looked at."""
    repeatable: frozenset[str] | None = frozenset({"GET", "HEAD"})
    """Methods that only read (RFC 9110, section 9.2.1), so that their signatures may go without a nonce and be
    good again; those of every other, known here or not, are good once. ``None``: every method."""
    algorithms: frozenset[Algorithm] = frozenset(Algorithm)
    tag: str | None = None
    """Only signatures with this tag are ours; ``None``: whatever the tag."""
    label: str | None = None
    """Only the signature with this label is ours. Labels are not signed: a tag is better."""

    def __post_init__(self) -> None:
        if self.window_s is not None and self.window_s <= 0:
            raise ValueError("window_s must be more than 0")
        for name in self.required:
            if component_named(name).identifier != f'"{name}"':
                raise ValueError(f"{name} must be a component without parameters")

    def components_for(self, message: Message) -> tuple[str, ...]:
        """What a signature of ``message`` must cover."""
        query = ("@query",) if self.query and message.query else ()
        digest = ("content-digest",) if self.body and declares_body(message) else ()
        return tuple(dict.fromkeys((*self.required, *query, *digest)))


UNSAFE_ANYTHING_GOES: Final = SignatureRules((), query=False, body=False, window_s=None, repeatable=None)
"""Requires nothing: for published vectors, never for requests."""


def check_parameters(made: SignatureInput, rules: SignatureRules, method: str) -> None:
    """Raise :class:`Refused` where a parameter is missing, of the wrong type, or names another algorithm."""
    for name in made.params.keys() & {*_TIMES, *_TEXTS}:
        wanted, kind = (int, "an integer") if name in _TIMES else (str, "a string")
        if type(made.params[name]) is not wanted:
            raise malformed(name, f"is {kind}")
    _check_lengths(made)
    if rules.window_s is not None and made.seconds("created") is None:
        raise incomplete("created")
    if rules.repeatable is not None and method not in rules.repeatable and not made.text("nonce"):
        raise incomplete("nonce")
    algorithm = made.text("alg")
    if algorithm and algorithm not in rules.algorithms:
        accepted = ", ".join(sorted(rules.algorithms))
        raise Refused("signature.algorithm", stated=algorithm[:64], expected=accepted)


def check_coverage(components: tuple[Component, ...], rules: SignatureRules, message: Message) -> None:
    """Raise :class:`Refused` with every component that is not covered and must be."""
    covered = {component.name for component in components if component.whole}
    for name in covered & _IMPLIED.keys():
        covered |= _IMPLIED[name]
    uncovered = [name for name in rules.components_for(message) if name not in covered]
    if uncovered:
        raise Refused("signature.not_covered", components=" ".join(uncovered))


def _check_lengths(made: SignatureInput) -> None:
    if "keyid" not in made.params:
        raise incomplete("keyid")
    if len(made.text("keyid")) not in KEY_ID_LENGTHS:
        raise malformed("keyid", f"has 1 to {KEY_ID_LENGTHS[-1]} characters")
    if "nonce" in made.params and len(made.text("nonce")) not in NONCE_LENGTHS:
        raise malformed("nonce", f"has {NONCE_LENGTHS[0]} to {NONCE_LENGTHS[-1]} characters")
