"""Directives of modules that the model does not know, and what they may do to a request.

Some are known to decide, some to be able to, some to do neither; of all others only the name is known, which is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.names import NAMES

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope

_DECIDES: Final = re.compile(
    r"^(?:(?:server_rewrite|rewrite|access|content|set|ssl_certificate|precontent)_by_lua\w*|js_content|js_set|perl|"
    r"perl_set|auth_jwt\w*|auth_digest\w*|auth_pam\w*|auth_ldap\w*|auth_oidc\w*|auth_gssapi?\w*|access_by_\w+|testcookie\w*)$"
)
"""May refuse or answer whatever it likes."""

_NOTES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "SecRulesEnabled": "NAXSI is on here: its rules may refuse what nginx itself lets pass",
        "waf": "a WAF module is on here: its rules may refuse what nginx itself lets pass",
        "app_protect_enable": "App Protect is on here: its policy may refuse what nginx itself lets pass",
    }
)

_HARMLESS: Final = re.compile(
    r"(?:brotli|zstd|vhost_traffic_status|lua|otel|opentelemetry|opentracing|pagespeed_statistics)(?:_\w+)?"
    r"|(?:init|init_worker|exit_worker|log)_by_lua\w*|modsecurity\w*"
)
"""Compress, count, prepare or write down; rules of ModSecurity are read on their own."""
_TABLES: Final = frozenset({"map", "geo", "types", "split_clients", "charset_map", "match"})
"""Blocks whose lines are no directives."""


def deciding(scope: Scope) -> Iterator[Directive]:
    """The lines that hold here and may decide by themselves."""
    for level in scope.upwards():
        yield from _deciding_in(level)


@lru_cache(maxsize=4_096)
def _deciding_in(level: Scope) -> tuple[Directive, ...]:
    lines = (line for line in level.directive.children if _decides(line.name))
    return tuple(line for line in lines if line.args[:1] != ("off",))


@lru_cache(maxsize=4_096)
def _decides(name: str) -> bool:
    return _DECIDES.match(name) is not None


def notes(scope: Scope) -> Iterator[tuple[str, Directive]]:
    """What else may refuse here, and by which line."""
    for name, says in _NOTES.items():
        lines = scope.inherited(name)
        if lines and lines[-1].args[:1] != ("off",):
            yield says, lines[-1]
    for line in _once(line for level in scope.upwards() for line in _unknown_in(level)):
        yield _says(line), line


@lru_cache(maxsize=4_096)
def _unknown_in(level: Scope) -> tuple[Directive, ...]:
    return tuple(_once(level.directive.children))


def strangers(http: Scope) -> Iterator[tuple[str, Directive]]:
    """Every directive that is not known, once for each name."""
    return ((_says(line), line) for line in _once(_beneath(http.directive)))


def _beneath(block: Directive) -> Iterator[Directive]:
    for line in block.children:
        yield line
        if line.name not in _TABLES:
            yield from _beneath(line)


def _once(lines: Iterable[Directive]) -> Iterator[Directive]:
    seen: set[str] = set()
    for line in lines:
        if line.name not in seen and not _is_known(line.name):
            seen.add(line.name)
            yield line


@lru_cache(maxsize=4_096)
def _is_known(name: str) -> bool:
    return name in NAMES or name in _NOTES or _decides(name) or bool(_HARMLESS.fullmatch(name))


def _says(line: Directive) -> str:
    return f"{line.name} is no directive of nginx's own modules: what it does is not known"
