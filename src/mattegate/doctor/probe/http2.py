"""The same request over HTTP/2, by curl where there is one: the standard library does not speak it.

Headers go to curl through a pipe, since every user of a machine can read the arguments of a process.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.probe.exchange import SHOWN_BODY
from mattegate.doctor.probe.message import Head, NotHttp, parse_head

if TYPE_CHECKING:
    from mattegate.doctor.probe.exchange import Ask, Door, Limits
    from mattegate.doctor.probe.veil import Veil

VIA: Final = "axis http-version=2"
_MOST_CONFIG: Final = 60_000
_WAITING_S: Final = 5.0


def curl_with_http2() -> str | None:
    """The path of a curl that speaks HTTP/2; ``None`` where there is none."""
    path = shutil.which("curl")
    if not path:
        return None
    said = subprocess.run([path, "--version"], capture_output=True, check=False, timeout=_WAITING_S)  # noqa: S603
    return path if b"HTTP2" in said.stdout else None


def exchange_http2(curl: str, door: Door, ask: Ask, *, veil: Veil, limits: Limits) -> Observation | None:
    """One exchange; ``None`` where this request does not fit through curl."""
    config = _config(door, ask, limits).encode("latin-1")
    if len(config) > _MOST_CONFIG or ask.padding:
        return None
    began, clock = time.time(), time.monotonic()
    output = _run(curl, config, ask.body, limits)
    took = {"took_ms": str(round((time.monotonic() - clock) * 1_000)), "address": door.address.text}
    seen = Observation(
        format="client-error", place=Place("probe"), at=began, method=ask.method, scheme="https",
        host=veil.text(ask.header("host") or ""), path=veil.text(ask.target.partition("?")[0]), http_version="2",
        request_headers=veil.headers(ask.headers), via=VIA, fields=took,
    )  # fmt: skip
    return _read(seen, output, veil)


def _config(door: Door, ask: Ask, limits: Limits) -> str:
    address = f"[{door.address.text}]" if ":" in door.address.text else door.address.text
    name = f"[{door.server_name}]" if ":" in door.server_name else door.server_name
    options = [
        ("url", f"https://{name}:{door.port}{ask.target}"),
        ("request", ask.method),
        ("connect-to", f"::{address}:{door.port}"),
        ("connect-timeout", f"{limits.connect_s:g}"),
        ("max-time", f"{limits.connect_s + limits.answer_s:g}"),
        ("noproxy", "*"),
        *(("header", f"{key}: {value}" if value else f"{key};") for key, value in ask.headers),
        *((("cacert", str(door.ca)),) if door.ca else ()),
        *((("cert", str(door.shown.certificate)), ("key", str(door.shown.key))) if door.shown else ()),
        *((("data-binary", "@-"),) if ask.body else ()),
    ]
    flags = ["http2", "include", "path-as-is", "silent", "show-error", *(["head"] if ask.method == "HEAD" else [])]
    flags += [] if door.verify else ["insecure"]
    return "".join(f"{flag}\n" for flag in flags) + "".join(f"{key} = {_quoted(value)}\n" for key, value in options)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _run(curl: str, config: bytes, body: bytes, limits: Limits) -> bytes | str:
    reading, writing = os.pipe()
    try:
        os.write(writing, config)  # fits a pipe's buffer
        os.close(writing)
        done = subprocess.run(  # noqa: S603
            [curl, "-q", "-K", f"/dev/fd/{reading}", "--max-filesize", "1048576"],
            input=body,
            capture_output=True,
            pass_fds=(reading,),
            timeout=limits.connect_s + limits.answer_s + _WAITING_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError) as error:
        return str(error)
    finally:
        os.close(reading)
    return done.stdout or done.stderr.decode("utf-8", "replace").strip() or f"curl ended with {done.returncode}"


def _read(seen: Observation, output: bytes | str, veil: Veil) -> Observation:
    if isinstance(output, str):
        return replace(seen, message=veil.text(output)[:1_000])
    try:
        head, body = _split(output)
    except NotHttp as error:
        return replace(seen, message=str(error))
    return replace(
        seen,
        format="exchange",
        status=head.status,
        http_version=head.version,
        response_headers=veil.headers(head.headers),
        body=veil.text(body[: SHOWN_BODY + 4].decode("utf-8", "replace"))[:SHOWN_BODY],
    )


def _split(output: bytes) -> tuple[Head, bytes]:
    while True:
        raw, _, rest = output.partition(b"\r\n\r\n")
        head = parse_head(raw)
        if not 100 <= head.status < 200:
            return head, rest
        output = rest
