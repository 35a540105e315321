"""What made-up lines of logs are made of: who asked, when, for what, with which program. The same in every run.

A log is a piece of ten thousand lines over and over. Two marks in it are something else in each piece: what counts up
in a real log (a process, a connection, a query) must not become an old acquaintance of whoever reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeVar

Choice = TypeVar("Choice")
NUMBER: Final = "~"
"""Is another number in each piece of a log."""
WORD: Final = "^"
"""Is another word in each piece of a log, in letters only."""

AGENTS: Final = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "python-requests/2.31.0",
    "curl/8.5.0",
    "PostmanRuntime/7.36.0",
    "okhttp/4.12.0",
)
HOSTS: Final = ("api.example", "cutout.example", "www.api.example")
METHODS: Final = ("POST", "POST", "POST", "GET", "OPTIONS")
PATHS: Final = (
    "/v1/remove-bg",
    "/v1/remove-bg/batch",
    "/v1/jobs",
    "/v1/health",
    "/api/v2/upload",
    "/admin/login.php",
    "/.env",
    "/wp-login.php",
)
REFUSALS: Final = (403, 403, 401, 413, 429, 404, 502)


def pick(n: int, salt: int, choices: Sequence[Choice]) -> Choice:
    """One of ``choices`` that looks like chance and is none."""
    return choices[((n + 1) * 2_654_435_761 + salt * 40_503 >> 9) % len(choices)]


def number(n: int, salt: int, below: int) -> int:
    """A number below ``below``, likewise."""
    return ((n + 1) * 2_246_822_519 + salt * 374_761_393 >> 11) % below


def client(n: int) -> str:
    """One of two hundred addresses, every sixteenth of IPv6."""
    last = number(n, 1, 200)
    return f"2001:db8::{last:x}" if last % 16 == 0 else f"192.0.2.{last}"


def clock(n: int) -> str:
    """The time of a day, which goes on with the lines."""
    return f"{n // 3_600 % 24:02}:{n // 60 % 60:02}:{n % 60:02}"


def request(n: int) -> str:
    """A request line; half of them with a query that nobody sent before."""
    query = f"?job={n}{NUMBER}" if n % 2 else ""
    return f"{pick(n, 2, METHODS)} {pick(n, 3, PATHS)}{query} HTTP/1.1"


def identifier(n: int, digits: int = 32) -> str:
    """A number as programs write identifiers: in hexadecimal digits, another one in each line and piece."""
    return f"{n * 0x9E3779B97F4A7C15 & (1 << 4 * digits - 16) - 1:0{digits - 4}x}"[: digits - 4] + f"{NUMBER}{NUMBER}"
