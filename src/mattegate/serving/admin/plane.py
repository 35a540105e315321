"""The admin plane put together: routes under ``/admin/v1``, inside the guard, inside the envelope."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp

from mattegate import __version__
from mattegate.serving.admin import (
    admins,
    audit,
    decisions,
    house,
    identities,
    keys,
    rulebook,
    simulations,
    usage,
)
from mattegate.serving.admin.guard import Carrying, Guard, raise_on
from mattegate.serving.admin.pages import add_pages
from mattegate.serving.admin.parts import AdminParts, place
from mattegate.serving.envelope import Envelope
from mattegate.serving.feeding import feeding
from mattegate.serving.routes import REASONS_PATH

PREFIX: Final = "/admin/v1"

_REFUSALS: Final = {
    400: "What was asked cannot be understood.",
    401: "No admin token, or one that is not good.",
    403: "Not under this host name.",
    404: "There is no such thing.",
    408: "The body came too slowly.",
    409: "It is there already.",
    413: "The body is too large.",
    415: "The body is not plain JSON.",
    422: "A value cannot stand there.",
    503: "There is no admin yet, or a part that is needed is down.",
}


class ProblemDocument(BaseModel):
    """Problem details (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    reason: str = Field(description="A code of the catalogue; it never changes.")
    layer: str
    request_id: str
    remedy: str


class _Documented(FastAPI):
    """An application whose OpenAPI document knows what refusals look like."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        document = super().openapi()
        document["components"]["schemas"]["ProblemDocument"] = ProblemDocument.model_json_schema()
        return document


def create_admin_plane(parts: AdminParts) -> ASGIApp:
    """The admin plane as an ASGI application. Raises ``ValueError`` for a name in ``admin.hosts`` that is none."""
    app = _Documented(
        title="mattegate admin",
        version=__version__,
        openapi_url=f"{PREFIX}/openapi.json",
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    place(parts, app.state)
    app.include_router(_everything())
    app.include_router(house.root, responses=_refusals())
    add_pages(app, parts.settings)
    app.add_middleware(Carrying)
    for kind in (HTTPException, RequestValidationError):
        app.add_exception_handler(kind, raise_on)
    docs = parts.settings.server.prefix + REASONS_PATH
    return Envelope(Guard(app, parts), gatehouse=parts.gatehouse, docs=docs, observe=feeding(parts.metrics))


def _everything() -> APIRouter:
    bearer = Depends(HTTPBearer(auto_error=False, scheme_name="admin", description="A token of 'mattegate admins'."))
    everything = APIRouter(prefix=PREFIX, dependencies=[bearer], responses=_refusals())
    for part in (identities, keys, admins, usage, decisions, simulations, rulebook, audit, house):
        everything.include_router(part.router)
    return everything


def _refusals() -> dict[int | str, dict[str, Any]]:
    schema = {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}
    return {
        status: {"description": told, "content": {"application/problem+json": schema}}
        for status, told in _REFUSALS.items()
    }
