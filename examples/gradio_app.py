"""A Gradio application behind mattegate's gate: people log in with a key, programs send it along.

Gradio wants an older Pillow than mattegate itself runs on, so it gets an environment of its own, in which mattegate is
installed without its dependencies: the gate alone needs no image library and no model.

    uv venv .venv-gradio                                          # .venv/bin/uv where there is no other
    uv pip sync --python .venv-gradio/bin/python --require-hashes requirements/gradio.lock
    uv pip install --python .venv-gradio/bin/python --no-deps .
    .venv/bin/mattegate keys create --name me --tier free         # prints a key; works beside the running server
    .venv-gradio/bin/uvicorn --no-proxy-headers --app-dir examples --port 7860 gradio_app:app

Open http://127.0.0.1:7860/ and give the key as the password, with any name; or call it:

    Client("http://127.0.0.1:7860", headers={"X-API-Key": key}).predict(handle_file("photo.jpg"), api_name="/mirror")
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import gradio as gr
from fastapi import FastAPI

from mattegate.assembly import open_gate
from mattegate.config.load import load_settings
from mattegate.serving.embed import Gate

# A wrong password is answered with 401, so that the browser asks again, unless the environment wants it otherwise.
settings = load_settings(environ={"MATTEGATE_KEYS_UNKNOWN_STATUS": "401"} | dict(os.environ))
gate = Gate(metered=("POST",), browser_login=True)
"""Gradio begins every piece of work by POST; the files of its page cost nothing."""


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open the gate while the application runs."""
    with open_gate(settings) as opened, gate.open(opened.gatehouse):
        yield


def mirror(picture: Any) -> Any:
    """The picture, an array of height x width x 3, seen in a mirror."""
    return None if picture is None else picture[:, ::-1]


def count(to: float) -> Iterator[str]:
    """An answer that arrives in pieces."""
    for number in range(1, int(to) + 1):
        yield f"{number} of {int(to)}"


def whoami(request: gr.Request) -> str:
    """The name of whoever the gate let in."""
    return gate.caller(request.request).identity.name


with gr.Blocks(title="Behind a gate", analytics_enabled=False) as blocks:
    gr.Markdown("# Behind a gate\nWhatever is pressed here is one request, decided on before Gradio sees it.")
    with gr.Row():
        before, after = gr.Image(label="Picture"), gr.Image(label="In a mirror")
    gr.Button("Mirror", variant="primary").click(mirror, before, after, api_name="mirror")
    with gr.Row():
        limit, counted = gr.Number(5, label="Count to"), gr.Textbox(label="In pieces")
    gr.Button("Count").click(count, limit, counted, api_name="count")
    name = gr.Textbox(label="You are")
    gr.Button("Who am I?").click(whoami, None, name, api_name="whoami")

app = gr.mount_gradio_app(FastAPI(lifespan=lifespan), blocks, path="/")
app.add_middleware(gate.protect)
