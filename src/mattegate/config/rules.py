"""What a value keeps to beyond its type, one setting at a time; what settings keep to together is in ``together``.

Rules of this file: a sentence begins with what is wrong, quotes nothing of a secret setting, and a fix is something
to type. A rule about the elements of a list is asked about each of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from mattegate.config.issuers import UNTOKENED
from mattegate.config.networks import is_loopback
from mattegate.config.rule import Problem, Rule, at_most, matches, one_of, says
from mattegate.config.schema import SETTINGS
from mattegate.config.spelling import (
    HEADER,
    foreign_key,
    host_name,
    network,
    origin,
    readable_file,
    redis_url,
    source,
    url,
)


def problems_of(setting: str, value: object) -> Iterator[Problem]:
    """The first rule that the value breaks, or the first that each element of it breaks."""
    number = _NUMBER if isinstance(value, int | float) and not isinstance(value, bool) else ()
    if problem := _first([*number, *_WHOLE.get(setting, ())], value):
        yield problem
    for index, item in enumerate(value if isinstance(value, tuple) else ()):
        if problem := _first(_EACH.get(setting, ()), item):
            yield Problem(problem.text, problem.fix, index)


def _first(rules: Any, value: object) -> Problem | None:
    return next((problem for rule in rules if (problem := rule(value))), None)


_LARGEST: Final = 10**12

_NUMBER: Final[tuple[Rule, ...]] = (
    says(lambda number: not number < 0, "it cannot be negative"),
    says(lambda number: number <= _LARGEST, f"it must be a number, and at most {_LARGEST:g}"),  # NaN is neither
)
"""What every number keeps to; far enough from where seconds and bytes no longer fit the kernel's integers."""

_POSITIVE: Final = says(lambda number: number > 0, "it must be more than zero")
_FILLED: Final = says(bool, "it must not be empty")
_PORT: Final = at_most(65_535, "a port is at most 65535")
_KEY_PREFIX: Final = matches(
    r"[A-Za-z0-9_-]{1,32}[_-]", "it must be letters, digits, _ and -, and end with _ or -", "such as sk_prod_ or ACME-"
)
_SCOPE_PART: Final = matches(
    r"[A-Za-z0-9._-]{1,64}", "it must be letters, digits, dots, - and _: it stands between slashes", "such as eu-west-1"
)
_COMPONENT: Final = matches(
    r"@(method|target-uri|authority|scheme|request-target|path|query)|[!#$%&'*+.^_`|~0-9a-z-]+",
    "neither a derived component (RFC 9421, section 2.2) nor the name of a header in small letters",
    "such as @method, @authority, @path or content-type",
)
_ROUTE: Final = one_of(
    "cutout", "whoami", "decision", "usage", "keys", "key", "key_rotate", "browser_tokens", "app", "authz"
)
_CALLABLE: Final = matches(
    r"([A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*)?",
    "not a module and what is in it, with a colon between",
    "such as authorizer:decide",
)
_MAIL: Final = matches(r"[^@\s<>,;]{1,64}@[^@\s<>,;]{1,255}", "not a mail address", "such as operator@example.com")

_WHOLE: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {
        "models.default": (_FILLED,),
        "models.base_url": (
            matches(r"(https?://[^\s/]+.*)?", "it must begin with http:// or https://"),
            url("http", "https", shown="https://HOST/PATH"),
        ),
        "models.connect_timeout_s": (_POSITIVE,),
        "models.memory_budget_mb": (_POSITIVE,),
        "upload.types": (_FILLED,),
        "upload.max_bytes": (_POSITIVE,),
        "upload.max_megapixels": (_POSITIVE,),
        "upload.max_side": (_POSITIVE,),
        "upload.max_frames": (_POSITIVE,),
        "upload.stall_s": (_POSITIVE,),
        "upload.min_bytes_per_s": (_POSITIVE,),
        "upload.total_s": (_POSITIVE,),
        "upload.budget_bytes": (_POSITIVE,),
        "engine.workers": (at_most(256, "more than 256 worker processes are never of use"),),
        "engine.threads": (at_most(256, "more than 256 threads are never of use"),),
        "engine.deadline_s": (_POSITIVE,),
        "engine.time_limit_s": (_POSITIVE,),
        "engine.memory_limit_mb": (_POSITIVE,),
        "server.host": (_FILLED,),
        "server.port": (_PORT,),
        "server.prefix": (matches(r"(/[A-Za-z0-9._~-]+)*", "it must be empty, or begin with / and not end with it"),),
        "server.head_s": (_POSITIVE,),
        "server.send_stall_s": (_POSITIVE,),
        "server.tls_certificate": (readable_file,),
        "server.tls_key": (readable_file,),
        "certificates.mode": (one_of("off", "optional", "required"),),
        "certificates.trust_store": (readable_file,),
        "certificates.header": (
            says(
                lambda header: header in {"", "client-cert", "x-ssl-client-cert"},
                "it must be client-cert or x-ssl-client-cert, or empty",
            ),
        ),
        "admin.host": (
            says(
                is_loopback,
                "the admin plane listens on loopback only",
                "keep 127.0.0.1, and reach it through an SSH tunnel",
            ),
        ),
        "admin.port": (_PORT,),
        "admin.hosts": (_FILLED,),
        "flood.ipv4_prefix": (_POSITIVE, at_most(32, "an IPv4 address has 32 bits")),
        "flood.ipv6_prefix": (_POSITIVE, at_most(128, "an IPv6 address has 128 bits")),
        "flood.unproven_per_minute": (_POSITIVE,),
        "flood.failures_per_minute": (_POSITIVE,),
        "flood.verifications_per_minute": (_POSITIVE,),
        "cors.allowed_origins": (
            says(
                lambda origins: "*" not in origins or len(origins) == 1,
                "* is every origin, so nothing can stand beside it",
                'write ["*"], or list the origins without it',
            ),
        ),
        "cors.max_age_s": (at_most(86_400, "no browser remembers a preflight for more than a day (86400)"),),
        "keys.prefix_prod": (_KEY_PREFIX,),
        "keys.prefix_test": (_KEY_PREFIX,),
        "keys.environments": (_FILLED,),
        "keys.unknown_status": (one_of(403, 401),),
        "keys.import_tier": (_FILLED,),
        "signatures.skew_s": (
            _POSITIVE,
            at_most(3_600, "one-time values are remembered for that long, so it is at most an hour (3600)"),
        ),
        "signatures.region": (_SCOPE_PART,),
        "signatures.service": (_SCOPE_PART,),
        "tokens.issuer": (
            url("http", "https", shown="https://api.example.com, without query and without / at its end"),
            matches(
                r"([^?#]*[^?#/])?", "no query, no fragment, and no / at its end", "such as https://api.example.com"
            ),
        ),
        "tokens.minutes": (_POSITIVE, at_most(60, "an access token is good for at most 60 minutes")),
        "tokens.scopes": (_FILLED,),
        "tokens.binding": (one_of("none", "dpop", "mtls", "any"),),
        "tokens.browser_minutes": (_POSITIVE, at_most(10, "a token in a web page is good for at most 10 minutes")),
        "tokens.browser_images": (_POSITIVE,),
        "signatures.tag": (
            matches(r"[ !#-\[\]-~]{0,64}", "at most 64 printable ASCII characters, no quotes", "such as mattegate"),
        ),
        "authorizer.callable": (_CALLABLE,),
        "authorizer.url": (url("http", "https", shown="https://HOST/PATH"),),
        "authorizer.ttl_s": (at_most(86_400, "an answer is remembered for a day (86400) at most"),),
        "authorizer.timeout_s": (_POSITIVE, at_most(30, "callers wait for it, so it is at most 30 seconds")),
        "limits.store": (one_of("memory", "sqlite", "redis"),),
        "limits.redis_url": (redis_url,),
        "limits.on_loss": (one_of("refuse", "local"),),
        "limits.timeout_ms": (_POSITIVE,),
        "limits.near": (says(lambda share: 0 < share <= 1, "a share is more than 0 and at most 1"),),
        "records.days": (_POSITIVE,),
        "records.unproven_mb": (_POSITIVE,),
        "notices.webhook_url": (url("http", "https", shown="https://HOST/PATH"),),
        "notices.mail_from": (_MAIL,),
        "notices.smtp_host": (
            matches(
                r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]*)",
                "not a host name",
                "such as mail.example.com; the port is smtp_port",
            ),
        ),
        "notices.smtp_port": (_POSITIVE, _PORT),
        "outbound.ports": (_FILLED,),
        "outbound.connect_s": (_POSITIVE,),
        "outbound.stall_s": (_POSITIVE,),
        "outbound.total_s": (_POSITIVE,),
        "log.file": (says(lambda path: path is None or not path.is_dir(), "it is a folder, not a file"),),
    }
)
"""Rules of a whole value."""

_EACH: Final[Mapping[str, tuple[Rule, ...]]] = MappingProxyType(
    {
        **dict.fromkeys(
            ("network.trusted_proxies", "network.allow", "network.deny", "network.shadow_allow", "network.shadow_deny"),
            (network,),
        ),
        "models.offered": (_FILLED,),
        "certificates.revocation_lists": (readable_file,),
        "authz.paths": (matches(r"/[A-Za-z0-9._~/-]*", "a path begins with /", "such as /api"),),
        "hosts.names": (host_name,),
        "hosts.private_names": (host_name,),
        "hosts.private_networks": (network,),
        "admin.hosts": (host_name,),
        "cors.allowed_origins": (origin(patterns=True),),
        "cors.public_urls": (origin(patterns=False),),
        "cors.allowed_headers": (
            says(
                lambda name: name != "*",
                "* does not cover Authorization in browsers",
                "list the headers: Authorization, Content-Type",
            ),
            HEADER,
        ),
        "keys.environments": (one_of("prod", "test"),),
        "signatures.components": (_COMPONENT,),
        "tokens.scopes": (
            matches(r"[!#-\[\]-~]{1,64}", "not a scope (RFC 6749, section 3.3)", "such as cutout"),
            says(
                lambda scope: scope not in UNTOKENED,
                "a token cannot give every scope, nor keys: what they make outlives it",
                'such as ["cutout", "self", "usage"]',
            ),
        ),
        **dict.fromkeys(
            (setting for setting in SETTINGS if setting.startswith("require.")),
            (one_of("key", "signature", "certificate"),),
        ),
        "upload.url_hosts": (host_name,),
        "authorizer.sources": (source,),
        "authorizer.except_routes": (_ROUTE,),
        "outbound.allow_networks": (network,),
        "outbound.allow_hosts": (host_name,),
        "outbound.ports": (says(lambda port: 0 < port < 65_536, "a port is 1 to 65535"),),
        "notices.mail_to": (_MAIL,),
        "api_keys": (foreign_key,),
    }
)
"""Rules of every element of a list."""

assert {*_WHOLE, *_EACH} <= set(SETTINGS)
