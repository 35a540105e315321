"""Which location a path belongs to (``ngx_http_core_find_location``)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.regex import search
from mattegate.doctor.nginx.scope import Scope
from mattegate.doctor.nginx.uri import as_bytes_text

_MODIFIERS = frozenset({"=", "^~", "~", "~*"})
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]")
HANDLERS = ("proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
"""Directives that pass requests on; of these a location that ends in a slash also redirects to itself."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """How a location is written."""

    modifier: str
    """``=``, ``^~``, ``~``, ``~*``, ``@`` or nothing."""
    name: str
    """One byte a character."""

    @property
    def regex(self) -> bool:
        """Whether it is a regular expression."""
        return self.modifier in {"~", "~*"}


def pattern_of(location: Scope) -> Pattern:
    """Read the head of a location; ``location =/x`` is written without a space as well."""
    args = location.directive.args
    if len(args) > 1 and args[0] in _MODIFIERS:
        return Pattern(args[0], as_bytes_text(args[1]))
    text = as_bytes_text(args[0]) if args else ""
    for modifier in ("=", "^~", "~*", "~"):
        if text.startswith(modifier):
            return Pattern(modifier, text[len(modifier) :])
    return Pattern("@", text) if text.startswith("@") else Pattern("", text)


@dataclass(frozen=True, slots=True)
class Found:
    """Where a path belongs."""

    scope: Scope
    """The server's own scope where no location fits."""
    redirect: str = ""
    """The location's name with its slash, where the path lacks just that and is redirected."""
    captures: tuple[str, ...] = ()
    names: tuple[tuple[str, str], ...] = ()
    passed_over: tuple[Scope, ...] = ()
    """The longest prefix that a regular expression was preferred to, if any."""
    final: bool = False
    """Whether it ends the search, as an exact or a regular match does, wherever it is nested."""


def find(server: Scope, path: str) -> Found:
    """The location of ``path``. Raises :class:`~mattegate.doctor.nginx.regex.Untranslated`."""
    found = _find(server, path)
    return found or Found(server)


def _find(scope: Scope, path: str) -> Found | None:
    exact, prefix, redirect = _static(scope.locations, path)
    if exact is not None:
        return Found(exact, final=True)
    if redirect is not None:
        return Found(redirect, redirect=pattern_of(redirect).name, final=True)
    inner = (_find(prefix, path) or Found(prefix)) if prefix is not None else None
    if inner is not None and inner.final:
        return inner
    if prefix is None or pattern_of(prefix).modifier != "^~":
        return _regex(scope.locations, path, inner) or inner
    return inner


def _static(locations: Sequence[Scope], path: str) -> tuple[Scope | None, Scope | None, Scope | None]:
    """An exact match, the longest prefix, and a location whose name is the path with a slash more."""
    exact = prefix = redirect = None
    longest = -1
    for location in locations:
        pattern = pattern_of(location)
        if pattern.regex or pattern.modifier == "@":
            continue
        if pattern.modifier == "=":
            exact = location if pattern.name == path else exact
        elif path.startswith(pattern.name) and len(pattern.name) > longest:
            prefix, longest = location, len(pattern.name)
        if pattern.name == path + "/" and _passes_on(location) and (redirect is None or pattern.modifier == "="):
            redirect = location
    whole = prefix is not None and longest == len(path)
    return exact, prefix, None if whole else redirect


def _passes_on(location: Scope) -> bool:
    return bool(location.own(*HANDLERS))


def _regex(locations: Sequence[Scope], path: str, inner: Found | None) -> Found | None:
    for location in locations:
        pattern = pattern_of(location)
        if not pattern.regex:
            continue
        found = search(pattern.name, path, ignore_case=pattern.modifier == "~*")
        if found is not None:
            here = Found(location, "", _groups(found), _names(found), (inner.scope,) if inner else (), final=True)
            nested = _find(location, path)
            if nested is None:
                return here
            return replace(
                here, scope=nested.scope, redirect=nested.redirect, captures=nested.captures or here.captures
            )
    return None


def _groups(found: re.Match[str]) -> tuple[str, ...]:
    return (found[0], *(group or "" for group in found.groups()))


def _names(found: re.Match[str]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value or "") for name, value in found.groupdict().items())


@lru_cache(maxsize=256)
def unfilled(server: Scope) -> Directive | None:
    """A location whose path is still to be filled in (``location ${API_PREFIX}``), so that nobody knows what it takes.

    nginx expands nothing there; who writes it has a template, which another program fills.
    """
    heads = ((location.directive, pattern_of(location)) for location in server.locations)
    return next((line for line, pattern in heads if not pattern.regex and _VARIABLE.search(pattern.name)), None)


def named_location(server: Scope, name: str) -> Scope | None:
    """The location ``@name`` of a server."""
    return next((location for location in server.locations if pattern_of(location) == Pattern("@", name)), None)
