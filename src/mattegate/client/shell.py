"""The client with a network: a clock, random numbers, and one connection pool around the pure parts.

What is sent is exactly what was signed: headers of the library's own are off, redirects are not followed (a signature
is for one address), and no environment variable adds a proxy or a credential unless that is asked for.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx2

from mattegate import __version__
from mattegate.client.answers import Answer, Cutout, RefusedError, UnreachableError, cutout_of
from mattegate.client.credentials import Credential, Moment, fresh_text, signed
from mattegate.client.patience import Patience
from mattegate.client.request import Option, Outgoing, Server, cutout_request, outgoing

_ABOUT: Final = {"user-agent": f"mattegate/{__version__}"}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is outside of the program."""

    now: Callable[[], float] = time.time
    """Unix seconds."""
    sleep: Callable[[float], None] = time.sleep
    entropy: Callable[[int], bytes] = secrets.token_bytes
    share: Callable[[], float] = field(default=lambda: secrets.randbelow(1 << 20) / (1 << 20))
    """A random number from 0 to 1."""


class Client:
    """Asks one server for cut-outs; a context manager, and safe to use from several threads.

    ``timeout_s`` bounds every step of one try; ``verify`` is a file of certificates to trust in place of the usual
    ones. Raises ``ValueError`` for a ``url`` that names no server.
    """

    def __init__(
        self,
        url: str,
        credential: Credential,
        *,
        patience: Patience | None = None,
        timeout_s: float = 120.0,
        verify: str | bool = True,
        surroundings: Surroundings | None = None,
    ) -> None:
        self._server = Server.of(url)
        self._credential = credential
        self._patience = patience or Patience()
        self._around = surroundings or Surroundings()
        tls = httpx2.create_ssl_context(verify=verify)
        self._http = httpx2.Client(timeout=timeout_s, verify=tls, trust_env=False)
        self._server_nonce = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def remove_background(self, image: bytes | str | Path, **options: Option) -> Cutout:
        """The cut-out of an image, or of the image file of that path; ``options`` are those of the API.

        However often it is tried, it is worked on and charged once: all tries bear one ``Idempotency-Key``. Raises
        :class:`RefusedError`, :class:`UnreachableError`, ``OSError`` for an unreadable file, and ``ValueError``.
        """
        content = image if isinstance(image, bytes) else Path(image).read_bytes()
        key = fresh_text(self._around.entropy(18))
        headers = _ABOUT | {"idempotency-key": key}
        answer, tries = self._tried(cutout_request(self._server, content, options, headers))
        return cutout_of(answer, tries)

    def get(self, path: str, *, query: bytes = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Whatever a path answers with status 200; raises as :meth:`remove_background` does."""
        asked = outgoing(self._server, "GET", path, query=query, headers=_ABOUT | dict(headers or {}))
        answer, tries = self._tried(asked)
        if answer.status != 200:
            raise RefusedError(answer, tries)
        return answer

    def _tried(self, request: Outgoing) -> tuple[Answer, int]:
        """The answer that counts, and how many tries it took."""
        tried = 0
        while True:
            tried += 1
            answer, problem = self._once(request)
            if answer is not None and self._takes_nonce(answer) and tried < self._patience.tries:
                continue
            wait = self._patience.wait_s(answer, tried=tried, at=self._around.now(), share=self._around.share())
            if wait is None:
                if answer is None:
                    raise UnreachableError(problem, tried)
                return answer, tried
            self._around.sleep(wait)

    def _once(self, request: Outgoing) -> tuple[Answer | None, str]:
        """One try, signed for itself: its answer, or what happened to the connection."""
        fresh = fresh_text(self._around.entropy(18))
        whole = signed(request, self._credential, Moment(self._around.now(), fresh, self._server_nonce))
        try:
            answer = self._http.send(
                httpx2.Request(whole.method, whole.address, headers=list(whole.headers), content=whole.body or None)
            )
        except httpx2.TransportError as error:
            return None, f"{type(error).__name__}: {error}"
        headers = tuple((name.lower(), value) for name, value in answer.headers.raw)
        return Answer(answer.status_code, headers, answer.content), ""

    def _takes_nonce(self, answer: Answer) -> bool:
        """Whether the server wants a proof over a nonce that we did not know (RFC 9449, section 9)."""
        nonce = answer.header("dpop-nonce")
        new = bool(nonce) and nonce != self._server_nonce
        self._server_nonce = nonce or self._server_nonce
        return new and answer.status == 401 and "use_dpop_nonce" in answer.header("www-authenticate")
