"""The settings of where this server listens, and to whom.

See :mod:`mattegate.config.settings` for its rules.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mattegate.vocabulary.admission import Proxy


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
