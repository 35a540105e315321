"""What is published about tokens: who gives them (RFC 8414), who takes them (RFC 9728), and the keys to verify them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from mattegate.serving.exchange import Exchange
from mattegate.serving.problem import encode_json
from mattegate.serving.routes import JWKS_PATH, REASONS_PATH, TOKEN_PATH
from mattegate.signing.tokens.oauth import Resource, Server, resource_metadata, server_metadata
from mattegate.signing.tokens.rules import Binding

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from mattegate.config.settings import Settings
    from mattegate.gate.rules import Rules
    from mattegate.serving.proving.own_keys import OwnKeys


@dataclass(frozen=True, slots=True)
class Documents:
    """The endpoints."""

    settings: Settings
    keys: OwnKeys

    async def server(self, request: Request) -> Response:
        """``GET /.well-known/oauth-authorization-server``."""
        rules = _rules(request)
        issuer = rules.tokens.own
        document = Server(
            issuer, issuer + TOKEN_PATH, issuer + JWKS_PATH, rules.rulebook.tokens.scopes, self._docs(issuer),
            client_certificates=_certificates(rules),
        )  # fmt: skip
        return _published(server_metadata(document))

    async def resource(self, request: Request) -> Response:
        """``GET /.well-known/oauth-protected-resource``."""
        rules = _rules(request)
        own = (rules.tokens.own,) if self.settings.tokens.enabled else ()
        proofs = {one.binding for one in rules.tokens.rules if one.issuer != rules.tokens.own or own} == {Binding.DPOP}
        document = Resource(
            rules.tokens.own, (*own, *rules.tokens.issuers), rules.rulebook.tokens.scopes,
            documentation=self._docs(rules.tokens.own), client_certificates=_certificates(rules),
            proofs_required=proofs,
        )  # fmt: skip
        return _published(resource_metadata(document))

    async def jwks(self, request: Request) -> Response:
        """``GET /.well-known/jwks.json``."""
        walk = Exchange.of(request.scope).walk
        assert walk is not None
        return _published(self.keys.document(walk.attempt.at))

    def _docs(self, issuer: str) -> str:
        return issuer + REASONS_PATH.rpartition("/")[0] if self.settings.server.docs else ""


def _rules(request: Request) -> Rules:
    walk = Exchange.of(request.scope).walk
    assert walk is not None
    return walk.rules


def _certificates(rules: Rules) -> bool:
    return rules.rulebook.certificate.mode != "off"


def _published(document: Mapping[str, object]) -> Response:
    headers = {"Cache-Control": "public, max-age=300"}
    return Response(encode_json(document), media_type="application/json", headers=headers)
