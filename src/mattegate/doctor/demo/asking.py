"""A story's request: sent for real, spelled as the command that would send it, its answer in few words."""

from __future__ import annotations

import json
import re
import shlex
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from mattegate.doctor.cors.fetch import PageRequest
from mattegate.doctor.cors.live import Hop, Plain, ask
from mattegate.doctor.demo.scenarios import HOST, Scenario
from mattegate.doctor.demo.scenery import LOOPBACK
from mattegate.doctor.nginx.request import Headers
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.dns import Address
from mattegate.doctor.probe.exchange import Ask, Door, exchange
from mattegate.doctor.probe.veil import Veil

_WIDTH, _HEIGHT = 704, 710
_PIXELS: Final = bytes(_WIDTH * _HEIGHT * 3)
_UPLOAD: Final = (
    struct.pack("<2sIII", b"BM", 54 + len(_PIXELS), 0, 54)
    + struct.pack("<IiiHHIIiiII", 40, _WIDTH, _HEIGHT, 1, 24, 0, len(_PIXELS), 2_835, 2_835, 0, 0)
    + _PIXELS
)
"""A Windows bitmap of 1.5 MB, which is a picture, and none that the gate takes."""
_TITLE: Final = re.compile(r"<title>([^<]{1,80})</title>", re.IGNORECASE)
_MOST_SHOWN: Final = 90


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, with what."""

    scenario: Scenario
    key: str

    @property
    def body_bytes(self) -> int:
        """The size of what is sent."""
        return len(self._body)

    def ask(self, port: int) -> Observation:
        """The answer of whoever listens on that port."""
        sent = Ask(self.scenario.method, self.scenario.path, self._headers(), self._body)
        return exchange(Door(Address(LOOPBACK, socket.AF_INET), port), sent, veil=Veil([self.key]))

    def command(self, port: int) -> str:
        """The same for curl."""
        upload = f" --data-binary @{self.scenario.upload} -H 'Content-Type: image/bmp'" if self.scenario.upload else ""
        url = f"http://{LOOPBACK}:{port}{self.scenario.path}"
        return f"""curl -si -H 'Host: {HOST}' -H "Authorization: Bearer $KEY"{upload} {url}"""

    def ask_as_page(self, port: int) -> Hop:
        """What becomes of it in a browser: on the story's page, or on one that the same server delivered."""
        headers = (("Authorization", f"Bearer {self.key}"), *self._type())
        request = PageRequest(self._url(port), self._page(port), self.scenario.method, headers)
        return ask(request, Plain(), body=self._body)[-1]

    def page_command(self, port: int) -> str:
        """The same for the doctor, which asks as a browser does; for curl, where there is a file to send."""
        if self.scenario.upload:
            return f"{self.command(port)} -H 'Origin: {self._page(port)}' -A 'Mozilla/5.0 …'"
        line = ["mattegate", "doctor", "cors", self._url(port), "--origin", self._page(port)]
        line += ["--method", self.scenario.method] if self.scenario.method != "GET" else []
        return f'{shlex.join(line)} --header "Authorization: Bearer $KEY"'

    @property
    def _body(self) -> bytes:
        return _UPLOAD if self.scenario.upload else b""

    def _headers(self) -> Headers:
        return (("Host", HOST), ("Authorization", f"Bearer {self.key}"), ("Accept", "*/*"), *self._type())

    def _type(self) -> Headers:
        return (("Content-Type", "image/bmp"),) if self.scenario.upload else ()

    def _url(self, port: int) -> str:
        return f"http://{LOOPBACK}:{port}{self.scenario.path}"

    def _page(self, port: int) -> str:
        return self.scenario.page or f"http://{LOOPBACK}:{port}"


def from_the_gate(answer: Observation) -> bool:
    """Whether the gate itself made an answer: every one of its answers has an id."""
    return (answer.header("x-request-id") or "").startswith("req_")


def in_words(answer: Observation) -> tuple[str, ...]:
    """An answer in a line or two."""
    if answer.status is None:
        return (answer.message,)
    return (" · ".join(_head(answer)), *_gist(answer))


def _head(answer: Observation) -> Iterator[str]:
    yield f"HTTP {answer.status} {answer.reason_phrase}".strip()
    yield f"Server: {answer.header('server')}" if answer.header("server") else "no Server header"
    yield f"X-Request-Id: {answer.header('x-request-id')}" if from_the_gate(answer) else "no X-Request-Id"
    for name in ("www-authenticate", "access-control-allow-origin"):
        if answer.header(name):
            yield f"{name.title()}: {answer.header(name)}"


def _gist(answer: Observation) -> tuple[str, ...]:
    problem = _json_of(answer.body)
    if "reason" in problem:
        return (f"{problem['reason']}: {problem.get('detail', '')}",)
    title = _TITLE.search(answer.body)
    text = f"<title>{title[1]}</title>" if title else " ".join(answer.body.split())
    return (text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…",) if text else ()


def _json_of(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def as_json(answer: Observation) -> dict[str, Any]:
    """An answer for programs."""
    return {
        "status": answer.status,
        "made_by": "mattegate" if from_the_gate(answer) else answer.header("server") or "",
        "reason": _json_of(answer.body).get("reason"),
        "request_id": answer.header("x-request-id"),
    }


def page_in_words(hop: Hop) -> tuple[str, ...]:
    """What a browser makes of it."""
    asked = f"preflight OPTIONS: HTTP {hop.preflight.status}" if hop.preflight is not None else "no preflight"
    sent = f"{hop.request.method}: HTTP {hop.actual.status}" if hop.actual is not None else "not sent"
    seen = f"script reads status {hop.judgement.status}" if hop.judgement.allowed else "script gets TypeError"
    return (f"{asked} · {sent} · {seen}", *((hop.judgement.console,) if hop.judgement.console else ()))


def page_as_json(hop: Hop) -> dict[str, Any]:
    """What a browser makes of it, for programs."""
    return {
        "origin": hop.request.origin,
        "preflight": hop.preflight.status if hop.preflight is not None else None,
        "status": hop.actual.status if hop.actual is not None else None,
        "readable": hop.judgement.allowed,
        "console": hop.judgement.console,
    }
