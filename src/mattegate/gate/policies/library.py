"""The one door to Cedar: the library is the extra ``policies``, imported when there is a policy, and not before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from mattegate.gate.policies.schema import SCHEMA

if TYPE_CHECKING:
    from cedarpy import PolicySet

EXTRA: Final = "policies need an optional part that is not installed"
INSTALL: Final = "pip install 'mattegate[policies]'"

Tree = dict[str, Any]
"""One policy in Cedar's JSON form (https://docs.cedarpolicy.com/policies/json-format.html)."""


@dataclass(frozen=True, slots=True)
class PolicyFault:
    """One thing that is wrong with a policy."""

    policy: str
    """Its id; empty where no policy is to blame."""
    problem: str
    fix: str = ""
    """What to write instead."""
    quoted: str = ""
    """The word of the policy that is wrong, for whoever knows where the policy stands."""

    def __str__(self) -> str:
        told = f"policy {self.policy}: {self.problem}" if self.policy else self.problem
        return f"{told}; {self.fix}" if self.fix else told


class PolicyError(ValueError):
    """Policies that cannot be used; ``faults`` holds everything that is wrong with them."""

    def __init__(self, faults: Iterable[PolicyFault]) -> None:
        self.faults = tuple(faults)
        super().__init__("; ".join(map(str, self.faults)))


@lru_cache(maxsize=1)
def cedar() -> Any:
    """The library. Raises :class:`PolicyError` where it is not installed."""
    try:
        import cedarpy  # noqa: PLC0415 - the extra 'policies'
    except ImportError:
        raise PolicyError([PolicyFault("", EXTRA, INSTALL)]) from None
    return cedarpy


@lru_cache(maxsize=1)
def schema() -> Any:
    """Ours, parsed."""
    return cedar().Schema.from_str(SCHEMA)


def trees_of(text: str) -> tuple[Sequence[Tree], bool]:
    """The policies of a text, and whether it holds templates too. Raises ``ValueError`` with Cedar's own words."""
    found = json.loads(cedar().policies_to_json_str(text))
    return list(found["staticPolicies"].values()), bool(found["templates"])


def set_of(trees: Mapping[str, Tree]) -> PolicySet:
    """Policies under their ids, ready to be asked."""
    whole = {"staticPolicies": dict(trees), "templates": {}, "templateLinks": []}
    policies: PolicySet = cedar().PolicySet.from_json_str(json.dumps(whole))
    return policies


def formatted(text: str) -> str:
    """Policies laid out as Cedar's own formatter does."""
    return str(cedar().format_policies(text, 110, 2))


def text_of(tree: Tree) -> str:
    """One policy as Cedar writes it."""
    whole = {"staticPolicies": {"policy0": tree}, "templates": {}, "templateLinks": []}
    return str(cedar().policies_from_json_str(json.dumps(whole))).strip()
