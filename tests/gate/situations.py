"""The situation that every scenario departs from: a sound request of a caller who may make it."""

from __future__ import annotations

from typing import Final

from mattegate.gate.rules import Rules
from mattegate.gate.simulate import Situation
from mattegate.vocabulary.attempt import Attempt, Channel, Presented, RouteView
from mattegate.vocabulary.facts import (
    ClaimFact,
    CredentialFact,
    Facts,
    FloodFact,
    IdentityView,
    KeyView,
    LimitAnswer,
    LimitKind,
    Outcome,
)
from mattegate.vocabulary.rulebook import Limit, Rulebook, Tier

CUTOUT: Final = RouteView("cutout", ("POST", "OPTIONS"), scope="cutout", metered=True, staged=True)
WHOAMI: Final = RouteView("whoami", ("GET", "OPTIONS"), scope="self")
HEALTH: Final = RouteView("health", ("GET", "OPTIONS"), public=True)

FREE: Final = Tier("free", (Limit("burst", "rate", 20, 60, burst=20), Limit("hourly", "quota", 100, 3600)))
RULEBOOK: Final = Rulebook(tiers=(FREE, Tier("vip", (), "vip")))
RULES: Final = Rules.of(RULEBOOK)

ALICE: Final = IdentityView("i_alice", "Alice", "free")
KEY: Final = KeyView("k_1", ALICE)

ATTEMPT: Final = Attempt(
    "req_1",
    1_700_000_000.0,
    "POST",
    "/v1/remove-bg",
    CUTOUT,
    peer="203.0.113.9",
    host="api.example.com",
    credentials=(Presented(Channel.BEARER, prefix="sk_prod_", environment="prod", key_id="k_1", length=46),),
)

FACTS: Final = Facts(
    flood=FloodFact("203.0.113.0/24"),
    credential=CredentialFact(KEY, proven=True),
    claim=ClaimFact(
        (
            LimitAnswer("burst", LimitKind.RATE, 20, 60, 19, 3.0),
            LimitAnswer("hourly", LimitKind.QUOTA, 100, 3600, 99, 400.0),
        ),
        reserved=True,
    ),
    outcome=Outcome(),
)

SOUND: Final = Situation(ATTEMPT, FACTS, RULES)
