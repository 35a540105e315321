"""One HTTP POST to an address that an operator named, with every bound that a stranger at the other end makes needful.

Rules of this file: http and https alone; redirects are answers, not instructions; neither the address' path nor any
header gets into a message or the log, because both may hold secrets.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol
from urllib.parse import urlsplit

import httpx2

DEADLINE_S: Final = 5.0
"""For look-up, connection, TLS, sending and the head of the answer together; as long again for its body."""
MAX_ANSWER: Final = 64 * 1024
"""Bytes of an answer that are read at most; none is kept."""

# Both write whole addresses to the log, and those of webhooks often are secrets themselves.
logging.getLogger("httpx2").setLevel(logging.WARNING)
logging.getLogger("httpcore2").setLevel(logging.WARNING)


class Unreachable(Exception):  # noqa: N818 - the state of the other side
    """No answer came: no address, no connection, no TLS, no HTTP, or not in time."""


@dataclass(frozen=True, slots=True)
class Posted:
    """What is looked at of an answer."""

    status: int
    retry_after: str = ""
    """The header as it came."""


class Post(Protocol):
    """Sends one request. A guard against requests to inner addresses is another implementation of this."""

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Posted:
        """Raises :class:`Unreachable`; never follows a redirect; bounded in time and in what is read."""


class HttpPost:
    """:class:`Post` by httpx2. A connection a time: notices are rare, and a restarted receiver is met afresh."""

    def __init__(self, *, deadline_s: float = DEADLINE_S, max_answer: int = MAX_ANSWER) -> None:
        self._deadline_s, self._max_answer = deadline_s, max_answer

    async def __call__(self, url: str, *, headers: Mapping[str, str], body: bytes) -> Posted:
        """Send it, and read no more of the answer than is polite."""
        try:
            # trust_env=False: a netrc would add credentials of this machine's user
            async with httpx2.AsyncClient(verify=self._tls, trust_env=False, timeout=self._deadline_s) as client:
                request = client.build_request("POST", url, headers=dict(headers), content=body)
                async with asyncio.timeout(self._deadline_s):
                    answer = await client.send(request, stream=True, follow_redirects=False)
                await self._drain(answer)
                return Posted(answer.status_code, answer.headers.get("retry-after", ""))
        except TimeoutError as error:
            raise Unreachable(f"no answer within {self._deadline_s:g} s") from error
        except (httpx2.TransportError, httpx2.InvalidURL, OSError) as error:
            raise Unreachable(f"no answer ({type(error).__name__})") from error

    async def _drain(self, answer: httpx2.Response) -> None:
        """Let a short answer finish in peace. It is the status that counts, whatever becomes of the rest."""
        read = 0
        try:
            async with asyncio.timeout(self._deadline_s):
                async for chunk in answer.aiter_raw():
                    read += len(chunk)
                    if read >= self._max_answer:
                        break
        except (httpx2.TransportError, TimeoutError):
            pass
        finally:
            await answer.aclose()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return httpx2.create_ssl_context()


def checked_url(url: str) -> str:
    """``url`` if it can be posted to.

    Raises ``ValueError``, without quoting it, for another scheme than http and https, no host, or a user and password
    inside.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("the address must begin with http:// or https://")
    if not parts.hostname or any(char.isspace() or not char.isprintable() for char in url):
        raise ValueError("the address names no host, or has blanks in it")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address must not hold a user name or a password")
    _ = parts.port  # raises ValueError for one that is no port
    return url


def place(url: str) -> str:
    """What may be told of an address: scheme, host and port."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")
