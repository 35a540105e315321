"""The paths about tokens in the OpenAPI document: for programs, for web pages, and what is published about both."""

from __future__ import annotations

from typing import Any, Final

from mattegate.serving.oauth.browser_tokens import Wanted
from mattegate.serving.openapi_account import GATE_LAYERS, security
from mattegate.serving.openapi_problems import COMMON_HEADERS, Schema, errors, reasons_of
from mattegate.serving.routes import BROWSER_TOKENS_PATH, JWKS_PATH, TOKEN_PATH
from mattegate.signing.tokens.oauth import AUTHORIZATION_SERVER, PROTECTED_RESOURCE, OAuthError

_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "integer"}
_TAG: Final = ["tokens"]


def token_paths(prefix: str) -> Schema:
    """The paths under ``prefix``."""
    return {
        prefix + TOKEN_PATH: {"post": _token()},
        prefix + BROWSER_TOKENS_PATH: {"post": _browser_token(prefix + BROWSER_TOKENS_PATH)},
        prefix + JWKS_PATH: {"get": _document("keysOfTokens", "The keys that tokens of this server are signed with")},
        f"{prefix}/.well-known/{AUTHORIZATION_SERVER}": {
            "get": _document("tokenServer", "How tokens are got here (RFC 8414)")
        },
        f"{prefix}/.well-known/{PROTECTED_RESOURCE}": {
            "get": _document("protectedResource", "Whose tokens are taken here (RFC 9728)")
        },
    }


def token_schemas() -> Schema:
    """The schemas that these paths refer to."""
    return {
        "AccessToken": _object(
            access_token=_TEXT, token_type={"enum": ["Bearer", "DPoP"]}, expires_in=_NUMBER, scope=_TEXT
        ),
        "OAuthError": _object(error={"enum": [error.value for error in OAuthError]}, error_description=_TEXT),
        "BrowserToken": _object(
            token=_TEXT, token_type={"const": "Bearer"}, expires_at=_TEXT | {"format": "date-time"},
            expires_in=_NUMBER, origin=_TEXT, images=_NUMBER, megapixels=_NUMBER,
        ),
    }  # fmt: skip


def _object(**members: Any) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


def _json(schema: str) -> Schema:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _token() -> Schema:
    form = {
        "type": "object",
        "required": ["grant_type"],
        "properties": {
            "grant_type": {"const": "client_credentials"},
            "scope": _TEXT | {"description": "Scopes with blanks between them; left out: all that the key gives."},
            "resource": _TEXT | {"description": "The address of this API (RFC 8707), if anything."},
            "client_id": _TEXT | {"description": "The id of the key, or its account."},
            "client_secret": _TEXT | {"description": "The API key; or send both by HTTP Basic."},
            "client_assertion_type": _TEXT,
            "client_assertion": _TEXT | {"description": "Signed with a signing key (RFC 7523)."},
        },
    }
    refused = {"description": "Why there is no token (RFC 6749, section 5.2).", "headers": COMMON_HEADERS,
               "content": _json("OAuthError")}  # fmt: skip
    return {
        "tags": _TAG,
        "operationId": "token",
        "summary": "Get an access token for an API key or a signed assertion",
        "description": "With a proof in the header DPoP the token is bound to its key (RFC 9449).",
        "security": [],
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": form}}},
        "responses": {
            "200": {"description": "The token.", "headers": COMMON_HEADERS, "content": _json("AccessToken")},
            "400": refused,
            "401": refused,
        },
    }


def _browser_token(path: str) -> Schema:
    reasons = reasons_of(
        GATE_LAYERS, "token.minting", "account.malformed", "account.invalid", "account.wider", "capacity.body_budget"
    )
    body = {"required": True, "content": {"application/json": {"schema": Wanted.model_json_schema()}}}
    good = {"description": "The token.", "headers": COMMON_HEADERS, "content": _json("BrowserToken")}
    return {
        "tags": _TAG,
        "operationId": "browserToken",
        "summary": "Get a token that may lie in one web page, for so many images and minutes",
        "security": security(anonymous=False),
        "requestBody": body,
        "responses": {"201": good} | errors(reasons, instance=path),
    }


def _document(name: str, summary: str) -> Schema:
    content = {"application/json": {"schema": {"type": "object"}}}
    good = {"description": summary, "headers": COMMON_HEADERS, "content": content}
    return {"tags": _TAG, "operationId": name, "summary": summary, "security": [], "responses": {"200": good}}
