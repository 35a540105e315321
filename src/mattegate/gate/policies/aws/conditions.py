"""``Condition`` of a statement: operators over keys, as the IAM reference defines them.

1. Keys and operators must all hold; of the values of one key any may match (of a negated operator: none).
2. A key that is absent matches nothing: a condition on it does not hold, a negated one does.
3. ``…IfExists`` holds where the key is absent. ``Null`` asks for absence.

(IAM user guide, "IAM JSON policy elements: Condition operators".) Keys are compared without regard to case.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from mattegate.gate.policies.aws.unmapped import Unmapped, all_of, any_of, none_of, star_pattern, without_variables
from mattegate.gate.policies.literals import quoted


@dataclass(frozen=True, slots=True)
class _Key:
    """Where a key's value stands here."""

    owner: str
    attribute: str
    kind: str
    optional: bool = False

    @property
    def value(self) -> str:
        return f"{self.owner}.{self.attribute}"

    @property
    def there(self) -> str:
        return f"{self.owner} has {self.attribute}"


def _context(attribute: str, kind: str = "String", *, optional: bool = False) -> _Key:
    return _Key("context", attribute, kind, optional)


KEYS: Final[Mapping[str, _Key]] = MappingProxyType(
    {
        "aws:SourceIp": _context("address", "IpAddress", optional=True),
        "aws:SecureTransport": _context("tls", "Bool"),
        "aws:CurrentTime": _context("at", "Date"),
        "aws:username": _Key("principal", "name", "String"),
        "mattegate:name": _Key("principal", "name", "String"),
        "mattegate:origin": _context("origin", optional=True),
        **{f"mattegate:{name}": _context(name) for name in ("tier", "environment", "key", "method", "path")},
        **{f"mattegate:{name}": _context(name, "Numeric") for name in ("hour", "weekday")},
        "mattegate:surface": _Key("resource", "surface", "String"),
        "mattegate:model": _Key("resource", "model", "String", optional=True),
        "mattegate:bytes": _Key("resource", "bytes", "Numeric", optional=True),
        "mattegate:megapixels": _Key("resource", "megapixels", "Numeric", optional=True),
    }
)
"""Condition keys and what they are here."""

_BY_LOWER: Final = {name.lower(): key for name, key in KEYS.items()}
_Match = Callable[[str, Any], str]
"""An attribute and one value as the expression that they match."""


def conditions_of(block: Any) -> Iterator[str]:
    """The expressions, all of which must hold. Raises :class:`Unmapped`."""
    if not isinstance(block, dict):
        raise Unmapped('Condition must be an object such as {"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}')
    for operator, keys in block.items():
        if not isinstance(keys, dict) or not keys:
            raise Unmapped(f"Condition.{operator} must be an object of keys and values")
        for name, values in keys.items():
            yield _condition(operator, name, values if isinstance(values, list) else [values])


def _condition(operator: str, name: str, values: list[Any]) -> str:
    key = _BY_LOWER.get(name.lower())
    if key is None:
        raise Unmapped(f"the condition key {name!r} cannot be mapped; these can: {', '.join(KEYS)}")
    if not values:
        raise Unmapped(f"Condition.{operator}.{name} has no value")
    if operator == "Null":
        return _null(key, name, values)
    plain = operator.removesuffix("IfExists")
    match, negated = _operator(operator, plain, name, key)
    matches = [match(key.value, value) for value in values]
    expression = _guarded(key, matches, negated=negated)
    if plain != operator and key.optional and not negated:
        return any_of([f"!({key.there})", expression])
    return expression


def _guarded(key: _Key, matches: list[str], *, negated: bool) -> str:
    if negated:
        return f"!({all_of([key.there, any_of(matches)])})" if key.optional else none_of(matches)
    return all_of([key.there, any_of(matches)]) if key.optional else any_of(matches)


def _null(key: _Key, name: str, values: list[Any]) -> str:
    wanted = {_truth(value) for value in values}
    if not key.optional or len(wanted) != 1:
        why = "asks for both" if key.optional else "is never absent"
        raise Unmapped(f"Condition.Null of {name!r} {why}, so that it decides nothing; leave it out")
    return f"!({key.there})" if wanted == {"true"} else key.there


def _operator(operator: str, plain: str, name: str, key: _Key) -> tuple[_Match, bool]:
    if plain not in _OPERATORS:
        raise Unmapped(
            f"the condition operator {operator!r} cannot be mapped; these can: {', '.join(_OPERATORS)}, Null"
        )
    kind, match, negated = _OPERATORS[plain]
    if kind != key.kind:
        fitting = ", ".join(word for word, (fits, _, _) in _OPERATORS.items() if fits == key.kind)
        raise Unmapped(f"the condition operator {operator!r} does not fit {name!r}; these do: {fitting}")
    return match, negated


# --- one attribute and one value ------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Unmapped(f"the condition value {value!r} is not a text")
    return without_variables(value)


def _equals(attribute: str, value: Any) -> str:
    return f"{attribute} == {quoted(_text(value))}"


def _like(attribute: str, value: Any) -> str:
    return f"{attribute} like {quoted(star_pattern(_text(value), 'the pattern'))}"


def _truth(value: Any) -> str:
    word = str(value).lower() if isinstance(value, bool | str) else ""
    if word not in {"true", "false"}:
        raise Unmapped(f"the condition value {value!r} is neither true nor false")
    return word


def _is(attribute: str, value: Any) -> str:
    return f"{attribute} == {_truth(value)}"


def _in_network(attribute: str, value: Any) -> str:
    try:
        network = ipaddress.ip_network(_text(value), strict=False)
    except ValueError as error:
        if isinstance(error, Unmapped):
            raise
        raise Unmapped(f"the condition value {value!r} is not an address or a network") from None
    mapped = network.network_address.ipv4_mapped if isinstance(network, ipaddress.IPv6Network) else None
    if mapped is not None or getattr(network.network_address, "scope_id", None):
        raise Unmapped(
            f"the condition value {value!r} is IPv4 written as IPv6, or has a zone; write the address itself"
        )
    return f"{attribute}.isInRange(ip({quoted(str(network))}))"


def _number(value: Any) -> str:
    try:
        number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else None
    except ValueError:
        number = None
    if number is None or not -(2**63) <= number < 2**63:
        raise Unmapped(f"the condition value {value!r} is not a whole number of 64 bits")
    return str(number)


def _moment(value: Any) -> str:
    """Dates with their offset, or epoch seconds."""
    try:
        text = _text(value)
        at = datetime.fromtimestamp(int(text), UTC) if text.isdecimal() else _dated(text)
    except (ValueError, OverflowError, OSError) as error:
        if isinstance(error, Unmapped):
            raise
        raise Unmapped(f"the condition value {value!r} is not a date such as 2026-01-31T00:00:00Z") from None
    if at.microsecond % 1000:
        raise Unmapped(f"the condition value {value!r} is finer than a millisecond")
    return f'datetime("{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z")'


def _dated(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        if len(text) > 10:
            raise Unmapped(f"the condition value {text!r} has no offset; end it with Z")
        at = at.replace(tzinfo=UTC)
    return at.astimezone(UTC)


def _compares(sign: str, read: Callable[[Any], str]) -> _Match:
    return lambda attribute, value: f"{attribute} {sign} {read(value)}"


def _ordered(word: str, read: Callable[[Any], str]) -> dict[str, tuple[str, _Match, bool]]:
    signs = {"Equals": "==", "LessThan": "<", "LessThanEquals": "<=", "GreaterThan": ">", "GreaterThanEquals": ">="}
    named = {f"{word}{name}": (word, _compares(sign, read), False) for name, sign in signs.items()}
    return named | {f"{word}NotEquals": (word, _compares("==", read), True)}


_OPERATORS: Final[Mapping[str, tuple[str, _Match, bool]]] = MappingProxyType(
    {
        "StringEquals": ("String", _equals, False),
        "StringNotEquals": ("String", _equals, True),
        "StringLike": ("String", _like, False),
        "StringNotLike": ("String", _like, True),
        "IpAddress": ("IpAddress", _in_network, False),
        "NotIpAddress": ("IpAddress", _in_network, True),
        "Bool": ("Bool", _is, False),
        **_ordered("Numeric", _number),
        **_ordered("Date", _moment),
    }
)
"""The kind of key that an operator fits, how it matches one value, and whether it is negated."""
