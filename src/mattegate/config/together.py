"""What settings keep to together.

Each rule names the settings it looks at, and is not asked while one of them is wrong by itself.
The fault stands at the first of the named settings that somebody has set.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mattegate.config.issuers import issuer_of
from mattegate.config.networks import is_everybody, read_network
from mattegate.config.rule import Problem
from mattegate.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Together:
    """One rule over several settings."""

    settings: tuple[str, ...]
    broken: Callable[[Settings], Problem | None]


def _ports(settings: Settings) -> Problem | None:
    admin, port = settings.admin, settings.server.port
    if not admin.enabled or port != admin.port or port == 0:
        return None
    return Problem(f"the API and the admin plane cannot both listen on port {port}", "give them two ports")


def _both_tls_files(settings: Settings) -> Problem | None:
    given = (settings.server.tls_certificate, settings.server.tls_key)
    if given.count(None) != 1:
        return None
    missing = "server.tls_certificate" if given[0] is None else "server.tls_key"
    return Problem("TLS needs a certificate and its key", f"set {missing} too, or neither")


def _certificates_can_be_judged(settings: Settings) -> Problem | None:
    certificates = settings.certificates
    if certificates.mode == "off":
        return None
    if certificates.trust_store is None:
        return Problem("nobody is trusted to issue client certificates", "set certificates.trust_store")
    if settings.server.tls_certificate is None and not certificates.header:
        fix = "set server.tls_certificate and server.tls_key, or certificates.header for a proxy in front"
        return Problem("nobody could show a client certificate here", fix)
    return None


def _somebody_passes_certificates_on(settings: Settings) -> Problem | None:
    if not settings.certificates.header or settings.network.trusted_proxies:
        return None
    return Problem("only declared proxies may pass certificates on, and there is none", "set network.trusted_proxies")


def _somebody_asks_for_others(settings: Settings) -> Problem | None:
    if not settings.authz.enabled or settings.network.trusted_proxies:
        return None
    return Problem(
        "only declared proxies may ask on behalf of others, and there is none", "set network.trusted_proxies"
    )


def _every_origin_with_cookies(settings: Settings) -> Problem | None:
    if not settings.cors.credentials or "*" not in settings.cors.allowed_origins:
        return None
    return Problem(
        "browsers refuse * together with cors.credentials",
        "list the origins, or leave credentials off: keys are no cookies",
    )


def _redis(settings: Settings) -> Problem | None:
    limits = settings.limits
    if limits.store == "redis" and not limits.redis_url:
        return Problem("limits.store is redis, and limits.redis_url is empty", "set limits.redis_url")
    if limits.redis_url and limits.store != "redis":
        return Problem(f"limits.redis_url is set, but limits.store is {limits.store}", 'set limits.store to "redis"')
    return None


def _mail(settings: Settings) -> Problem | None:
    notices = settings.notices
    if notices.smtp_host and not notices.mail_to:
        return Problem("there is a mail server and nobody to write to", "set notices.mail_to")
    if notices.mail_to and not notices.smtp_host:
        return Problem("there is somebody to write to and no mail server", "set notices.smtp_host")
    return None


def _tier_exists(setting: str, named: Callable[[Settings], str]) -> Together:
    def broken(settings: Settings) -> Problem | None:
        names = [tier.name for tier in settings.tiers]
        name = named(settings)
        return (
            Problem(f"there is no tier {name!r}", "use one of " + ", ".join(names))
            if name not in ("", *names)
            else None
        )

    return Together((setting, "tiers"), broken)


def _own_issuer(settings: Settings) -> Problem | None:
    if settings.tokens.enabled and not issuer_of(settings):
        return Problem(
            "tokens name the address of the API, and nobody says what that is",
            'such as issuer = "https://api.example.com" under [tokens], or cors.public_urls',
        )
    return None


def _issuers_tiers(settings: Settings) -> Problem | None:
    names = [tier.name for tier in settings.tiers]
    for issuer in settings.tokens.issuers:
        named = [tier for _, tier in issuer.tiers] + ([issuer.tier] if issuer.prefix else [])
        if unknown := next((tier for tier in named if tier not in names), ""):
            return Problem(f"{issuer.name}: there is no tier {unknown!r}", "use one of " + ", ".join(names))
    return None


def _issuers_apart(settings: Settings) -> Problem | None:
    issuers = settings.tokens.issuers
    if own := next((one.name for one in issuers if one.issuer == issuer_of(settings)), ""):
        return Problem(f"{own} is this server itself", "remove it: tokens of this server are taken anyway")
    if double := _double(one.issuer for one in issuers):
        return Problem(f"two tables are about {double}, so nobody could tell whose rules count", "make one of them")
    if double := _double(one.prefix for one in issuers if one.prefix):
        return Problem(
            f"two issuers call identities {double!r}, so one could speak for the other's", "use two prefixes"
        )
    return None


def _double(texts: Iterable[str]) -> str:
    """The first text that stands there twice; empty where none does."""
    return next((text for text, times in Counter(texts).items() if times > 1), "")


def _prefixes_apart(settings: Settings) -> Problem | None:
    one, other = settings.keys.prefix_prod, settings.keys.prefix_test
    if one.startswith(other) or other.startswith(one):
        return Problem(
            "one prefix begins with the other, so keys cannot be told apart", "such as sk_prod_ and sk_test_"
        )
    return None


def _own_looks(settings: Settings) -> Problem | None:
    own = (settings.keys.prefix_prod, settings.keys.prefix_test)
    at = next((at for at, key in enumerate(settings.api_keys) if key.startswith(own)), None)
    if at is None:
        return None
    return Problem(
        "it begins like the keys that this server makes, and would be read as one of those",
        'give those another prefix: keys.prefix_prod = "mg_prod_"',
        at,
    )


def _keys_once(settings: Settings) -> Problem | None:
    double = next((key for key, times in Counter(settings.api_keys).items() if times > 1), None)
    if double is None:
        return None
    first = settings.api_keys.index(double)
    again = settings.api_keys.index(double, first + 1)
    return Problem(f"the same key stands as number {first + 1} of the list too", "remove one of them", again)


def _proxies_are_somebody(settings: Settings) -> Problem | None:
    network = settings.network
    everybody = [text for text in network.trusted_proxies if is_everybody(read_network(text))]
    if not everybody or not (network.allow or network.deny):
        return None
    return Problem(
        f"{everybody[0]} believes the forwarded address of everybody, so everybody can forge one that the rules let in",
        "name the proxies, such as 127.0.0.1 or 10.0.0.5",
    )


def _one_authorizer(settings: Settings) -> Problem | None:
    if not (settings.authorizer.callable and settings.authorizer.url):
        return None
    return Problem("authorizer.callable and authorizer.url are both set, and one of them is asked", "remove one")


TOGETHER: Final[tuple[Together, ...]] = (
    Together(("admin.port", "server.port", "admin.enabled"), _ports),
    Together(("server.tls_certificate", "server.tls_key"), _both_tls_files),
    Together(
        ("certificates.mode", "certificates.trust_store", "certificates.header", "server.tls_certificate"),
        _certificates_can_be_judged,
    ),
    Together(("certificates.header", "network.trusted_proxies"), _somebody_passes_certificates_on),
    Together(("authz.enabled", "network.trusted_proxies"), _somebody_asks_for_others),
    Together(("cors.credentials", "cors.allowed_origins"), _every_origin_with_cookies),
    Together(("limits.redis_url", "limits.store"), _redis),
    Together(("notices.mail_to", "notices.smtp_host"), _mail),
    _tier_exists("keys.import_tier", lambda settings: settings.keys.import_tier),
    _tier_exists("keys.unsafe_anonymous", lambda settings: settings.keys.unsafe_anonymous),
    Together(("keys.prefix_prod", "keys.prefix_test"), _prefixes_apart),
    Together(("tokens.enabled", "tokens.issuer", "cors.public_urls"), _own_issuer),
    Together(("tokens.issuers", "tiers"), _issuers_tiers),
    Together(("tokens.issuers", "tokens.issuer", "cors.public_urls"), _issuers_apart),
    Together(("api_keys", "keys.prefix_prod", "keys.prefix_test"), _own_looks),
    Together(("api_keys",), _keys_once),
    Together(("network.trusted_proxies", "network.allow", "network.deny"), _proxies_are_somebody),
    Together(("authorizer.callable", "authorizer.url"), _one_authorizer),
)
"""Every rule over several settings."""


def broken_rules(settings: Settings, *, wrong: frozenset[str]) -> Iterator[tuple[Together, Problem]]:
    """Each rule that does not hold; those that look at a setting in ``wrong`` are left out."""
    for rule in TOGETHER:
        if wrong.isdisjoint(rule.settings) and (problem := rule.broken(settings)):
            yield rule, problem
