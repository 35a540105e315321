"""Holds the verifier against the examples of RFC 9421, and against every one of them with one bit changed.

What is changed is whatever a signature covers, and the signature itself. Left alone is the case of letters in a host,
which means nothing (RFC 9421, section 2.2.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from mattegate.signing.key_material import HmacSecret, PublicKey
from mattegate.signing.message import Message, Stated
from mattegate.signing.message_signature.algorithms import verifies
from mattegate.signing.message_signature.base import signature_base
from mattegate.signing.message_signature.component import Component
from mattegate.signing.message_signature.examples import Example, read_examples
from mattegate.signing.message_signature.rules import UNSAFE_ANYTHING_GOES
from mattegate.signing.message_signature.scheme import read, verify
from mattegate.signing.message_signature.selection import Selected, select
from mattegate.signing.message_signature.tally import Report, Tally
from mattegate.signing.refused import Refused

Keys = Mapping[str, HmacSecret | PublicKey]

_SIGNATURE_FIELDS = ("signature-input", "signature")


def run_examples(text: str) -> Report:
    """Every case of the appendix (Markdown), in groups; the bases it prints are a group of their own.

    Raises ``ValueError`` where ``text`` is another one.
    """
    examples = read_examples(text)
    tally = Tally()
    for case in examples.cases:
        tally.case(case.group, valid=case.valid, accepted=accepts(case, examples.keys))
        if case.valid:
            tally.case(f"{case.group} signature base", valid=True, accepted=_base(case) == case.base)
            for mutant in mutants(case):
                tally.mutation(accepted=accepts(mutant, examples.keys))
    return tally.report()


def accepts(case: Example, keys: Keys) -> bool:
    """Whether the signature of ``case`` is good."""
    if case.status is not None:
        return _accepts_response(case, keys)
    stated = read(case.message, UNSAFE_ANYTHING_GOES)
    if not isinstance(stated, Stated):
        return False
    key = keys.get(stated.key_id)
    return verify(case.message, stated, key, at=0, rules=UNSAFE_ANYTHING_GOES).good


def mutants(case: Example) -> Iterator[Example]:
    """``case`` with each bit of what is covered changed in turn."""
    for name in _SIGNATURE_FIELDS:
        yield from _with_field_changed(case, name)
    for component in _selected(case).made.components:
        yield from _with_component_changed(case, component)


def _accepts_response(case: Example, keys: Keys) -> bool:
    """Responses are not verified by the product; their signature base is made and judged by the same parts."""
    try:
        found = select(case.message, UNSAFE_ANYTHING_GOES)
        if found is None:
            return False
        text = signature_base(found.made, case.message, status=case.status).text
    except Refused:
        return False
    key = keys.get(found.made.text("keyid"))
    return key is not None and verifies(key, text, found.signature)


def _selected(case: Example) -> Selected:
    found = select(case.message, UNSAFE_ANYTHING_GOES)
    if found is None:
        raise ValueError("an example has no signature")
    return found


def _base(case: Example) -> str:
    return signature_base(_selected(case).made, case.message, status=case.status).text.decode()


def _with_component_changed(case: Example, component: Component) -> Iterator[Example]:
    message = case.message
    if component.name == "@method":
        yield from _changed(case, (replace(message, method=text) for text in _flipped_text(message.method)))
    elif component.name == "@authority":
        hosts = (text for text in _flipped_text(message.authority) if text.lower() != message.authority.lower())
        yield from _changed(case, (replace(message, authority=text) for text in hosts))
    elif component.name == "@path":
        yield from _changed(case, (replace(message, path=path) for path in _flipped(message.path)))
    elif component.name in {"@query", "@query-param"}:
        yield from _changed(case, (replace(message, query=query) for query in _flipped_query(message, component)))
    elif component.name == "@status" and case.status is not None:
        yield from (replace(case, status=case.status ^ 1 << bit) for bit in range(8))
    else:
        yield from _with_field_changed(case, component.name)


def _with_field_changed(case: Example, name: str) -> Iterator[Example]:
    headers = case.message.headers
    for at, (given, value) in enumerate(headers):
        if given.decode() == name:
            changed = ((*headers[:at], (given, other), *headers[at + 1 :]) for other in _flipped(value))
            yield from _changed(case, (replace(case.message, headers=others) for others in changed))


def _changed(case: Example, messages: Iterator[Message]) -> Iterator[Example]:
    return (replace(case, message=message) for message in messages)


def _flipped_query(message: Message, component: Component) -> Iterator[bytes]:
    """The whole query, or of it what one parameter takes."""
    span = message.query
    if component.parameter is not None:
        name = component.parameter.encode() + b"="
        span = next(pair for pair in span.split(b"&") if pair.startswith(name))
    before, _, after = message.query.partition(span)
    return (before + other + after for other in _flipped(span))


def _flipped(value: bytes) -> Iterator[bytes]:
    for at, byte in enumerate(value):
        for bit in range(8):
            yield value[:at] + bytes([byte ^ 1 << bit]) + value[at + 1 :]


def _flipped_text(text: str) -> Iterator[str]:
    return (value.decode("latin-1") for value in _flipped(text.encode("latin-1")))
