"""The OpenAPI 3.1 document, made from the vocabulary: every option, every kind of body, every reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mattegate import __version__
from mattegate.config.settings import MB
from mattegate.serving.openapi_account import SECURITY_SCHEMES, account_paths, account_schemas, security
from mattegate.serving.openapi_problems import COMMON_HEADERS, UNSENT, Schema, errors, problem_schema
from mattegate.serving.openapi_tokens import token_paths, token_schemas
from mattegate.serving.reference import OPTIONS
from mattegate.serving.routes import CUTOUT_PATHS
from mattegate.serving.texts import MAX_URL, URL
from mattegate.vocabulary.options import OutputFormat
from mattegate.vocabulary.reason import Reason
from mattegate.vocabulary.reasons import REASONS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mattegate.config.settings import Settings

ELSEWHERE: Final = frozenset({"file", "record", "account", "admin", "home", "backup"})
"""Layers whose reasons belong to the command line, the account's paths and the admin plane."""

_SUCCESS_HEADERS: Final = COMMON_HEADERS | {
    name: {"description": text, "schema": {"type": kind}}
    for name, text, kind in (
        ("Server-Timing", "Milliseconds of each stage, and the total.", "string"),
        ("X-Mattegate-Model", "The model that was used.", "string"),
        ("X-Mattegate-Notes", "What was decided on your behalf; left out when there is nothing to say.", "string"),
        ("X-Width", "Pixels of the answer from left to right.", "integer"),
        ("X-Height", "Pixels of the answer from top to bottom.", "integer"),
        ("Content-Disposition", "A file name after the upload's.", "string"),
    )
}  # fmt: skip


def build_openapi(settings: Settings, models: Sequence[str]) -> Schema:
    """The whole document; ``models`` are the names a request may use, empty where that is not known."""
    prefix = settings.server.prefix
    first, *aliases = CUTOUT_PATHS
    cutout = _cutout(settings, models)
    tokens = token_schemas() if settings.tokens.enabled else {}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "mattegate",
            "version": __version__,
            "description": "An image goes in, its subject comes out. Every refusal explains itself.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": {
            prefix + first: {"post": cutout | {"operationId": "removeBackground"}},
            **{
                prefix + alias: {"post": cutout | {"operationId": f"alias{alias.replace('/', '_').replace('-', '_')}"}}
                for alias in aliases
            },
            **account_paths(prefix),
            **(token_paths(prefix) if settings.tokens.enabled else {}),
            f"{prefix}/health": {"get": _probe("health", "Whether the process is up", [])},
            f"{prefix}/ready": {"get": _probe("ready", "Whether a first request would be served", _ready_reasons())},
        },
        "components": {
            "schemas": {
                "Problem": problem_schema(),
                "CutoutJson": _json_answer_schema(),
                **account_schemas(),
                **tokens,
            },
            "securitySchemes": SECURITY_SCHEMES,
        },
    }  # fmt: skip


def _cutout(settings: Settings, models: Sequence[str]) -> Schema:
    options = option_schemas(settings, models)
    limit = settings.upload.max_bytes
    return {
        "tags": ["cut-outs"],
        "summary": "Cut the subject out of an image",
        "description": (
            "Options go into the query, or into the body beside the image; one option in both places is refused. "
            f"All images of one request together take at most {limit / MB:g} MB."
        ),
        "parameters": [
            {"name": name, "in": "query", "required": False, "description": schema["description"], "schema": schema}
            for name, schema in options.items()
        ]
        + [_idempotency_key()],
        "security": security(anonymous=bool(settings.keys.unsafe_anonymous)),
        "requestBody": {"required": True, "content": _bodies(settings, options)},
        "responses": {"200": _success()} | errors(_cutout_reasons(), instance=CUTOUT_PATHS[0]),
    }  # fmt: skip


def _idempotency_key() -> Schema:
    return {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "description": "A fresh text for each image, and the same one when you try again: charged once in 24 hours.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    }


def option_schemas(settings: Settings, models: Sequence[str]) -> dict[str, Schema]:
    """The schema of every option with the operator's defaults in place of the product's."""
    defaults = {
        "model": settings.models.default,
        "numerics": str(settings.cutout.numerics),
        "refine": str(settings.cutout.refine),
    }
    schemas: dict[str, Schema] = {}
    for option in OPTIONS:
        schema: Schema = {"description": option.description, **option.schema}
        if option.examples:
            schema["examples"] = list(option.examples)
        if option.name in defaults:
            schema["default"] = defaults[option.name]
        schemas[option.name] = schema
    if models:
        schemas["model"] |= {"enum": list(models), "examples": list(models[:2])}
    return schemas


def _bodies(settings: Settings, options: dict[str, Schema]) -> Schema:
    file: Schema = {"type": "string", "contentMediaType": "application/octet-stream"}
    text: Schema = {"type": "string", "contentEncoding": "base64"}
    form = {
        "type": "object",
        "required": ["image"],
        "properties": {
            "image": file | {"description": "The image file."},
            "background_image": file | {"description": "The background, with background=image."},
            **options,
        },
        "additionalProperties": False,
    }
    json_body = {
        "type": "object",
        "required": ["image_base64"],
        "properties": {
            "image_base64": text | {"description": "The image in base64; a data: URL is accepted."},
            "background_image_base64": text | {"description": "The background, with background=image."},
            **options,
        },
        "additionalProperties": False,
    }
    if settings.upload.urls:
        form, json_body = _or_address(form, "image"), _or_address(json_body, "image_base64")
    raw: Schema = {kind.media_type: {"schema": {}} for kind in settings.upload.types}
    return {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": json_body},
        **raw,
        "application/octet-stream": {"schema": {}},
    }


def _or_address(body: dict[str, Any], image: str) -> dict[str, Any]:
    """The body with an address in place of the image, where addresses are fetched."""
    told = "Where the image is fetched from, in place of its bytes."
    address: Schema = {"type": "string", "format": "uri", "maxLength": MAX_URL, "description": told}
    ways = [{"required": [name]} for name in (image, URL)]
    properties = {**body["properties"], URL: address}
    return {**body, "properties": properties, "required": [], "oneOf": ways}


def _success() -> Schema:
    return {
        "description": "The cut-out.",
        "headers": _SUCCESS_HEADERS,
        "content": {kind.media_type: {"schema": {}} for kind in OutputFormat}
        | {"application/json": {"schema": {"$ref": "#/components/schemas/CutoutJson"}}},
    }


def _cutout_reasons() -> list[Reason]:
    return [
        reason
        for code, reason in REASONS.items()
        if code not in UNSENT and reason.public == code and reason.layer not in ELSEWHERE
    ]


def _ready_reasons() -> list[Reason]:
    return [REASONS[f"capacity.{cause}"] for cause in ("starting", "not_ready", "draining")]


def _json_answer_schema() -> Schema:
    number: Schema = {"type": "integer"}
    box = {"type": ["object", "null"], "properties": dict.fromkeys(("left", "top", "right", "bottom"), number)}
    properties: Schema = {
        "image_base64": {"type": "string", "contentEncoding": "base64"},
        "media_type": {"type": "string"},
        "width": number,
        "height": number,
        "foreground": box | {"description": "The subject's box in the input picture; null when nothing was found."},
        "model": {"type": "string"},
        "timings": {
            "type": "object",
            "additionalProperties": {"type": "number"},
            "description": "Milliseconds of each stage.",
        },
        "notes": {"type": "array", "items": {"type": "string"}},
        "request_id": {"type": "string"},
    }
    return {"type": "object", "required": list(properties), "properties": properties}


def _probe(name: str, summary: str, reasons: list[Reason]) -> Schema:
    yes = {
        "description": "Yes.",
        "headers": COMMON_HEADERS,
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
    return {
        "tags": ["supervision"],
        "operationId": name,
        "summary": summary,
        "security": [],
        "responses": {"200": yes} | errors(reasons, instance=f"/{name}"),
    }  # fmt: skip
