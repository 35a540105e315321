"""The documents of OAuth: what our token endpoint and our API publish of themselves, what is answered, and what is not.

RFC 8414 (authorization server metadata), RFC 9728 (protected resource metadata), RFC 6749, sections 5.1 and 5.2.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from mattegate.signing.tokens.algorithms import USUAL
from mattegate.signing.tokens.challenge import challenge, described
from mattegate.signing.tokens.dpop import ProofRules

AUTHORIZATION_SERVER: Final = "oauth-authorization-server"
PROTECTED_RESOURCE: Final = "oauth-protected-resource"
NOT_KEPT: Final = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
"""Headers of every answer of the token endpoint (RFC 6749, section 5.1)."""


class OAuthError(StrEnum):
    """What the token endpoint answers (RFC 6749, section 5.2; RFC 8707, section 2; RFC 9449, sections 5 and 8)."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    INVALID_DPOP_PROOF = "invalid_dpop_proof"
    USE_DPOP_NONCE = "use_dpop_nonce"


@dataclass(frozen=True, slots=True)
class OAuthAnswer:
    """An answer of the token endpoint; the body is JSON."""

    status: int
    body: dict[str, str | int]
    headers: tuple[tuple[str, str], ...] = NOT_KEPT


def error_answer(error: OAuthError, description: str, *, basic: bool = False, page: str = "") -> OAuthAnswer:
    """A refusal; ``basic``: the client came by HTTP Basic, so ``invalid_client`` challenges there."""
    unknown_client = error is OAuthError.INVALID_CLIENT
    body: dict[str, str | int] = {"error": error.value, "error_description": described(description)}
    headers: tuple[tuple[str, str], ...] = NOT_KEPT
    if unknown_client and basic:
        headers = (*NOT_KEPT, ("WWW-Authenticate", challenge("Basic", {"realm": "mattegate", "charset": "UTF-8"})))
    return OAuthAnswer(401 if unknown_client else 400, body | ({"error_uri": page} if page else {}), headers)


def token_answer(token: str, expires_in_s: int, scopes: tuple[str, ...], *, bound: bool = False) -> OAuthAnswer:
    """A minted access token; ``bound``: to a key, so its scheme is ``DPoP`` (RFC 9449, section 5)."""
    body: dict[str, str | int] = {
        "access_token": token,
        "token_type": "DPoP" if bound else "Bearer",
        "expires_in": expires_in_s,
        "scope": " ".join(scopes),
    }
    return OAuthAnswer(200, body)


@dataclass(frozen=True, slots=True)
class Server:
    """What our token endpoint publishes."""

    issuer: str
    token_endpoint: str
    jwks_uri: str
    scopes: tuple[str, ...]
    documentation: str = ""
    client_certificates: bool = False
    """Whether tokens may be bound to client certificates (RFC 8705, section 3.3)."""


def server_metadata(server: Server) -> dict[str, object]:
    """RFC 8414, section 2. There is no authorization endpoint: only ``client_credentials`` is granted."""
    document = {
        "issuer": server.issuer,
        "token_endpoint": server.token_endpoint,
        "jwks_uri": server.jwks_uri,
        "scopes_supported": list(server.scopes),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": list(USUAL),
        "dpop_signing_alg_values_supported": list(ProofRules().algorithms),
        "tls_client_certificate_bound_access_tokens": server.client_certificates,
    }
    return document | ({"service_documentation": server.documentation} if server.documentation else {})


@dataclass(frozen=True, slots=True)
class Resource:
    """What our API publishes."""

    resource: str
    """The API's own identifier: an ``https`` address without fragment, which clients ask tokens for."""
    issuers: tuple[str, ...]
    scopes: tuple[str, ...]
    name: str = "mattegate"
    documentation: str = ""
    client_certificates: bool = False
    proofs_required: bool = False


def resource_metadata(resource: Resource) -> dict[str, object]:
    """RFC 9728, section 2."""
    document = {
        "resource": resource.resource,
        "authorization_servers": list(resource.issuers),
        "scopes_supported": list(resource.scopes),
        "bearer_methods_supported": ["header"],
        "resource_name": resource.name,
        "dpop_signing_alg_values_supported": list(ProofRules().algorithms),
        "dpop_bound_access_tokens_required": resource.proofs_required,
        "tls_client_certificate_bound_access_tokens": resource.client_certificates,
    }
    return document | ({"resource_documentation": resource.documentation} if resource.documentation else {})


def metadata_address(identifier: str, name: str) -> str:
    """Where the document ``name`` of an issuer or resource lies: between its host and its path.

    RFC 8414, section 3; RFC 9728, section 3. Raises ``ValueError`` for an identifier with a fragment or without a host.
    """
    parts = urlsplit(identifier)
    if parts.fragment or not (parts.scheme and parts.netloc):
        raise ValueError(f"{identifier!r} is no identifier: an address without fragment is asked for")
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/.well-known/{name}{parts.path.rstrip('/')}{query}"
