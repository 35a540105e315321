"""Requests that failed, held against API descriptions and container ports."""

from __future__ import annotations

import io

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.described import described
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers import by_name

_API = """openapi: 3.0.1
servers: [{url: https://x.example.com/prod}]
paths:
  /v1/remove-bg: {post: {}}
"""


def _read(reader: str, text: str) -> list[Observation]:
    return list(by_name(reader).read(io.BytesIO(text.encode()), reader))


def _answered(method: str, path: str, status: int) -> list[Observation]:
    return _read("curl", f"> {method} {path} HTTP/1.1\n> Host: x.example.com\n> \n< HTTP/1.1 {status} X\n< \n")


def _refused(url: str, address: str, port: int) -> list[Observation]:
    tried = f"* connect to {address} port {port} failed: Connection refused\n"
    return _read("curl", f"$ curl -v {url}\n*   Trying {address}:{port}...\n{tried}curl: (7) Failed to connect\n")


def _services(*lines: str) -> list[Observation]:
    return _read("compose", "services:\n  gate:\n    image: x\n" + "".join(f"    {line}\n" for line in lines))


def _said(clue: Clue) -> str:
    cause = causes()[clue.cause]
    return "\n".join(cause.said(sentence, clue.facts) for sentence in ("title", "remedy", "check"))


@pytest.mark.parametrize(
    ("method", "path", "status", "cause"),
    [
        ("POST", "/v1/remove-bg?x=1", 403, "route.prefix_missing"),
        ("POST", "/prod/prod/v1/remove-bg", 404, "route.prefix_doubled"),
        ("POST", "/dev/v1/remove-bg", 403, "route.prefix_unknown"),
        ("GET", "/prod/v1/remove-bg", 405, "route.method_missing"),
        ("POST", "/prod/v1/remove-bg/", 404, "route.path_spelling"),
        ("POST", "/prod/other", 403, "route.not_described"),
    ],
)
def test_a_call_that_misses_its_route(method: str, path: str, status: int, cause: str) -> None:
    """The description says what would have hit; every fact of the sentences is known."""
    (clue,) = described([*_read("openapi", _API), *_answered(method, path, status)])
    assert (clue.cause, clue.status) == (cause, status)
    assert "<" not in _said(clue)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("POST", "/prod/v1/remove-bg", 403), ("POST", "/v1/other", 200), ("OPTIONS", "/v1/x", 403), ("GET", "/v1/x", 502)],
)
def test_nothing_is_said_of_a_call_that_hits_or_succeeds(method: str, path: str, status: int) -> None:
    """A refusal of a route that exists has another reason."""
    assert not list(described([*_read("openapi", _API), *_answered(method, path, status)]))


@pytest.mark.parametrize(
    ("lines", "url", "address", "cause", "certainty"),
    [
        (['ports: ["80:8000"]'], "http://h:8000/", "192.0.2.1", "container.port_not_published", Certainty.LIKELY),
        (['ports: ["80:8000"]'], "http://h:9000/", "192.0.2.1", "container.port_not_published", Certainty.POSSIBLE),
        (['ports: ["127.0.0.1:8000:80"]'], "http://h:8000/", "192.0.2.1", "container.loopback_only", Certainty.LIKELY),
        (
            ['ports: ["8000:80"]', "network_mode: host"],
            "http://h:8000/",
            "192.0.2.1",
            "container.host_network_ports",
            Certainty.LIKELY,
        ),
    ],
)
def test_a_refused_connection_to_a_container(
    lines: list[str], url: str, address: str, cause: str, certainty: Certainty
) -> None:
    """Which port is published where explains it."""
    port = int(url.rpartition(":")[2].strip("/"))
    (clue,) = described([*_services(*lines), *_refused(url, address, port)])
    assert (clue.cause, clue.certainty) == (cause, certainty)
    assert "<" not in _said(clue)


@pytest.mark.parametrize(
    ("lines", "address"),
    [
        (['ports: ["8000:80"]'], "192.0.2.1"),
        (['ports: ["127.0.0.1:8000:80"]'], "127.0.0.1"),
        (['ports: ["${PORT}:80"]'], "192.0.2.1"),
        (["network_mode: host"], "192.0.2.1"),
        (['ports: ["8000:8000"]', "network_mode: host"], "192.0.2.1"),
    ],
)
def test_nothing_is_said_where_the_ports_do_not_explain_it(lines: list[str], address: str) -> None:
    """A program that is not running is refused as well, and that stands in no description."""
    assert not list(described([*_services(*lines), *_refused("http://h:8000/", address, 8000)]))


def test_an_unhealthy_container_behind_a_bad_gateway() -> None:
    """It may be the one; which container the proxy calls is not known here."""
    table = (
        "CONTAINER ID   IMAGE   COMMAND   CREATED   STATUS                PORTS      NAMES\n"
        '0123456789ab   x:1     "x"       1h ago    Up 1h (unhealthy)     8000/tcp   gate\n'
    )
    (clue,) = described([*_read("inspect", table), *_answered("GET", "/", 502)])
    assert (clue.cause, clue.certainty) == ("container.unhealthy", Certainty.POSSIBLE)
    assert "{{json .State.Health}} gate" in _said(clue).replace("'", "")
