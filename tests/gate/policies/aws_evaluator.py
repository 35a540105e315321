"""AWS-style resource policies judged as their reference says, without Cedar: what an import is compared with.

Written from the reference (IAM user guide, "JSON policy elements" and "Policy evaluation logic") and the documented
mapping of names, not from the importer. It knows only what the generated documents hold.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mattegate.gate.policies.question import Question

Statement = Mapping[str, Any]

ACTIONS: Final = ("cutout", "read", "manage", "admit")


def evaluate(document: Mapping[str, Any], asked: Question) -> tuple[str, list[str]]:
    """``allow``, ``deny`` or ``implicit deny``, and the Sids of the statements that decided."""
    denying = [one["Sid"] for one in document["Statement"] if one["Effect"] == "Deny" and applies(one, asked)]
    if denying:
        return "deny", sorted(denying)
    allowing = [one["Sid"] for one in document["Statement"] if one["Effect"] == "Allow" and applies(one, asked)]
    return ("allow", sorted(allowing)) if allowing else ("implicit deny", [])


def applies(statement: Statement, asked: Question) -> bool:
    """Whether every element of a statement matches."""
    matchers = {"Principal": _principal, "Action": _action, "Resource": _resource}
    for name, matches in matchers.items():
        if name in statement and not matches(statement[name], asked):
            return False
        if f"Not{name}" in statement and matches(statement[f"Not{name}"], asked):
            return False
    return all(
        _condition(operator, key, values if isinstance(values, list) else [values], asked)
        for operator, keys in statement.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _many(value: Any) -> list[str]:
    return value if isinstance(value, list) else [value]


def _principal(value: Any, asked: Question) -> bool:
    names = ["*"] if value == "*" else [name for names in value.values() for name in _many(names)]
    return any(_is_named(name, asked) for name in names)


def _is_named(name: str, asked: Question) -> bool:
    if name == "*":
        return True
    if name.startswith("arn:"):
        kind, _, last = name.rpartition(":")[2].partition("/")
        return asked.name == last if kind == "user" else last in asked.roles
    kind, _, rest = name.partition("/")
    if rest:
        return rest in {"tier": (asked.tier,), "role": asked.roles, "group": asked.groups}[kind]
    return name in {asked.identity, asked.name}


def _action(value: Any, asked: Question) -> bool:
    return any(_names_action(pattern.lower(), asked.action) for pattern in _many(value))


def _names_action(pattern: str, action: str) -> bool:
    everything = {"*", "execute-api:*", "execute-api:invoke"}
    return pattern in everything or wild(pattern.removeprefix("mattegate:"), action)


def _resource(value: Any, asked: Question) -> bool:
    return any(_names_resource(pattern, asked) for pattern in _many(value))


def _names_resource(pattern: str, asked: Question) -> bool:
    if pattern == "*":
        return True
    for kind, known in (("surface", asked.surface), ("model", asked.model)):
        if (found := pattern.removeprefix("mattegate:").removeprefix(f"{kind}/")) != pattern.removeprefix("mattegate:"):
            return bool(known) and wild(found, known)
    rest = re.sub(r"^(arn:[^/]*|execute-api:)/", "", pattern)
    stage = rest.split("/")[0]
    deployed = "prod" if stage == "*" else stage
    return wild(rest, f"{deployed}/{asked.method}{asked.path}")


def wild(pattern: str, text: str) -> bool:
    """A pattern whose star is any text, slashes among it."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None


def _values(asked: Question) -> Mapping[str, Any]:
    at = datetime.fromtimestamp(asked.at, UTC)
    return {
        "aws:sourceip": asked.address or None,
        "aws:securetransport": asked.tls,
        "aws:currenttime": at,
        "aws:username": asked.name,
        "mattegate:origin": asked.origin,
        "mattegate:tier": asked.tier,
        "mattegate:path": asked.path,
        "mattegate:model": asked.model or None,
        "mattegate:megapixels": asked.megapixels,
        "mattegate:hour": at.hour,
    }


def _condition(operator: str, key: str, wanted: list[Any], asked: Question) -> bool:
    value = _values(asked)[key.lower()]
    if operator == "Null":
        return (value is None) is (str(wanted[0]).lower() == "true")
    if_exists = operator.endswith("IfExists")
    operator = operator.removesuffix("IfExists")
    negated = "Not" in operator
    if value is None:
        return negated or if_exists
    matches = any(_MATCHES[operator.replace("Not", "")](value, one) for one in wanted)
    return matches is not negated


def _date(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


_MATCHES: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "StringEquals": lambda value, one: value == one,
    "StringLike": lambda value, one: wild(one, value),
    "IpAddress": lambda value, one: ipaddress.ip_address(value) in ipaddress.ip_network(one, strict=False),
    "Bool": lambda value, one: value is (str(one).lower() == "true"),
    "NumericEquals": lambda value, one: value == int(one),
    "NumericLessThan": lambda value, one: value < int(one),
    "NumericLessThanEquals": lambda value, one: value <= int(one),
    "NumericGreaterThan": lambda value, one: value > int(one),
    "NumericGreaterThanEquals": lambda value, one: value >= int(one),
    "DateEquals": lambda value, one: value == _date(one),
    "DateLessThan": lambda value, one: value < _date(one),
    "DateLessThanEquals": lambda value, one: value <= _date(one),
    "DateGreaterThan": lambda value, one: value > _date(one),
    "DateGreaterThanEquals": lambda value, one: value >= _date(one),
}
