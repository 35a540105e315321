"""Random attempts, facts and rulebooks, hostile ones among them."""

from __future__ import annotations

from typing import Final

from hypothesis import strategies as st

from mattegate.gate.rules import Rules
from mattegate.vocabulary.attempt import Attempt, Channel, Flaw, Flawed, Preflight, Presented, RouteView
from mattegate.vocabulary.facts import (
    ClaimFact,
    CredentialFact,
    FactName,
    Facts,
    Failure,
    FloodFact,
    IdentityView,
    KeyState,
    KeyView,
    LimitAnswer,
    LimitKind,
    Outcome,
)
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.rulebook import (
    CorsRules,
    CredentialRules,
    FloodRules,
    HostRules,
    Limit,
    NetworkRule,
    NetworkRules,
    Rulebook,
    Tier,
    TransportRules,
)

ADDRESSES: Final = ("203.0.113.9", "10.0.0.1", "127.0.0.1", "::1", "::ffff:10.0.0.2", "2001:db8::7", "fe80::1%eth0", "")
NETWORKS: Final = ("203.0.113.0/24", "10.0.0.0/8", "127.0.0.1", "::1", "2001:db8::/32", "::ffff:10.0.0.0/104")
ORIGINS: Final = ("https://shop.example", "http://localhost:*", "https://*.example.com", "*")
texts = st.text(max_size=12)
words = st.sampled_from(("", "a", "free", "vip", "cutout", "self", "*")) | texts
moments = st.floats(min_value=0, max_value=4e9) | st.sampled_from((0.0, 1e18, 1_700_000_000.0))
plain = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
codes = st.sampled_from(sorted(REASONS)) | texts
some = st.booleans()


def few(one: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, ...]]:
    """Up to three of them."""
    return st.lists(one, max_size=3).map(tuple)


hosts = st.sampled_from(("api.example.com", "localhost:8000", "[::1]:80", "127.1", "")) | texts
origins = (
    st.sampled_from(("https://shop.example", "null", "", "http://api.example.com", "http://localhost:5173")) | texts
)
nodes = st.sampled_from((*ADDRESSES, "unknown", "_x", "[::1]:1", "10.0.0.9:99")) | texts
elements = (
    st.sampled_from(("for=10.0.0.1", 'for="[::1]"', "proto=https", "for=unknown;proto=http", "for=1;for=2")) | texts
)

routes = st.builds(
    RouteView,
    st.sampled_from(("cutout", "whoami", "health", "")),
    st.just(("POST",)) | few(st.sampled_from(("GET", "POST"))),
    public=some,
    scope=words,
    metered=some,
    staged=some,
)
presented = st.builds(
    Presented, st.sampled_from(Channel), st.sampled_from(Flaw) | st.just(Flaw.NONE), texts, texts, texts
)
attempts = st.builds(
    Attempt,
    st.just("req_1"),
    moments,
    st.sampled_from(("GET", "POST", "OPTIONS")),
    texts,
    routes,
    peer=st.sampled_from(ADDRESSES) | texts,
    tls=some,
    host=hosts,
    forwarded_for=few(nodes),
    forwarded=few(elements),
    forwarded_proto=st.sampled_from(("", "https", "http", "https, http")) | texts,
    real_ip=st.just("") | texts,
    origin=st.none() | origins,
    preflight=st.none() | st.builds(Preflight, st.just("POST"), few(texts)),
    credentials=st.lists(presented, max_size=2).map(tuple),
    doubled=st.just(()) | few(texts),
    flawed=st.none() | st.builds(Flawed, codes, st.dictionaries(texts, plain, max_size=3)),
    model=words,
    idempotency_key=texts,
)

limits = st.builds(
    Limit, texts, st.sampled_from([kind.value for kind in LimitKind]), st.integers(0, 9), st.integers(1, 9)
)
identities = st.builds(
    IdentityView, texts, texts, words, few(words), st.sampled_from(KeyState), st.lists(limits, max_size=2).map(tuple)
)
keys = st.builds(
    KeyView,
    texts,
    identities,
    environment=st.sampled_from(("prod", "test", "x")),
    state=st.sampled_from(KeyState),
    expires_at=st.none() | moments,
    replaced_by=texts,
    scopes=st.none() | few(words),
    addresses=st.just(()) | few(st.sampled_from(NETWORKS) | texts),
    origins=st.just(()) | few(st.sampled_from(ORIGINS) | texts),
    models=st.just(()) | few(words),
)
answers = st.builds(
    LimitAnswer,
    texts,
    st.sampled_from(LimitKind),
    st.integers(),
    st.integers(0, 10**7),
    st.integers(),
    st.floats(-1, 1e9),
    some,
    st.floats(-1, 1e9),
    some,
)
failures = st.builds(Failure, st.sampled_from(("ledger", "limits", "control", "x")), texts)
facts = st.builds(
    Facts,
    flood=st.none() | st.builds(FloodFact, texts, some, some, some, st.floats(0, 1e6)),
    credential=st.none() | st.builds(CredentialFact, st.none() | keys, some),
    claim=st.none()
    | st.builds(ClaimFact, st.lists(answers, max_size=3).map(tuple), some, st.integers(0, 4), st.just("") | codes),
    outcome=st.none() | st.builds(Outcome, st.just("") | codes, st.dictionaries(texts, plain, max_size=3)),
    failed=st.dictionaries(st.sampled_from(FactName), failures, max_size=2),
)

rulebooks = st.builds(
    Rulebook,
    transport=st.builds(TransportRules, some),
    host=st.builds(
        HostRules,
        few(st.sampled_from(("api.example.com", "*.example.com", "127.0.0.1"))),
        some,
        few(st.just("api.example.com")),
        few(st.sampled_from(NETWORKS)),
    ),
    network=st.builds(
        NetworkRules,
        few(st.sampled_from((*NETWORKS, "unix"))),
        st.lists(st.builds(NetworkRule, st.sampled_from(NETWORKS), some, some), max_size=3).map(tuple),
    ),
    flood=st.builds(FloodRules, some),
    cors=st.builds(
        CorsRules, few(st.sampled_from(ORIGINS[:3])), few(st.just("x-a")), some, st.integers(0, 600), some, shadow=some
    ),
    credential=st.builds(
        CredentialRules, unknown_status=st.sampled_from((401, 403)), anonymous_tier=st.sampled_from(("", "free"))
    ),
    tiers=st.just((Tier("free"), Tier("vip", priority="vip"))),
)
rules = rulebooks.map(Rules.of)
