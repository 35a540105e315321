"""The endpoints about tokens by the names of their routes, as far as the settings want them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.config.issuers import issuer_of
from mattegate.serving import routes
from mattegate.serving.oauth.browser_tokens import BrowserTokens
from mattegate.serving.oauth.clients import Clients
from mattegate.serving.oauth.documents import Documents
from mattegate.serving.oauth.token_endpoint import TokenEndpoint
from mattegate.serving.small_body import SmallBodies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mattegate.config.settings import Settings
    from mattegate.serving.endpoint import Answering
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.proving.keys import KeyProver
    from mattegate.serving.proving.own_keys import OwnKeys


def token_endpoints(
    settings: Settings, gatehouse: Gatehouse, *, keys: OwnKeys, prover: KeyProver
) -> Mapping[str, Answering]:
    """As :class:`~mattegate.serving.app.DataPlane` takes them; none where tokens mean nothing here."""
    documents = Documents(settings, keys)
    described: dict[str, Answering] = {routes.PROTECTED_RESOURCE.name: documents.resource}
    if not settings.tokens.enabled:
        return described if settings.tokens.issuers and issuer_of(settings) else {}
    bodies = SmallBodies(settings.upload)
    return described | {
        routes.AUTHORIZATION_SERVER.name: documents.server,
        routes.JWKS.name: documents.jwks,
        routes.TOKEN.name: TokenEndpoint(settings, gatehouse, keys, Clients(prover), bodies).token,
        routes.BROWSER_TOKENS.name: BrowserTokens(settings, keys, bodies).mint,
    }
