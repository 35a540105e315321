"""The settings of every part, as frozen values with their defaults.

Rules of this file: standard library only, because worker processes import it; no setting is read anywhere else;
units stand in the name. How files, environment and flags become these values is :mod:`mattegate.config.load`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from mattegate.vocabulary.admission import Proxy
from mattegate.vocabulary.formats import ImageFormat
from mattegate.vocabulary.options import Numerics, Refine
from mattegate.vocabulary.rulebook import Limit, Tier
from mattegate.vocabulary.rulebook_of_tokens import TokenIssuer

MB = 1_000_000


def default_home() -> Path:
    """``MATTEGATE_HOME``, or the user's data folder by the XDG rules."""
    if home := os.environ.get("MATTEGATE_HOME"):
        return Path(home).expanduser()
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "mattegate"


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which weights are offered and where they come from."""

    default: str = "u2netp"
    """The model of a request that names none."""
    offered: tuple[str, ...] = ()
    """The models a request may name; empty means every installed one."""
    base_url: str = ""
    """A mirror that holds the release files under their own names; tried before every other source."""
    connect_timeout_s: float = 5.0
    """How long one source may take to answer at all."""
    memory_budget_mb: int = 1_500
    """How much memory loaded models may take in one worker before the least recently used one is dropped."""


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """What is accepted as an image; every limit is checked before a decoder sees a byte."""

    types: tuple[ImageFormat, ...] = (ImageFormat.JPEG, ImageFormat.PNG, ImageFormat.WEBP)
    """The image types that are read; the content decides what an image is, not its name."""
    max_bytes: int = 10 * MB
    """The decoded size; a base64 body may be a third larger on the wire."""
    max_megapixels: float = 50.0
    """Width times height, in millions."""
    max_side: int = 16_384
    """The longest side in pixels."""
    max_frames: int = 1_000
    """Animations are read as their first frame; beyond this many frames they are refused."""
    stall_s: float = 15.0
    """How long no byte may arrive."""
    min_bytes_per_s: int = 20_000
    """The slowest upload that is waited for."""
    total_s: float = 120.0
    """How long a whole body may take."""
    budget_bytes: int = 256 * MB
    """What the bodies of all unfinished requests may take together."""
    urls: bool = False
    """Fetch the image from an address where a caller sends one (image_url) instead of bytes."""
    url_hosts: tuple[str, ...] = ()
    """The hosts that images are fetched from; *.example.com for every name below. Empty: any public one."""


@dataclass(frozen=True, slots=True)
class CutoutSettings:
    """What a cut-out is like when the caller does not say."""

    numerics: Numerics = Numerics.NATIVE
    """The arithmetic around the network: the authors' own, or rembg's to the truncation."""
    refine: Refine = Refine.NONE
    """What is done to the edges of the matte."""


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """Worker processes and the queue in front of them; 0 means: fit the machine."""

    workers: int = 0
    """Worker processes."""
    threads: int = 0
    """Threads of one worker; 0 shares the cores among the workers."""
    queue: int = 64
    """How many requests may wait."""
    deadline_s: float = 60.0
    """How long a request may wait for a worker."""
    time_limit_s: float = 30.0
    """How long one image may take."""
    memory_limit_mb: int = 1_500
    """What one image may take beyond the loaded models."""
    drain_s: float = 30.0
    """How long work in hand may go on after SIGTERM."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Where the data plane listens."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = 8000
    """The port to listen on."""
    prefix: str = ""
    """Put in front of every path of the API."""
    head_s: float = 15.0
    """How long a request line and its headers may take."""
    send_stall_s: float = 30.0
    """How long a caller may leave an answer unread before the connection is cut."""
    docs: bool = True
    """Whether /docs and /openapi.json answer."""
    page: bool = True
    """Whether / answers with the page to try the service on."""
    tls_certificate: Path | None = None
    """A PEM file with the certificate chain; read again when it changes."""
    tls_key: Path | None = None
    """The PEM file with its private key."""
    require_tls: bool = False
    """Refuse plain HTTP, except from loopback and from declared proxies that say https."""
    insecure: bool = False
    """Listen on addresses that other machines can reach although neither TLS nor a proxy is declared."""
    echo: bool = False
    """Whether a ticket of `mattegate echo` is answered at /v1/echo/TICKET."""


@dataclass(frozen=True, slots=True)
class CertificateSettings:
    """Client certificates (mTLS): on this server's own TLS port, or passed on by declared proxies."""

    mode: str = "off"
    """off, optional (who shows one must show a good one) or required; health checks need none."""
    trust_store: Path | None = None
    """A PEM file with the authorities whose certificates are trusted; read again when it changes."""
    revocation_lists: tuple[Path, ...] = ()
    """PEM files with their revocation lists; read again when they change."""
    header: str = ""
    """How declared proxies pass one on: client-cert (RFC 9440) or x-ssl-client-cert (nginx). Empty: they do not."""


@dataclass(frozen=True, slots=True)
class AuthzSettings:
    """A proxy in front of any other service asks the gate at /authz whether a request may pass."""

    enabled: bool = False
    """Whether declared proxies are answered at /authz."""
    proxy: Proxy = Proxy.NGINX
    """How they ask: nginx (auth_request), caddy (forward_auth), traefik (forwardAuth) or envoy (ext_authz, HTTP)."""
    scope: str = "cutout"
    """The scope that a key needs."""
    paths: tuple[str, ...] = ()
    """What the paths that may be asked about begin with. Empty: any."""


@dataclass(frozen=True, slots=True)
class AdminSettings:
    """Where the admin plane listens."""

    enabled: bool = True
    """Whether there is an admin plane at all."""
    host: str = "127.0.0.1"
    """The address to listen on: loopback only."""
    port: int = 8001
    """The port to listen on."""
    hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    """The names it is called by; a page of another name that resolves here gets nothing (DNS rebinding)."""


@dataclass(frozen=True, slots=True)
class NetworkSettings:
    """Who the client is, and which clients are heard."""

    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose X-Forwarded-For and Forwarded headers are believed, from the right."""
    allow: tuple[str, ...] = ()
    """Addresses or networks that are heard; empty: all."""
    deny: tuple[str, ...] = ()
    """Addresses or networks that are not heard; a denial wins over an allowance."""
    shadow_allow: tuple[str, ...] = ()
    """An allow list on trial: recorded, not enforced."""
    shadow_deny: tuple[str, ...] = ()
    """A deny list on trial: recorded, not enforced."""


@dataclass(frozen=True, slots=True)
class HostSettings:
    """Which names are served."""

    names: tuple[str, ...] = ()
    """Host names that are served, without port; *.example.com for every name below. Empty: any."""
    default_endpoint: bool = True
    """Whether bare addresses and localhost are served beside the names."""
    private_names: tuple[str, ...] = ()
    """Names that only private networks may call."""
    private_networks: tuple[str, ...] = (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "127.0.0.0/8",
        "::1",
        "fc00::/7",
    )
    """The networks that may call private names."""


@dataclass(frozen=True, slots=True)
class FloodSettings:
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
class CorsSettings:
    """Which web pages may call, and read the answers."""

    allowed_origins: tuple[str, ...] = ()
    """Exact origins and patterns: http://localhost:*, https://*.preview.example.com, or * alone."""
    allowed_headers: tuple[str, ...] = ("Authorization", "Content-Type", "Idempotency-Key", "X-API-Key", "X-Request-Id")
    """What a page may send."""
    credentials: bool = False
    """Whether pages may send cookies; not together with *."""
    max_age_s: int = 600
    """How long a browser may remember a preflight."""
    explain: bool = False
    """Let refused preflights pass, so that the page itself can read why it is refused."""
    public_urls: tuple[str, ...] = ()
    """The origins under which this service itself is reached."""
    shadow: bool = False
    """Judge origins and record the findings, but refuse none."""


@dataclass(frozen=True, slots=True)
class PolicySettings:
    """Resource policies in Cedar; they need the extra `policies`."""

    folder: Path | None = None
    """A folder of *.cedar files, below the home where it is not absolute; read again when one changes. Empty: none."""


@dataclass(frozen=True, slots=True)
class KeySettings:
    """What keys look like and how long they live."""

    prefix_prod: str = "sk_prod_"
    """How keys for production begin."""
    prefix_test: str = "sk_test_"
    """How keys for tests begin."""
    environments: tuple[str, ...] = ("prod", "test")
    """The environments this server serves."""
    unknown_status: int = 403
    """What a well-formed but unknown key is answered with: 403 or 401."""
    remind_days: int = 90
    """The age of a key from which its owner is reminded to rotate it; 0: never."""
    unused_days: int = 180
    """How long a key may lie unused before it is disabled; 0: for ever."""
    overlap_hours: float = 24.0
    """How long a rotated key goes on working."""
    import_tier: str = "free"
    """The tier of the keys listed in the configuration under api_keys."""
    unsafe_anonymous: str = ""
    """Serve callers without a credential as this tier. Empty: nobody."""


@dataclass(frozen=True, slots=True)
class SignatureSettings:
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
    """Accept HMAC(body + timestamp) of keys made for the scheme compat-hmac; they cover no path and no method."""


@dataclass(frozen=True, slots=True)
class RequireSettings:
    """What requests to a route must show at once: any of key, signature, certificate. Empty: any one credential."""

    cutout: tuple[str, ...] = ()
    """Of requests for cut-outs."""
    whoami: tuple[str, ...] = ()
    """Of requests to /v1/whoami."""
    decision: tuple[str, ...] = ()
    """Of requests for one's own decisions."""
    usage: tuple[str, ...] = ()
    """Of requests for one's own usage."""
    keys: tuple[str, ...] = ()
    """Of requests that list, make, change, rotate or revoke one's own keys."""
    browser_tokens: tuple[str, ...] = ()
    """Of requests for tokens for web pages."""
    app: tuple[str, ...] = ()
    """Of requests to an application that the gate is embedded in."""
    authz: tuple[str, ...] = ()
    """Of requests that a proxy asks about at /authz."""


@dataclass(frozen=True, slots=True)
class AuthorizerSettings:
    """Your own word on requests that everything else here would let pass: a Python callable, or an address."""

    callable: str = ""
    """A function of a request, as module:function, found as Python finds modules (PYTHONPATH). Empty: none."""
    url: str = field(default="", repr=False)
    """Where the question is posted as JSON. Empty: nowhere."""
    sources: tuple[str, ...] = ("identity",)
    """What an answer depends on beside the route: any of identity, key, address, origin, header:NAME."""
    ttl_s: float = 300.0
    """How long an answer is remembered that does not say so itself, and the longest that any is. 0: never."""
    timeout_s: float = 2.0
    """How long it may take; without an answer the request is refused with 503."""
    except_routes: tuple[str, ...] = ()
    """Routes not asked about: cutout, whoami, decision, usage, keys, key, key_rotate, browser_tokens, app, authz."""


@dataclass(frozen=True, slots=True)
class TokenSettings:
    """Access tokens: those that this server gives, and those of the issuers under [tokens.issuers.NAME]."""

    enabled: bool = False
    """Whether this server gives tokens of its own: at /oauth2/token, and for web pages at /v1/browser-tokens."""
    issuer: str = ""
    """What its tokens name as issuer and audience: the address of the API. Empty: the first of cors.public_urls."""
    minutes: int = 10
    """How long an access token is good: at most 60."""
    scopes: tuple[str, ...] = ("cutout", "self", "usage")
    """What access tokens may give."""
    binding: str = "none"
    """What access tokens must be bound to: dpop, mtls, any, or none."""
    proof_nonce: bool = False
    """Whether every DPoP proof must hold a nonce of this server."""
    browser_minutes: int = 10
    """How long a token for a page may be good: at most 10."""
    browser_images: int = 100
    """How many images a token for a page may be for."""
    issuers: tuple[TokenIssuer, ...] = ()
    """Whose tokens are taken here: one table each, under [tokens.issuers.NAME]."""


@dataclass(frozen=True, slots=True)
class LimitSettings:
    """Where limits are counted."""

    store: str = "sqlite"
    """memory, sqlite or redis."""
    redis_url: str = field(default="", repr=False)
    """redis://… when the store is redis."""
    on_loss: str = "refuse"
    """When redis does not answer: refuse (503), or local (count rates in this process until it is back)."""
    timeout_ms: int = 25
    """How long redis may take."""
    legacy_headers: bool = False
    """Send X-RateLimit-Limit, -Remaining and -Reset too."""
    near: float = 0.8
    """The share of a quota from which its owner is told."""


@dataclass(frozen=True, slots=True)
class RecordSettings:
    """What is kept of decisions."""

    days: int = 30
    """How long a record is kept."""
    unproven_mb: int = 256
    """What the records of callers who proved nothing may take."""


@dataclass(frozen=True, slots=True)
class NoticeSettings:
    """Where notices go: about old keys, unused keys, quotas nearly used up."""

    webhook_url: str = field(default="", repr=False)
    """Posted to as Standard Webhooks."""
    mail_to: tuple[str, ...] = ()
    """Operators' addresses."""
    mail_from: str = "mattegate@localhost"
    """The sender."""
    smtp_host: str = ""
    """The mail server; empty: no mail."""
    smtp_port: int = 25
    """Its port."""


@dataclass(frozen=True, slots=True)
class OutboundSettings:
    """Where this server may send requests: webhooks, authorizers, key sets, images. Closed: the public web alone."""

    allow_networks: tuple[str, ...] = ()
    """Inner networks that addresses set here may lead into under any name; never images of callers."""
    allow_hosts: tuple[str, ...] = ()
    """Names that may lead to inner addresses; images of callers only where upload.url_hosts names them too."""
    ports: tuple[int, ...] = (80, 443)
    """Ports that may be asked, beside those of addresses set here."""
    connect_s: float = 5.0
    """How long a look-up may take, and again connection and TLS together."""
    stall_s: float = 10.0
    """The longest silence within an answer."""
    total_s: float = 30.0
    """How long a request may take with its redirects; images of callers no longer than upload.total_s."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Where the access log goes."""

    file: Path | None = None
    """One JSON line a request; empty: stderr. Opened again on SIGHUP."""


FREE = Tier(
    "free",
    (Limit("burst", "rate", 20, 60, burst=20), Limit("hourly", "quota", 100, 3600)),
)
ENTERPRISE = Tier("enterprise", (Limit("daily", "quota", 10_000, 86_400),))
VIP = Tier("vip", (), priority="vip")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set."""

    home: Path = field(default_factory=default_home)
    """The folder that everything an installation writes lies under."""
    models: ModelSettings = ModelSettings()
    upload: UploadSettings = UploadSettings()
    cutout: CutoutSettings = CutoutSettings()
    engine: EngineSettings = EngineSettings()
    server: ServerSettings = ServerSettings()
    certificates: CertificateSettings = CertificateSettings()
    authz: AuthzSettings = AuthzSettings()
    admin: AdminSettings = AdminSettings()
    network: NetworkSettings = NetworkSettings()
    hosts: HostSettings = HostSettings()
    flood: FloodSettings = FloodSettings()
    cors: CorsSettings = CorsSettings()
    policies: PolicySettings = PolicySettings()
    keys: KeySettings = KeySettings()
    signatures: SignatureSettings = SignatureSettings()
    tokens: TokenSettings = TokenSettings()
    require: RequireSettings = RequireSettings()
    authorizer: AuthorizerSettings = AuthorizerSettings()
    limits: LimitSettings = LimitSettings()
    records: RecordSettings = RecordSettings()
    notices: NoticeSettings = NoticeSettings()
    outbound: OutboundSettings = OutboundSettings()
    log: LogSettings = LogSettings()
    tiers: tuple[Tier, ...] = (FREE, ENTERPRISE, VIP)
    """The tiers; one given under [tiers.NAME] replaces or joins these."""
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    """Plain keys from elsewhere, hashed when they are loaded; `mattegate keys import` keeps them out of the file."""

    @property
    def models_dir(self) -> Path:
        """Where verified weights and their licence acknowledgements lie."""
        return self.home / "models"

    @property
    def ledger_dir(self) -> Path:
        """Where the databases and the spool of records lie."""
        return self.home / "ledger"

    @property
    def policies_dir(self) -> Path | None:
        """Where the policies lie; ``None`` where there are none."""
        return None if self.policies.folder is None else self.home / self.policies.folder

    @property
    def secrets_dir(self) -> Path:
        """Where the peppers lie, readable by the owner alone."""
        return self.home / "secrets"
