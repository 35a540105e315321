"""Made-up lines of applications, and of what wraps lines: compositions, journals, containers, syslog."""

from __future__ import annotations

from typing import Final

from bench.log_lines_servers import access, access_refused, apache_error, as_json, caddy, kernel, nginx_error
from bench.log_scenery import METHODS, NUMBER, PATHS, WORD, client, clock, identifier, number, pick, request

_LEVELS: Final = ("WARNING", "ERROR", "INFO")
_SAID: Final = (
    "Invalid API key format",
    "Origin not allowed: https://shop{0}.example",
    "Request from blocked IP: 203.0.113.{0}",
    "permission denied for user worker{0}",
    "token expired, HTTP 401",
    "rate limit exceeded: {0} of 60 in this minute",
    "request rejected: quota of key {1} is used up",
)


def uvicorn(n: int) -> str:
    """uvicorn's access lines, all refused."""
    status = pick(n, 7, ("401 Unauthorized", "403 Forbidden", "413 Request Entity Too Large", "429 Too Many Requests"))
    return f'INFO:     {client(n)}:{number(n, 9, 50_000)} - "{request(n)}" {status}'


def python(n: int) -> str:
    """Of Python's logging, all refused."""
    said = pick(n, 7, _SAID).format(n % 9, identifier(n, 12))
    where, level = pick(n, 4, ("api.auth", "api.gate")), pick(n, 5, _LEVELS)
    return f"2026-01-02 {clock(n)},{n % 1_000:03} - {where} - {level} - {said}"


def new_words(n: int) -> str:
    """Refusals of which each says another word."""
    letters = "".join(chr(97 + n // 26**place % 26) for place in range(4))
    said = f"access denied for {letters}{WORD} on {pick(n, 3, PATHS)}"
    return f"2026-01-02 {clock(n)},{n % 1_000:03} - api - WARNING - {said}"


def structured(n: int) -> str:
    """JSON of a structured logger, all refused."""
    return as_json(
        timestamp=f"2026-01-02T{clock(n)}.{n % 1_000:03}Z", level=pick(n, 5, ("warn", "error")), logger="api.auth",
        message=pick(n, 7, _SAID).format(n % 9, identifier(n, 12)), method=pick(n, 2, METHODS),
        path=f"{pick(n, 3, PATHS)}", status=pick(n, 7, (401, 403, 429)), client_ip=client(n),
        request_id=identifier(n), duration_ms=number(n, 4, 90),
    )  # fmt: skip


def logfmt(n: int) -> str:
    """``name=value`` pairs, all refused."""
    return (
        f"time=2026-01-02T{clock(n)}.{n % 1_000:03}Z level={pick(n, 5, ('warn', 'error'))} "
        f'msg="{pick(n, 7, _SAID).format(n % 9, identifier(n, 12))}" method={pick(n, 2, METHODS)} '
        f"path={pick(n, 3, PATHS)} status={pick(n, 7, (401, 403, 429))} remote={client(n)}:{number(n, 9, 50_000)} "
        f"request_id={identifier(n)} took={number(n, 4, 90)}ms"
    )


def quiet(n: int) -> str:
    """An application that talks of other things; one line of a hundred refuses."""
    if n % 100 == 0:
        return python(n)
    return f"2026-01-02 {clock(n)},{n % 1_000:03} - api - INFO - request {n}{NUMBER} was done in {number(n, 4, 977)} ms"


def composition(n: int) -> str:
    """docker compose of a server and an application, of whose lines some refuse."""
    if n % 2:
        return f"nginx-1  | {access(n // 2)}"
    return f"nginx-1  | {nginx_error(n)}" if n % 60 == 0 else f"api-1    | {quiet(n)}"


def composition_refused(n: int) -> str:
    """docker compose of three services that refuse everything."""
    return (f"nginx-1  | {nginx_error(n)}", f"api-1    | {uvicorn(n)}", f"caddy-1  | {caddy(n)}")[n % 3]


def mixture(n: int) -> str:
    """Four programs that write into one file, all refused."""
    return (nginx_error, python, access_refused, structured)[n % 4](n)


def syslog(n: int) -> str:
    """A syslog, half of it the kernel's."""
    if n % 2:
        return f"Jan  2 {clock(n)} web kernel: {kernel(n)}"
    return f"Jan  2 {clock(n)} web nginx[{n % 4 + 812}]: {nginx_error(n)}"


def journal(n: int) -> str:
    """journalctl's usual output, of three services."""
    said = (("nginx", nginx_error), ("uvicorn", uvicorn), ("apache2", apache_error))[n % 3]
    return f"Jan 02 {clock(n)} web {said[0]}[{n % 4 + 812}]: {said[1](n)}"


def journal_json(n: int) -> str:
    """journalctl's JSON."""
    return as_json(
        __REALTIME_TIMESTAMP=f"{1_767_323_045_000_000 + n}", _PID=f"{n % 4 + 812}", _HOSTNAME="web", PRIORITY="6",
        SYSLOG_IDENTIFIER="nginx", _SYSTEMD_UNIT="nginx.service", MESSAGE=nginx_error(n),
        __CURSOR=f"s={identifier(n)};i={n:x}",
    )  # fmt: skip


def container(n: int) -> str:
    """docker's json-file."""
    return as_json(log=f"{access_refused(n)}\n", stream="stdout", time=f"2026-01-02T{clock(n)}.{n:09}Z")


def pod(n: int) -> str:
    """The log format of Kubernetes' container runtimes."""
    said = nginx_error(n) if n % 2 else python(n)
    return f"2026-01-02T{clock(n)}.{n:09}Z {pick(n, 4, ('stdout', 'stderr'))} F {said}"
