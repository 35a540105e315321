"""A file at an address: a mirror, a release asset, a file of a Hugging Face repository.

Standard library on purpose: one GET with a range needs no further dependency, ``urllib`` honours the proxy variables,
and OpenSSL the certificate ones. Rules:

1. A source answers within the connect timeout or counts as unreachable; the time covers look-up, connection, TLS,
   redirects and response headers together, because each of them can hang on a closed network.
2. A redirect never leaves TLS, and credentials never follow one.
3. What was received stays in ``*.part``, and in ``*.part.json`` the address and validator it came with; the next try
   asks for the rest only, and starts over where the server has another file by now.
4. No more bytes are taken than the file may have.
"""

from __future__ import annotations

import http.client
import json
import queue
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import urlsplit

from mattegate.cutout.models.sources import Progress, Unavailable

LARGEST_FILE: Final = 4_000_000_000
"""More than any model has; the limit where the length is not pinned."""
_BLOCK: Final = 256 * 1024
_STALL_S: Final = 30.0
_TRIES: Final = 4
"""How often an interrupted transfer is taken up again before the next source gets its turn."""


class _NoAnswerError(TimeoutError):
    """Nothing came back within the connect timeout."""


@dataclass(frozen=True, slots=True)
class WebFile:
    """See :class:`~mattegate.cutout.models.sources.Source`.

    ``length`` is the pinned number of bytes, 0 where unknown. ``token`` is sent as bearer token to the first host only.
    ``when_denied`` says what to do about a 401 or 403.
    """

    label: str
    url: str
    connect_timeout_s: float
    length: int = 0
    token: str = ""
    when_denied: str = "access was denied"
    stall_s: float = _STALL_S

    def fetch(self, part: Path, progress: Progress) -> None:
        """See :class:`~mattegate.cutout.models.sources.Source`."""
        for attempt in range(1, _TRIES + 1):
            had = _size(part)
            try:
                self._continue(part, progress)
            except _Interrupted as interruption:
                if attempt == _TRIES or _size(part) <= had:
                    raise Unavailable(f"{interruption}; the next pull continues there") from interruption
            else:
                return

    def _continue(self, part: Path, progress: Progress) -> None:
        note = _Note(part)
        start = note.resumable(self.url)
        with self._open(start, note.validator) as answer:
            plan = _Plan.of(answer, start, self)
            if start and not plan.start:
                part.unlink()
            note.write(self.url, answer.headers)
            self._receive(answer, part, plan, progress)

    def _open(self, start: int, validator: str) -> _Answer:
        request = urllib.request.Request(self.url, headers={"User-Agent": "mattegate", "Accept-Encoding": "identity"})  # noqa: S310 - scheme checked below
        if urlsplit(self.url).scheme not in {"http", "https"}:
            raise Unavailable("only http and https addresses can be fetched")
        if self.token:
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        if start:
            request.add_header("Range", f"bytes={start}-")
            request.add_header("If-Range", validator)
        opener = urllib.request.build_opener(_StayOnTls)
        try:
            return _within(self.connect_timeout_s, lambda: opener.open(request, timeout=self.stall_s))
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unavailable(_reason(error)) from error

    def _refused(self, status: int) -> Unavailable:
        return Unavailable(f"{self.when_denied} (HTTP {status})" if status in {401, 403} else f"HTTP {status}")

    def _receive(self, answer: _Answer, part: Path, plan: _Plan, progress: Progress) -> None:
        done = plan.start
        with part.open("ab") as file:
            progress(done, plan.total)
            while block := self._read(answer, done, plan.total):
                done += len(block)
                if done > plan.most:
                    raise Unavailable(f"it sends more than the {plan.most:,} bytes the file may have")
                file.write(block)
                progress(done, plan.total)
        if done < plan.total:
            raise _Interrupted(f"the transfer broke off after {done:,} of {plan.total:,} bytes")

    def _read(self, answer: _Answer, done: int, total: int) -> bytes:
        try:
            return answer.read(_BLOCK)
        except (OSError, http.client.HTTPException) as error:
            raise _Interrupted(f"{_reason(error)} after {done:,} of {total or '?':,} bytes") from error


_REASONS: Final = (
    (_NoAnswerError, ""),
    (socket.gaierror, "its name cannot be looked up"),
    (TimeoutError, "no bytes arrived in time"),
    (ConnectionRefusedError, "the connection was refused"),
    ((ConnectionError, http.client.IncompleteRead), "the connection was cut"),
)


class _Interrupted(Exception):  # noqa: N818 - an outcome: taken up again
    """The transfer ended early."""


class _Answer(Protocol):
    """What ``urllib`` gives for an open response."""

    status: int
    headers: Message

    def read(self, amount: int, /) -> bytes: ...

    def __enter__(self) -> _Answer: ...

    def __exit__(self, *exc_info: object) -> None: ...


@dataclass(frozen=True, slots=True)
class _Plan:
    """What one response will bring: from which offset, how much there is in all (0: unknown), and at most."""

    start: int
    total: int
    most: int

    @classmethod
    def of(cls, answer: _Answer, asked_from: int, source: WebFile) -> _Plan:
        """Read the headers. Raises :class:`Unavailable` where they show that it cannot be the file."""
        kind = answer.headers.get_content_type()
        if kind in {"text/html", "application/xhtml+xml"}:
            raise Unavailable(f"it answered a web page ({kind}) instead of the file")
        start = asked_from if answer.status == http.HTTPStatus.PARTIAL_CONTENT else 0
        length = int(answer.headers.get("Content-Length") or 0)
        total = start + length if length else 0
        if source.length and total and total != source.length:
            raise Unavailable(f"its file has {total:,} bytes, pinned are {source.length:,}")
        return cls(start, total or source.length, source.length or LARGEST_FILE)


class _Note:
    """What is known about a partial file: where it came from, and by what to tell that the server still has it."""

    def __init__(self, part: Path) -> None:
        self._part = part
        self._path = part.with_name(part.name + ".json")
        self.validator = ""

    def resumable(self, url: str) -> int:
        """From where to go on; 0 where the part is of another source or nothing can vouch for it."""
        try:
            note = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            note = {}
        if note.get("url") == url and note.get("validator"):
            self.validator = str(note["validator"])
            return _size(self._part)
        self._part.unlink(missing_ok=True)
        return 0

    def write(self, url: str, headers: Message) -> None:
        etag = headers.get("ETag", "")
        strong = "" if etag.startswith("W/") else etag
        self._path.write_text(json.dumps({"url": url, "validator": strong or headers.get("Last-Modified", "")}))


class _StayOnTls(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never from https to anything else, and from http only to http or https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        scheme = urlsplit(newurl).scheme
        if scheme != "https" and not (scheme == "http" and req.type == "http"):
            fp.close()
            raise Unavailable(f"it redirects to a {scheme} address, which is not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _within(seconds: float, opening: Callable[[], Any]) -> _Answer:
    """The answer of ``opening``, or ``_NoAnswerError`` after ``seconds`` whatever it hangs in."""
    box: queue.SimpleQueue[_Answer | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()

    def work() -> None:
        try:
            answer = opening()
        except BaseException as error:  # noqa: BLE001 - carried over to the waiting thread
            box.put(error)
        else:
            box.put(answer)
            if given_up.is_set():
                answer.close()

    threading.Thread(target=work, daemon=True, name="mattegate-connect").start()
    try:
        outcome = box.get(timeout=seconds)
    except queue.Empty:
        given_up.set()
        raise _NoAnswerError(f"no answer within {seconds:g} s") from None
    if isinstance(outcome, BaseException):
        raise outcome
    return outcome


def _reason(error: Exception) -> str:
    """The cause of a network error in a few plain words."""
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({cause.verify_message})"
    known = next((words for kind, words in _REASONS if isinstance(cause, kind)), "")
    return known or getattr(cause, "strerror", "") or str(cause) or type(cause).__name__


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
