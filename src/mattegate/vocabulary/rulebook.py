"""The rulebook: everything that decisions go by, frozen and named by the hash of its contents.

Records name the revision they were decided under and rulebooks are kept as long as a record names them, so that a
decision can be judged again. A rulebook is plain JSON values throughout and holds no secret.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from mattegate.vocabulary.rulebook_of_tokens import OwnTokens, TokenIssuer


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a tier or an identity."""

    name: str
    kind: str
    """``rate``, ``quota``, ``bytes`` or ``credits`` (:class:`~mattegate.vocabulary.facts.LimitKind`)."""
    amount: int
    """Units a window; for ``credits`` the balance lies in the ledger and this is 0."""
    window_s: int
    burst: int = 0
    """Rate only: how many may come at once; 0 means ``amount``."""
    unit: str = "images"
    """``images`` or ``megapixels`` (rounded up); ``bytes`` for the kind ``bytes``."""
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class Tier:
    """Limits by name."""

    name: str
    limits: tuple[Limit, ...] = ()
    priority: str = "standard"
    """``vip``, ``standard`` or ``bulk``: the class in the engine's queue."""
    require: tuple[str, ...] = ()
    """What a request must show at once: ``key``, ``signature``, ``certificate``; empty: any one credential."""


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """Addresses that are let in or kept out."""

    network: str
    """``203.0.113.0/24``, ``2001:db8::/32`` or one address."""
    allow: bool
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class NetworkRules:
    """Who the client is, and which clients are heard."""

    trusted_proxies: tuple[str, ...] = ()
    """Networks whose forwarded headers are believed, counted from the right."""
    rules: tuple[NetworkRule, ...] = ()
    """The first denial that matches decides; where any rule allows and none matches, the address is refused."""


@dataclass(frozen=True, slots=True)
class TransportRules:
    """Whether plain HTTP is refused."""

    require_tls: bool = False
    """Loopback peers and declared proxies that say https are exempt."""


@dataclass(frozen=True, slots=True)
class HostRules:
    """Which names are served."""

    names: tuple[str, ...] = ()
    """Host names without port, ``*.example.com`` for every name below; empty: any."""
    default_endpoint: bool = True
    """Whether bare IP addresses and ``localhost`` are served beside ``names``."""
    private_names: tuple[str, ...] = ()
    """Names that are served to ``private_networks`` only."""
    private_networks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FloodRules:
    """What one address prefix may do before it has proved anything."""

    enabled: bool = True
    """Whether prefixes are counted at all."""
    ipv4_prefix: int = 24
    """Bits of an IPv4 address that count as one caller."""
    ipv6_prefix: int = 48
    """Bits of an IPv6 address that count as one caller."""
    unproven_per_minute: int = 240
    """Requests a prefix may make without a credential, pages and preflights among them."""
    failures_per_minute: int = 30
    """Credentials that do not prove good before the prefix is penalised."""
    verifications_per_minute: int = 120
    """Credentials of a penalised prefix that are still looked at."""


@dataclass(frozen=True, slots=True)
class CorsRules:
    """Which web pages may call, and read the answers."""

    origins: tuple[str, ...] = ()
    """Exact origins and patterns: ``http://localhost:*``, ``https://*.preview.example.com``, ``*`` alone."""
    headers: tuple[str, ...] = ("authorization", "content-type", "idempotency-key", "x-api-key", "x-request-id")
    """What a page may send, lower case."""
    credentials: bool = False
    """Whether pages may send cookies; never together with ``*``."""
    max_age_s: int = 600
    explain: bool = False
    """Let refused preflights pass, so that the page can read why the request itself is refused."""
    public_urls: tuple[str, ...] = ()
    """Origins of this service itself: a page there is at home."""
    shadow: bool = False
    """Judge origins and record it, refuse none."""


@dataclass(frozen=True, slots=True)
class CredentialRules:
    """What a key looks like here and what an unknown one gets."""

    prefixes: tuple[tuple[str, str], ...] = (("sk_prod_", "prod"), ("sk_test_", "test"))
    """Every prefix with its environment; the first of an environment is the one that new keys get."""
    foreign_prefixes: tuple[str, ...] = ()
    """Prefixes of keys that were brought from elsewhere; they have no id and no checksum."""
    foreign_keys: bool = False
    """Whether there is a key without a known prefix, so that any text may be one."""
    environments: tuple[str, ...] = ("prod", "test")
    """The environments that this server serves."""
    unknown_status: int = 403
    """403, or 401 as RFC 9110 would have it."""
    anonymous_tier: str = ""
    """Serve callers without a credential as an identity of this tier; empty: never."""


@dataclass(frozen=True, slots=True)
class SignatureRules:
    """How signed requests are judged."""

    skew_s: float = 300.0
    """How far the clocks of signer and server may be apart, either way."""
    region: str = "local"
    """The region that SigV4 signatures are made for."""
    service: str = "mattegate"
    """The service that SigV4 signatures are made for."""
    components: tuple[str, ...] = ("@method", "@authority", "@path")
    """What an RFC 9421 signature must cover, beside the query and the digest of the body where there are any."""
    tag: str = ""
    """The tag that an RFC 9421 signature must bear. Empty: any."""
    aws_exact: bool = False
    """Tell unknown signing keys from wrong signatures, as AWS does; otherwise both are answered alike."""
    unsafe_unsigned_payload: bool = False
    """Accept SigV4 signatures over UNSIGNED-PAYLOAD: whoever is in between may then send another body."""
    unsafe_body_timestamp_hmac: bool = False
    """Accept HMAC(body + timestamp), which covers no path, for cut-outs by keys made for the scheme compat-hmac."""


@dataclass(frozen=True, slots=True)
class AuthorizerRules:
    """The operator's own authorizer, asked last."""

    name: str = ""
    """A Python callable ``module:function`` or an address; empty: there is none."""
    sources: tuple[str, ...] = ("identity",)
    """What its answer depends on beside the route, and may be remembered for: ``identity``, ``key``, ``address``,
    ``origin``, ``header:NAME``."""
    most_ttl_s: float = 300.0
    timeout_s: float = 2.0
    except_routes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CertificateRules:
    """Client certificates."""

    mode: str = "off"
    """``off``, ``optional`` or ``required``."""
    header: str = ""
    """How declared proxies pass one on: ``client-cert`` (RFC 9440) or ``x-ssl-client-cert``; empty: they do not."""


@dataclass(frozen=True, slots=True)
class PolicyText:
    """One policy in Cedar."""

    id: str
    """What decisions name it by."""
    text: str


@dataclass(frozen=True, slots=True)
class Rulebook:
    """All of it."""

    transport: TransportRules = TransportRules()
    host: HostRules = HostRules()
    network: NetworkRules = NetworkRules()
    flood: FloodRules = FloodRules()
    cors: CorsRules = CorsRules()
    credential: CredentialRules = CredentialRules()
    tiers: tuple[Tier, ...] = ()
    signature: SignatureRules = SignatureRules()
    issuers: tuple[TokenIssuer, ...] = ()
    tokens: OwnTokens = field(default_factory=OwnTokens)
    certificate: CertificateRules = CertificateRules()
    authorizer: AuthorizerRules = AuthorizerRules()
    require: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """What requests to a route, by its name, must show at once."""
    policies: tuple[PolicyText, ...] = ()
    """Where there is any, nothing is served that none of them permits."""

    def tier(self, name: str) -> Tier | None:
        """The tier of that name."""
        return next((tier for tier in self.tiers if tier.name == name), None)

    def revision(self) -> str:
        """``rb_`` and the first 16 hex digits of the SHA-256 of its canonical JSON. Slow: ask once."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return "rb_" + hashlib.sha256(text.encode()).hexdigest()[:16]
