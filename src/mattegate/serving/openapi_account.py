"""The account's paths in the OpenAPI document: who am I, why was I refused, what did I use, my keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mattegate.serving.account_keys import KeyChange, NewKey, Rotation
from mattegate.serving.openapi_problems import COMMON_HEADERS, Schema, errors, reasons_of

if TYPE_CHECKING:
    from mattegate.serving.small_body import Strict

GATE_LAYERS: Final = (
    "request", "transport", "host", "network", "flood", "origin", "credential", "route", "policy", "authorizer",
    "dependency", "internal",
)  # fmt: skip
"""Layers that may refuse any request that needs a credential."""

SECURITY_SCHEMES: Final[Schema] = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "Authorization: Bearer KEY"},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "X-API-Key: KEY"},
    "basic": {"type": "http", "scheme": "basic", "description": "The key as password, with any user name."},
}
"""One of them is sent, once."""


def security(*, anonymous: bool) -> list[Schema]:
    """What an operation needs; ``anonymous``: nothing will do, too."""
    schemes: list[Schema] = [{name: []} for name in SECURITY_SCHEMES]
    return [*schemes, {}] if anonymous else schemes


def account_paths(prefix: str) -> Schema:
    """The paths under ``prefix``."""
    return {
        f"{prefix}/v1/whoami": {"get": _who(f"{prefix}/v1/whoami")},
        f"{prefix}/v1/decisions/{{request_id}}": {"get": _decision(f"{prefix}/v1/decisions/req_…")},
        f"{prefix}/v1/usage": {"get": _usage(f"{prefix}/v1/usage")},
        f"{prefix}/v1/keys": _keys(f"{prefix}/v1/keys"),
        f"{prefix}/v1/keys/{{key_id}}": _key(f"{prefix}/v1/keys/…"),
        f"{prefix}/v1/keys/{{key_id}}/rotate": {"post": _rotate(f"{prefix}/v1/keys/…/rotate")},
    }


def account_schemas() -> Schema:
    """The schemas that these paths refer to."""
    return {
        "Whoami": _object(
            identity=_identity(), key=_object(id=_TEXT, name=_TEXT), address=_TEXT, limits=_list(_standing())
        ),
        "Decision": _object(
            request_id=_TEXT, at=_MOMENT, method=_TEXT, path=_TEXT, decision={"enum": ["allow", "deny"]},
            status=_NUMBER, reason=_TEXT, layer=_TEXT, title=_TEXT,
            checks=_list(_object(layer=_TEXT, effect=_TEXT, reason=_TEXT, detail=_TEXT)),
        ),
        "Usage": _object(
            identity=_identity(), since=_MOMENT, until=_MOMENT, by={"enum": ["day", "key", "model"]},
            groups=_list({"type": "object"}), totals={"type": "object"}, credits=_NUMBER, limits=_list(_standing()),
        ),
        "Key": _object(**_key_members()),
        "NewKey": _new_key(),
        "KeyList": _object(keys=_list({"$ref": "#/components/schemas/Key"})),
    }  # fmt: skip


_TEXT: Final[Schema] = {"type": "string"}
_NUMBER: Final[Schema] = {"type": "integer"}
_MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
_TEXTS: Final[Schema] = {"type": "array", "items": _TEXT}


def _object(**members: Schema) -> Schema:
    return {"type": "object", "required": list(members), "properties": members}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _identity() -> Schema:
    return _object(id=_TEXT, name=_TEXT, tier=_TEXT)


def _standing() -> Schema:
    return _object(
        name=_TEXT, kind=_TEXT, limit=_NUMBER, window_s=_NUMBER, remaining=_NUMBER, reset_s={"type": "number"}
    )  # fmt: skip


def _new_key() -> Schema:
    key = _object(**_key_members())
    secrets = {
        "key": _TEXT | {"description": "The API key itself. It is shown this once."},
        "secret": _TEXT | {"description": "The HMAC secret of a signing key. It is shown this once."},
    }
    return key | {"properties": secrets | key["properties"]}


def _key_members() -> dict[str, Schema]:
    maybe = _MOMENT | {"type": ["string", "null"]}
    return {
        "id": _TEXT,
        "kind": {"enum": ["api", "signing", "certificate"]},
        "algorithm": {"type": ["string", "null"], "description": "Of a signing key."},
        "schemes": _TEXTS,
        "require": _TEXTS,
        "name": _TEXT,
        "environment": _TEXT,
        "state": {"enum": ["active", "disabled", "revoked"]},
        "created_at": _MOMENT,
        "expires_at": maybe,
        "used_at": maybe | {"description": "Its last use, to the minute."},
        "replaced_by": {"type": ["string", "null"]},
        "scopes": _TEXTS,
        "addresses": _TEXTS,
        "origins": _TEXTS,
        "models": _TEXTS,
        "url_hosts": _TEXTS,
    }


def _operation(name: str, summary: str, answer: str, instance: str, *codes: str, status: str = "200") -> Schema:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{answer}"}}}
    good = {"description": summary, "headers": COMMON_HEADERS, "content": content}
    return {
        "tags": ["account"],
        "operationId": name,
        "summary": summary,
        "security": security(anonymous=False),
        "responses": {status: good} | errors(reasons_of(GATE_LAYERS, *codes), instance=instance),
    }


def _who(path: str) -> Schema:
    return _operation("whoami", "Whose key this is, and where its limits stand", "Whoami", path)


def _decision(path: str) -> Schema:
    operation = _operation("decision", "Why one of your own requests was refused", "Decision", path, "record.not_found")
    return operation | {"parameters": [_in_path("request_id", "The X-Request-Id of the request.")]}


def _usage(path: str) -> Schema:
    operation = _operation("usage", "What your account used", "Usage", path, "account.invalid")
    moment = "A day (2026-01-31), a time of RFC 3339, or Unix seconds."
    return operation | {
        "parameters": [
            _in_query("since", f"{moment} Left out: thirty days before 'until'.", _TEXT),
            _in_query("until", f"{moment} Left out: now.", _TEXT),
            _in_query("by", "What is added up together.", {"enum": ["day", "key", "model"], "default": "day"}),
        ]
    }


_WRITES: Final = ("account.malformed", "account.invalid", "account.wider", "capacity.body_budget")


def _keys(path: str) -> Schema:
    making = _operation(
        "createKey", "Make a key that may do no more than this one", "NewKey", path, *_WRITES, "account.many_keys",
        status="201",
    )  # fmt: skip
    return {
        "get": _operation("listKeys", "Your account's keys, without their secrets", "KeyList", path),
        "post": making | {"requestBody": _body(NewKey)},
    }


def _key(path: str) -> Schema:
    one = {"parameters": [_in_path("key_id", "The id of one of your account's keys.")]}
    narrow = _operation("narrowKey", "Narrow a key", "Key", path, *_WRITES, "account.not_found")
    return {
        "get": _operation("key", "One key, without its secret", "Key", path, "account.not_found") | one,
        "patch": narrow | one | {"requestBody": _body(KeyChange)},
        "delete": _operation("revokeKey", "Revoke a key, for good and at once", "Key", path, "account.not_found") | one,
    }


def _rotate(path: str) -> Schema:
    operation = _operation(
        "rotateKey", "Replace a key; the old one works on for the overlap", "NewKey", path, *_WRITES,
        "account.many_keys", "account.not_found", status="201",
    )  # fmt: skip
    parameters = [_in_path("key_id", "The id of one of your account's keys.")]
    return operation | {"parameters": parameters, "requestBody": _body(Rotation) | {"required": False}}


def _body(kind: type[Strict]) -> Schema:
    schema: dict[str, Any] = kind.model_json_schema()
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _in_path(name: str, told: str) -> Schema:
    return {"name": name, "in": "path", "required": True, "description": told, "schema": _TEXT | {"minLength": 1}}


def _in_query(name: str, told: str, schema: Schema) -> Schema:
    return {"name": name, "in": "query", "required": False, "description": told, "schema": schema}
