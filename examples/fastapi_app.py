"""A FastAPI application of your own behind mattegate's gate, twice: by middleware, and by dependency.

    make setup && .venv/bin/mattegate models pull u2netp          # once: the environment and a model
    .venv/bin/mattegate keys create --name me --tier free         # prints a key; works beside the running server
    .venv/bin/uvicorn --no-proxy-headers --app-dir examples fastapi_app:by_middleware

    curl -F file=@examples/photo.jpg -H "Authorization: Bearer $KEY" \\
         http://127.0.0.1:8000/remove-background -o cutout.png

Without a key that is a 401, with one that nobody knows a 403, each a problem document that says what to do and carries
a request id; `.venv/bin/mattegate why ID` tells the whole story. A key that is revoked ends with the next request.

The settings are those of `mattegate serve`, from the environment: MATTEGATE_HOME, MATTEGATE_CORS_ALLOWED_ORIGINS …
One process has a home at a time, so run uvicorn with one worker.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response, UploadFile

from mattegate.assembly import build_engine, open_gate
from mattegate.config.load import load_settings
from mattegate.cutout.engine.protocol import Engine, Job, Priority
from mattegate.cutout.probe import check_upload
from mattegate.serving.embed import Gate
from mattegate.vocabulary.facts import KeyView
from mattegate.vocabulary.options import parse_options

settings = load_settings(environ=os.environ)
gate = Gate(scope="cutout")
"""Whoever comes in needs a key with this scope, which every key has that was not narrowed."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the gate and start the workers; end both in good order."""
    with open_gate(settings) as opened, gate.open(opened.gatehouse):
        engine = app.state.engine = build_engine(settings)
        await engine.start()
        try:
            yield
        finally:
            await engine.drain()


async def cut_out(engine: Engine, file: UploadFile, owner: str) -> Response:
    """The work behind the gate. What it raises as a Refusal is explained like the gate's own refusals."""
    image = await file.read(settings.upload.max_bytes + 1)
    check_upload(image, filename=file.filename, limits=settings.upload)
    async with await engine.admit(priority=Priority.STANDARD, owner=owner, deadline_s=60) as permit:
        cutout = await permit.run(Job(image, parse_options({"format": "png"})))
    return Response(bytes(cutout.data), media_type=cutout.report.media_type)


# --- by middleware: every path, decided on the head, before a byte of the body is read -------------------------

by_middleware = FastAPI(title="Cut-outs, behind a gate", lifespan=lifespan)
by_middleware.add_middleware(gate.protect, public=("/health",))


@by_middleware.post("/remove-background")
async def remove_background(request: Request, file: UploadFile, caller: Annotated[KeyView, Depends(gate)]) -> Response:
    """The gate has decided already; to depend on it as well tells whose request it is."""
    return await cut_out(request.app.state.engine, file, caller.identity.id)


@by_middleware.get("/health")
async def health() -> dict[str, str]:
    """Public, because it is listed above."""
    return {"status": "ok"}


# --- by dependency: only the routes that ask for it, decided after FastAPI has read the body -------------------------

by_dependency = FastAPI(title="Cut-outs, with a gate at one route", lifespan=lifespan)
by_dependency.add_middleware(gate.explaining)  # without it the dependency refuses to work


@by_dependency.post("/remove-background")
async def remove_background_too(
    request: Request, file: UploadFile, caller: Annotated[KeyView, Depends(gate)]
) -> Response:
    """Here it is the dependency that decides."""
    return await cut_out(request.app.state.engine, file, caller.identity.id)


@by_dependency.get("/")
async def home() -> dict[str, str]:
    """Open to everybody, because it depends on nothing."""
    return {"cut out": "POST /remove-background"}
