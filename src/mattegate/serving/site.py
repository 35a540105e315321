"""The pages: one to try the service in a browser, and its documentation; no script is needed to read the latter.

Everything they load lies in the folder ``page``; the policy below lets a browser load nothing else.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from mattegate.config.settings import MB
from mattegate.serving.docs import Frame, render_docs, render_reasons
from mattegate.serving.exchange import Exchange
from mattegate.serving.openapi import build_openapi, option_schemas
from mattegate.serving.problem import encode_json
from mattegate.serving.reached import reached_at
from mattegate.serving.routes import CUTOUT_PATHS, NAMES
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from starlette.requests import Request

    from mattegate.config.settings import Settings

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

ASSETS: Final = {
    "site.css": "text/css; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
"""What may be asked for; a name that is not here is an unknown route, so no path is ever built from a request."""

_NOT_STORED: Final = (
    "It goes to this server in a header, never into the address. Unless you keep it, it is gone with this page."
)
_ANYBODY: Final = "Not needed here: this server serves everybody. With one, its own limits apply."


@dataclass(frozen=True, slots=True)
class Site:
    """The endpoints of the pages; ``models`` tells which models a request may name now.

    ``served`` are the names of the routes that they may lead to.
    """

    settings: Settings
    models: Callable[[], Sequence[str]]
    served: Collection[str] = NAMES

    async def page(self, request: Request) -> Response:
        """``GET /``: drop an image, see the cut-out or the explained refusal."""
        schemas = option_schemas(self.settings, self.models())
        upload, prefix = self.settings.upload, self.settings.server.prefix
        text = Template(_read("index.html").decode()).substitute(
            prefix=prefix,
            endpoint=prefix + CUTOUT_PATHS[0],
            accept=",".join(kind.media_type for kind in upload.types),
            types=", ".join(_spoken(kind) for kind in upload.types),
            limit_mb=f"{upload.max_bytes / MB:g}",
            max_megapixels=f"{upload.max_megapixels:g}",
            models=_choices(schemas["model"].get("enum", [self.settings.models.default]), schemas["model"]["default"]),
            formats=_choices(schemas["format"]["enum"], schemas["format"]["default"]),
            refines=_choices(schemas["refine"]["enum"], schemas["refine"]["default"]),
            key_placeholder=escape(f"{self.settings.keys.prefix_prod}…"),
            key_note=_ANYBODY if self.settings.keys.unsafe_anonymous else _NOT_STORED,
            explains="yes" if self.settings.server.docs else "",
            docs_hidden="" if self.settings.server.docs else "hidden",
        )  # fmt: skip
        return _html(request, text)

    async def asset(self, request: Request) -> Response:
        """``GET /assets/NAME``. Raises :class:`Refusal` ``route.unknown``."""
        name = request.path_params["name"]
        if name not in ASSETS:
            raise Refusal("route.unknown", path=request.url.path, method=request.method)
        return _tagged(request, _read(name), ASSETS[name])

    async def openapi(self, request: Request) -> Response:
        """``GET /openapi.json``."""
        document = encode_json(build_openapi(self.settings, self.models()))
        return _tagged(request, document, "application/json")

    async def docs(self, request: Request) -> Response:
        """``GET /docs``: the OpenAPI document for people."""
        walk = Exchange.of(request.scope).walk
        assert walk is not None
        origin = reached_at(request.scope, walk.attempt, walk.rules)
        return _html(request, render_docs(build_openapi(self.settings, self.models()), self._frame(), origin))

    async def reasons(self, request: Request) -> Response:
        """``GET /docs/reasons``: every reason this product can give, one section each."""
        return _html(request, render_reasons(self._frame()))

    def _frame(self) -> Frame:
        return Frame(self.settings.server.prefix, self.served)


def _spoken(kind: str) -> str:
    return {"webp": "WebP"}.get(kind, kind.upper())


def _choices(words: Sequence[str], chosen: str) -> str:
    return "".join(
        f'<option value="{escape(word)}"{" selected" if word == chosen else ""}>{escape(word)}</option>'
        for word in words
    )


@cache
def _read(name: str) -> bytes:
    return (files("mattegate.serving") / "page" / name).read_bytes()


def _html(request: Request, text: str) -> Response:
    return _tagged(request, text.encode(), "text/html; charset=utf-8")


def _tagged(request: Request, content: bytes, media_type: str) -> Response:
    """An answer that browsers may keep but must ask about again (RFC 9110, section 13.1.2)."""
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = _HEADERS | {"ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(content, headers=headers, media_type=media_type)
