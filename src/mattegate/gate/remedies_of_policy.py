"""What is worth trying against the policy layer: other bindings of the key, other policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from typing import Final

from mattegate.gate.asking_policies import action_of
from mattegate.gate.case import caller_of
from mattegate.gate.networks import parse_address
from mattegate.gate.policies.literals import quoted
from mattegate.gate.simulate import Situation
from mattegate.vocabulary.decision import Finding

Idea = tuple[str, dict[str, str]]
"""What goes on after "would pass if", and the changes."""
Thinker = Callable[[Situation, Finding], Iterator[Idea]]


def _scope(_: Situation, finding: Finding) -> Iterator[Idea]:
    scope = str(finding.facts["scope"])
    yield f"the key had the scope {scope}", {"facts.credential.key.scopes+": scope}
    yield f"the account had the scope {scope}", {"facts.credential.key.identity.scopes+": scope}


def _key_address(_: Situation, finding: Finding) -> Iterator[Idea]:
    address = str(finding.facts["address"])
    if parse_address(address):
        yield f"the key could be used from {address}", {"facts.credential.key.addresses+": address}


def _key_origin(_: Situation, finding: Finding) -> Iterator[Idea]:
    origin = str(finding.facts["origin"])
    yield f"the key could be used by pages of {origin}", {"facts.credential.key.origins+": origin}


def _key_model(now: Situation, finding: Finding) -> Iterator[Idea]:
    credential = now.facts.credential
    named = "facts.payload.model" if now.facts.payload else "attempt.model"
    for model in credential.key.models if credential is not None and credential.key is not None else ():
        yield f"the model were {model}", {named: model}
    model = str(finding.facts["model"])
    yield f"the key could be used for {model}", {"facts.credential.key.models+": model}


def _unseen(_: Situation, finding: Finding) -> Iterator[Idea]:
    field = "models" if finding.facts["bound"] == "models" else "url_hosts"
    yield f"the key were not bound to {finding.facts['bound']}", {f"facts.credential.key.{field}": ""}


def _policy_denied(now: Situation, finding: Finding) -> Iterator[Idea]:
    named = str(finding.facts["policy"]).split(", ")
    if len(named) == 1:
        yield f"policy {named[0]} did not forbid it", {"rulebook.policies-": named[0]}
        return
    kept = [asdict(policy) for policy in now.rules.rulebook.policies if policy.id not in named]
    yield f"none of the policies {finding.facts['policy']} forbade it", {"rulebook.policies": json.dumps(kept)}


def _no_permit(now: Situation, _: Finding) -> Iterator[Idea]:
    caller = caller_of(now.attempt, now.facts, now.rules)
    if caller is None:
        return
    action = action_of(now.attempt.route)
    scope = f'principal == Identity::{quoted(caller.identity.id)}, action == Action::"{action}", resource'
    policy = json.dumps({"id": "simulated", "text": f"permit ({scope});"})
    yield f"a policy permitted {caller.identity.name} to {action}", {"rulebook.policies+": policy}


def _tier(now: Situation, _: Finding) -> Iterator[Idea]:
    for tier in now.rules.tiers:
        yield f"the account were of the tier {tier}", {"facts.credential.key.identity.tier": tier}


POLICY: Final[Mapping[str, Thinker]] = {
    "policy.scope": _scope,
    "policy.address": _key_address,
    "policy.origin": _key_origin,
    "policy.model": _key_model,
    "policy.unseen": _unseen,
    "policy.tier_missing": _tier,
    "policy.denied": _policy_denied,
    "policy.unevaluable": _policy_denied,
    "policy.no_permit": _no_permit,
}
