"""Sends many hostile pictures to a running server and notes what becomes of each, and of the server.

Nothing here decides whether that is good: the proofs do.
"""

from __future__ import annotations

import http.client
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from bench import processes
from bench.service import Answer, Caller, Service
from mattegate.vocabulary.reasons import REASONS

EVERY_TYPE: Final = "jpeg,png,webp,avif,tiff,bmp,gif"
BATCH: Final = 50
"""After how many pictures the server itself is looked at."""
WISHES: Final[tuple[Mapping[str, str], ...]] = (
    {},
    {"refine": "edges"},
    {"mask": "true"},
    {"format": "webp", "crop": "true", "crop_margin": "10%"},
    {"format": "jpeg", "background": "blur", "size": "64x64"},
    {"format": "zip", "keep_metadata": "true"},
    {"numerics": "rembg", "response": "json"},
)
"""What is asked of the pictures, in turn, so that every step behind the decoders meets hostile ones as well."""
_UNTOLD: Final = "application/octet-stream"
_SUCCESSES: Final = frozenset({"image/png", "image/webp", "image/jpeg", "application/zip", "application/json"})

Hostile = tuple[str, str, bytes]
"""What it is, the file name it is sent under, its bytes."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """The server between two batches: its memory in megabytes, its open files, its workers, and whether it is well."""

    memory_mb: float
    open_files: int
    workers: frozenset[int]
    healthy: bool


@dataclass(slots=True)
class Tally:
    """What became of a storm."""

    answers: Counter[tuple[int, str]] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    """Answers that are neither a success nor a typed refusal of the caller's picture, each with the picture's name."""
    vitals: list[Vitals] = field(default_factory=list)

    def note(self, name: str, answer: Answer) -> None:
        """Count an answer and what is wrong with it."""
        self.answers[answer.status, answer.reason] += 1
        self.faults.extend(f"{name}: {fault} ({answer.status} {answer.reason})" for fault in faults_of(answer))

    def report(self) -> str:
        """The counts, for a person."""
        lines = [f"{count:6d}  {status} {reason}" for (status, reason), count in sorted(self.answers.items())]
        memory = " ".join(f"{vital.memory_mb:.0f}" for vital in self.vitals)
        files = " ".join(str(vital.open_files) for vital in self.vitals)
        return "\n".join(
            [
                "",
                f"{sum(self.answers.values())} hostile pictures",
                *lines,
                f"memory in MB: {memory}",
                f"open files: {files}",
                *self.faults,
            ]
        )


def faults_of(answer: Answer) -> Iterator[str]:
    """What an answer to a hostile picture must not be."""
    if not answer.request_id:
        yield "no request id"
    if answer.status == 200:
        if answer.headers.get("content-type", "").partition(";")[0] not in _SUCCESSES:
            yield "a success that is no picture"
    elif not 400 <= answer.status < 500:
        yield "neither 2xx nor 4xx"
    elif answer.reason not in REASONS or answer.problem.get("request_id") != answer.request_id:
        yield "an untyped refusal"
    if b"Traceback" in answer.body:
        yield "a traceback"


def send(service: Service, pictures: Iterable[Hostile]) -> Tally:
    """Send every picture as a form over one connection that is renewed when the server closes it."""
    tally, remaining = Tally(), iter(pictures)
    tally.vitals.append(look_at(service))
    with service.caller(timeout_s=60) as caller:
        while batch := list(islice(remaining, BATCH)):
            for number, hostile in enumerate(batch):
                _send_one(caller, hostile, tally, WISHES[number % len(WISHES)], raw_filename=number % 2 == 1)
            tally.vitals.append(look_at(service))
    return tally


def look_at(service: Service) -> Vitals:
    """The server's vitals now."""
    return Vitals(
        memory_mb=processes.pss_mb(service.pid),
        open_files=processes.open_files(service.pid),
        workers=frozenset(processes.descendants(service.pid)),
        healthy=_healthy(service),
    )


def _send_one(caller: Caller, hostile: Hostile, tally: Tally, wishes: Mapping[str, str], *, raw_filename: bool) -> None:
    name, filename, data = hostile
    try:
        answer = caller.post_form(data, filename=filename, media_type=_UNTOLD, raw_filename=raw_filename, **wishes)
    except (OSError, http.client.HTTPException) as error:
        tally.answers[0, type(error).__name__] += 1
        tally.faults.append(f"{name}: no answer ({error!r})")
    else:
        tally.note(name, answer)


def _healthy(service: Service) -> bool:
    with service.caller(timeout_s=30) as caller:
        return service.running and all(caller.get(path).status == 200 for path in ("/health", "/ready"))
