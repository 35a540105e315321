"""One decision of the gate, in microseconds.

An allowed cut-out request with an API key walks through every layer with all facts at hand, under a rulebook that sets
everything: TLS, hosts, two proxies, twenty networks, origins, three tiers. The time of a batch over its number of
calls; the median of the batches. No look-ups, no proofs, no I/O. Once without policies, and once under ten of them,
which speak of addresses, pages, times, models and sizes and are all asked, with the body known.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Final

from bench.context import Bench, Outcome
from bench.pairs import Spread
from mattegate.config.settings import Settings
from mattegate.gate.decide import decide
from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt, Channel, Presented, RouteView
from mattegate.vocabulary.decision import Allowed, Refused
from mattegate.vocabulary.facts import (
    ClaimFact,
    CredentialFact,
    Facts,
    FloodFact,
    IdentityView,
    KeyView,
    LimitAnswer,
    LimitKind,
    PayloadFact,
)
from mattegate.vocabulary.facts import (
    Outcome as Ended,
)
from mattegate.vocabulary.rulebook import (
    CorsRules,
    HostRules,
    NetworkRule,
    NetworkRules,
    PolicyText,
    Rulebook,
    TransportRules,
)

NAME: Final = "decision"
_BATCHES: Final = 300
_CALLS: Final = 100

_RULEBOOK: Final = Rulebook(
    transport=TransportRules(require_tls=True),
    host=HostRules(names=("api.example.com", "*.example.org"), private_names=("inner.example.com",)),
    network=NetworkRules(
        trusted_proxies=("10.0.0.0/8", "2001:db8:ffff::/48"),
        rules=(
            *(NetworkRule(f"198.51.{number}.0/24", allow=False) for number in range(18)),
            NetworkRule("203.0.113.0/24", allow=True),
            NetworkRule("2001:db8::/32", allow=True),
        ),
    ),
    cors=CorsRules(origins=("https://app.example.com", "https://*.preview.example.com", "http://localhost:*")),
    tiers=Settings().tiers,
)

_KEY: Final = KeyView(
    "Ab12Cd34Ef56", IdentityView("id_1", "acme", "free"), addresses=("203.0.113.0/24",), models=("u2netp",)
)

_ATTEMPT: Final = Attempt(
    request_id="req_01KAMV4Q5N0C8Y3S1R7T9W2X6Z",
    at=1_763_800_000.0,
    method="POST",
    path="/v1/remove-bg",
    route=RouteView("cutout", ("OPTIONS", "POST"), scope="cutout", metered=True, staged=True),
    peer="10.0.0.7",
    host="api.example.com",
    forwarded_for=("192.0.2.1", "203.0.113.9"),
    forwarded_proto="https",
    origin="https://app.example.com",
    credentials=(Presented(Channel.BEARER, prefix="sk_prod_", environment="prod", key_id=_KEY.id, length=60),),
    model="u2netp",
    declared_bytes=1_000_000,
)

_FACTS: Final = Facts(
    flood=FloodFact("203.0.113.0/24"),
    credential=CredentialFact(_KEY, proven=True),
    claim=ClaimFact(
        (
            LimitAnswer("burst", LimitKind.RATE, 20, 60, 19, 3.0),
            LimitAnswer("hourly", LimitKind.QUOTA, 100, 3600, 99, 1800.0),
        ),
        reserved=True,
    ),
    outcome=Ended(),
)

_POLICIES: Final = (
    PolicyText("everybody", "permit (principal, action, resource);"),
    *(
        PolicyText(
            f"network-{number}",
            "forbid (principal, action, resource) when { context has address && "
            f'context.address.isInRange(ip("198.51.{number}.0/24")) }};',
        )
        for number in range(4)
    ),
    PolicyText(
        "page", 'forbid (principal, action, resource) when { context has origin && context.origin like "*.evil" };'
    ),
    PolicyText("hours", 'forbid (principal, action == Action::"manage", resource) unless { context.hour < 18 };'),
    PolicyText("model", 'forbid (principal in Tier::"free", action, resource in Model::"birefnet-general");'),
    PolicyText(
        "size", "forbid (principal, action, resource) when { resource has megapixels && resource.megapixels > 40 };"
    ),
    PolicyText("tls", "forbid (principal, action, resource) unless { context.tls };"),
)

_NO_KEY: Final = Attempt(request_id=_ATTEMPT.request_id, at=_ATTEMPT.at, method="POST", path="/v1/remove-bg")


def measure(bench: Bench) -> Outcome:
    """The figures ``decision_us`` and ``decision_with_ten_policies_us``."""
    told = bench.steps(NAME, 3)
    rules, plain = Rules.of(_RULEBOOK), Rules.of(Rulebook())
    assert isinstance(decide(_ATTEMPT, _FACTS, rules), Allowed)
    allowed = _microseconds(_ATTEMPT, _FACTS, rules)
    told(1)
    assert isinstance(decide(_NO_KEY, _FACTS, plain), Refused)
    refused = _microseconds(_NO_KEY, _FACTS, plain)
    told(2)
    ruled = Rules.of(replace(_RULEBOOK, policies=_POLICIES))
    known = replace(_FACTS, payload=PayloadFact("u2netp", 1_000_000, 12))
    assert isinstance(decide(_ATTEMPT, known, ruled), Allowed)
    policed = _microseconds(_ATTEMPT, known, ruled)
    told(3)
    return Outcome(
        {"decision_us": allowed.median, "decision_with_ten_policies_us": policed.median},
        __doc__ or "",
        {
            "allowed_us": allowed.as_json(2),
            "refused_without_a_key_us": refused.as_json(2),
            "with_ten_policies_us": policed.as_json(2),
        },
    )


def _microseconds(attempt: Attempt, facts: Facts, rules: Rules) -> Spread:
    times = []
    for _ in range(_BATCHES):
        begin = perf_counter()
        for _ in range(_CALLS):
            decide(attempt, facts, rules)
        times.append((perf_counter() - begin) / _CALLS * 1e6)
    return Spread.of(times)
