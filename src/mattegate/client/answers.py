"""What comes back: the cut-out, or a refusal that says why, what would help, and by which id it is on record.

A refusal that is no problem document (RFC 9457) was not made by the server but by something in front of it; it is told
as that, because nothing that is changed on the server will help.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from mattegate.client.request import Headers

_LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end."""

    status: int
    headers: Headers
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The values of the header ``name`` (small letters), joined by commas; empty where there is none."""
        return ", ".join(value.decode("latin-1") for given, value in self.headers if given == name.encode())


@dataclass(frozen=True, slots=True)
class Cutout:
    """A cut-out as it came."""

    bytes: bytes = field(repr=False)
    content_type: str
    request_id: str
    tries: int = 1
    """How often it was asked for."""
    limits: str = ""
    """``RateLimit`` as the server told it: what is left, and in how many seconds there is more."""


class ClientError(Exception):
    """There is no cut-out."""


class UnreachableError(ClientError):
    """Nothing answered, or not to the end; ``problem`` says what happened to the connection."""

    def __init__(self, problem: str, tries: int = 1) -> None:
        self.problem = problem
        self.tries = tries
        super().__init__(f"no answer after {tries} {'try' if tries == 1 else 'tries'}: {problem}")


class RefusedError(ClientError):
    """The server, or something in front of it, said no."""

    def __init__(self, answer: Answer, tries: int = 1) -> None:
        self.answer = answer
        self.tries = tries
        problem = _problem(answer)
        self.problem: Mapping[str, object] = problem
        """The members of the problem document; empty where there was none."""
        self.status = answer.status
        self.reason = _text(problem, "reason")
        """The stable code; empty where something else than the server answered."""
        self.layer = _text(problem, "layer")
        self.title = _text(problem, "title") or f"Status {answer.status}"
        self.detail = _text(problem, "detail") or _foreign(answer)
        self.remedy = _text(problem, "remedy") or _ELSEWHERE
        self.request_id = _text(problem, "request_id") or answer.header("x-request-id")
        self.canonical = _text(problem, "canonical")
        """What the server wrote down of a request whose signature does not match; empty otherwise."""
        super().__init__(f"{self.title} ({self.reason or answer.status}): {self.detail} {self.remedy}")


_ELSEWHERE: Final = "Look at what is between here and the server: mattegate doctor URL finds the layer."


def cutout_of(answer: Answer, tries: int = 1) -> Cutout:
    """The cut-out of an answer. Raises :class:`RefusedError` for every other one."""
    if answer.status != 200:
        raise RefusedError(answer, tries)
    return Cutout(
        answer.body, answer.header("content-type"), answer.header("x-request-id"), tries, answer.header("ratelimit")
    )


def _problem(answer: Answer) -> dict[str, object]:
    if "json" not in answer.header("content-type"):
        return {}
    try:
        document = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) and isinstance(document.get("reason"), str) else {}


def _text(problem: Mapping[str, object], member: str) -> str:
    value = problem.get(member)
    return value if isinstance(value, str) else ""


def _foreign(answer: Answer) -> str:
    server = answer.header("server")[:40]
    told = f"{server!r} answered" if server else "something answered"
    excerpt = " ".join(answer.body[: 4 * _LONGEST].decode("utf-8", "replace").split())[:_LONGEST]
    return f"{told} with status {answer.status} and no explanation: {excerpt or '(nothing)'}"
