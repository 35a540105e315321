"""The paths of the data plane, each under the prefix of the settings, and what a caller needs for each."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mattegate.gate.paths import read_otherwise
from mattegate.vocabulary.attempt import UNKNOWN_ROUTE, RouteView

CUTOUT_PATHS: Final = ("/v1/remove-bg", "/remove-bg", "/remove", "/remove-background")
"""The path that makes cut-outs, and its aliases."""

REASONS_PATH: Final = "/docs/reasons"
"""The page that every problem's ``type`` points into."""

TOKEN_PATH: Final = "/oauth2/token"  # noqa: S105 - a path
"""Where clients get tokens."""
JWKS_PATH: Final = "/.well-known/jwks.json"
"""Where the keys lie that they are verified with."""
BROWSER_TOKENS_PATH: Final = "/v1/browser-tokens"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A path, with ``{name}`` for one segment, and the route it leads to."""

    path: str
    route: RouteView


@dataclass(frozen=True, slots=True)
class Match:
    """Where a path leads; ``values`` are the segments that stood for names."""

    route: RouteView
    values: Mapping[str, str]


NOWHERE: Final = Match(UNKNOWN_ROUTE, {})
"""Where a path leads that does not exist."""


class RouteTable:
    """Finds the route of a path: one look-up for a fixed path, a short list of patterns for the others."""

    def __init__(self, patterns: Iterable[Pattern]) -> None:
        listed = tuple(patterns)
        self._fixed = {pattern.path: Match(pattern.route, {}) for pattern in listed if "{" not in pattern.path}
        self._open = [(_compiled(pattern.path), pattern.route) for pattern in listed if "{" in pattern.path]

    def match(self, path: str) -> Match:
        """The route of ``path``; the unknown one where there is none."""
        if fixed := self._fixed.get(path):
            return fixed
        for pattern, route in self._open:
            if found := pattern.fullmatch(path):
                return Match(route, found.groupdict())
        return NOWHERE


def _compiled(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)\}", path)
    texts = (f"(?P<{part}>[^/]+)" if index % 2 else re.escape(part) for index, part in enumerate(parts))
    return re.compile("".join(texts))


CUTOUT: Final = RouteView("cutout", ("OPTIONS", "POST"), scope="cutout", metered=True, staged=True)
HEALTH: Final = RouteView("health", ("GET", "HEAD", "OPTIONS"), public=True)
READY: Final = RouteView("ready", ("GET", "HEAD", "OPTIONS"), public=True)
PAGE: Final = RouteView("page", ("GET", "HEAD", "OPTIONS"), public=True)
ASSET: Final = RouteView("asset", ("GET", "HEAD", "OPTIONS"), public=True)
OPENAPI: Final = RouteView("openapi", ("GET", "HEAD", "OPTIONS"), public=True)
DOCS: Final = RouteView("docs", ("GET", "HEAD", "OPTIONS"), public=True)
REASONS: Final = RouteView("reasons", ("GET", "HEAD", "OPTIONS"), public=True)
WHOAMI: Final = RouteView("whoami", ("GET", "HEAD", "OPTIONS"), scope="self")
DECISION: Final = RouteView("decision", ("GET", "HEAD", "OPTIONS"), scope="self")
USAGE: Final = RouteView("usage", ("GET", "HEAD", "OPTIONS"), scope="usage")
KEYS: Final = RouteView("keys", ("GET", "HEAD", "OPTIONS", "POST"), scope="keys")
KEY: Final = RouteView("key", ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH"), scope="keys")
KEY_ROTATE: Final = RouteView("key_rotate", ("OPTIONS", "POST"), scope="keys")
TOKEN: Final = RouteView("token", ("OPTIONS", "POST"), public=True)
AUTHORIZATION_SERVER: Final = RouteView("oauth_server", ("GET", "HEAD", "OPTIONS"), public=True)
PROTECTED_RESOURCE: Final = RouteView("oauth_resource", ("GET", "HEAD", "OPTIONS"), public=True)
JWKS: Final = RouteView("jwks", ("GET", "HEAD", "OPTIONS"), public=True)
BROWSER_TOKENS: Final = RouteView("browser_tokens", ("OPTIONS", "POST"), scope="cutout")
AUTHZ: Final = RouteView("authz", scope="cutout", metered=True)
"""Whatever a proxy asks about; which paths of it, and the scope, are settings."""

NAMES: Final = tuple(value.name for value in tuple(globals().values()) if isinstance(value, RouteView) and value.name)
"""The names of all routes."""


def wanted(*, docs: bool, page: bool) -> frozenset[str]:
    """The names of all routes but those of pages that are not wanted."""
    unwanted: set[str] = set()
    if not docs:
        unwanted |= {OPENAPI.name, DOCS.name, REASONS.name}
    if not page:
        unwanted.add(PAGE.name)
    if not docs and not page:
        unwanted.add(ASSET.name)
    return frozenset(NAMES) - unwanted


_METADATA: Final = (
    Pattern("/.well-known/oauth-authorization-server", AUTHORIZATION_SERVER),
    Pattern("/.well-known/oauth-protected-resource", PROTECTED_RESOURCE),
)
_PROBES: Final = (Pattern("/health", HEALTH), Pattern("/ready", READY))


def data_plane(prefix: str, names: Collection[str]) -> RouteTable:
    """Every path of the data plane whose route is among ``names``: what nothing answers does not exist."""
    patterns = [
        *(Pattern(path, CUTOUT) for path in CUTOUT_PATHS),
        Pattern("/v1/whoami", WHOAMI),
        Pattern("/v1/decisions/{request_id}", DECISION),
        Pattern("/v1/usage", USAGE),
        Pattern("/v1/keys", KEYS),
        Pattern("/v1/keys/{key_id}", KEY),
        Pattern("/v1/keys/{key_id}/rotate", KEY_ROTATE),
        Pattern(TOKEN_PATH, TOKEN),
        Pattern(BROWSER_TOKENS_PATH, BROWSER_TOKENS),
        Pattern(JWKS_PATH, JWKS),
        *_METADATA,
        *_PROBES,
        Pattern("/", PAGE),
        Pattern("/assets/{name}", ASSET),
        Pattern("/openapi.json", OPENAPI),
        Pattern("/docs", DOCS),
        Pattern(REASONS_PATH, REASONS),
    ]
    under = [Pattern(prefix + pattern.path, pattern.route) for pattern in patterns]
    bare = _PROBES if prefix else ()  # supervisors ask the process itself, whatever the prefix
    inserted = [Pattern(pattern.path + prefix, pattern.route) for pattern in _METADATA]  # RFC 8414, 3; RFC 9728, 3
    return RouteTable(pattern for pattern in (*under, *bare, *inserted) if pattern.route.name in names)


def every_path(*, scope: str, metered: bool, public: Iterable[str] = ()) -> AnyPath:
    """The table of an application that the gate stands in front of without knowing its paths."""
    return AnyPath(RouteView("app", scope=scope, metered=metered), frozenset(public))


@dataclass(frozen=True, slots=True)
class Beneath:
    """Takes the paths that begin with one of ``begins`` for one route; all of them where none is given.

    A path that somebody else may read as another one (dot segments, backslashes, empty segments) begins with nothing.
    """

    route: RouteView
    begins: tuple[str, ...] = ()

    def match(self, path: str) -> Match:
        """The route of ``path``."""
        plain = not read_otherwise(path)
        if not self.begins or (plain and any(path == one or path.startswith(_folder(one)) for one in self.begins)):
            return Match(self.route, {})
        return NOWHERE


def _folder(begin: str) -> str:
    return begin if begin.endswith("/") else f"{begin}/"


@dataclass(frozen=True, slots=True)
class AnyPath:
    """Takes every path for one route, except the public ones."""

    route: RouteView
    public: frozenset[str]

    def match(self, path: str) -> Match:
        """The route of ``path``."""
        if path in self.public:
            return Match(replace(self.route, name="public", public=True, metered=False), {})
        return Match(self.route, {})
