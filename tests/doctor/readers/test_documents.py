"""Postman, compose files, docker's own words, API descriptions, Python and wget; and who recognises what."""

from __future__ import annotations

import contextlib
import io
import json

import pytest

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers import READERS, Reader, by_name, head_text, recognise
from mattegate.doctor.readers.openapi import Hit, Route, openapi_answer, routes_of
from mattegate.doctor.readers.protocol import Unreadable
from mattegate.doctor.readers.published import Port, short_port, shown_ports

_POSTMAN = json.dumps(
    {
        "info": {"_postman_id": "x", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "sk_prod_abcdefghijkl"}]},
        "item": [
            {
                "name": "images",
                "item": [
                    {
                        "name": "cut out",
                        "request": {
                            "method": "POST",
                            "header": [
                                {"key": "X-Old", "value": "1", "disabled": True},
                                {"key": "Accept", "value": "*/*"},
                            ],
                            "url": {"raw": "{{base}}/v1/remove-bg?api_key=zzzzzz"},
                            "body": {"mode": "formdata"},
                        },
                        "response": [{"name": "no", "code": 403, "status": "Forbidden", "body": "no", "header": None}],
                    }
                ],
            }
        ],
    }
)
_ENVIRONMENT = json.dumps(
    {
        "name": "prod",
        "values": [
            {"key": "base", "value": "https://api"},
            {"key": "token", "value": ""},
            {"key": "key", "value": "s3cr3t"},
        ],
        "_postman_variable_scope": "environment",
    }
)
_COMPOSE = """
services:
  gate:
    image: mattegate:1
    network_mode: host
    ports:
      - "127.0.0.1:8000:8000"
      - 9000
      - target: 80
        published: "8080"
        host_ip: 0.0.0.0
      - nonsense:x
    environment:
      API_KEY: hunter2secret
      MODE: fast
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8000/health"]
  worker:
    build: .
    command: run --token abcdefgh12345
"""
_INSPECT = json.dumps(
    [
        {
            "Id": "a" * 64,
            "Name": "/gate",
            "State": {"Status": "running", "Health": {"Status": "unhealthy", "Log": [{"Output": "refused"}]}},
            "Config": {"Image": "gate:1", "Env": ["API_KEY=hunter2", "A=b"], "Cmd": ["serve"]},
            "HostConfig": {"NetworkMode": "bridge"},
            "NetworkSettings": {
                "Ports": {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": "8000"}], "9000/tcp": None},
                "Networks": {"web": {"IPAddress": "172.18.0.2"}},
            },
        }
    ],
    indent=4,
)
_PS = """$ docker ps
CONTAINER ID   IMAGE     COMMAND                  CREATED       STATUS                   PORTS                    NAMES
0123456789ab   gate:1    "mattegate serve"        2 hours ago   Up 2 hours (unhealthy)   0.0.0.0:80->8000/tcp     gate
0123456789ac   db:1      "postgres"               2 hours ago   Up 2 hours               5432/tcp                 db
"""
_OPENAPI = """openapi: 3.0.1
servers:
  - url: https://x.execute-api.eu-west-1.amazonaws.com/{stage}
    variables:
      stage:
        default: /prod
security:
  - api_key: []
paths:
  /v1/remove-bg:
    post:
      x-amazon-apigateway-integration:
        type: aws_proxy
  /v1/jobs/{id}:
    get: {security: []}
"""
_PYTHON = """Traceback (most recent call last):
  File "x.py", line 3, in <module>
requests.exceptions.ProxyError: HTTPSConnectionPool(host='api.example.com', port=443): Max retries exceeded \
with url: /v1/x (Caused by ProxyError('Unable to connect to proxy', OSError('Tunnel connection failed: 403 Forbidden')))
"""
_WGET = """--2026-01-02 03:04:05--  https://api.example.com/v1/x
Resolving api.example.com (api.example.com)... 192.0.2.1
Connecting to api.example.com (api.example.com)|192.0.2.1|:443... connected.
HTTP request sent, awaiting response... 403 Forbidden
2026-01-02 03:04:05 ERROR 403: Forbidden.
"""


def _read(name: str, text: str) -> list[Observation]:
    reader = recognise(head_text(text.encode()), "given.txt")
    assert reader is not None
    assert reader.name == name
    return list(reader.read(io.BytesIO(text.encode()), "given.txt"))


def test_a_postman_collection() -> None:
    """Requests and saved responses; what the Authorization tab adds is inherited, and hidden."""
    asked, saved = _read("postman", _POSTMAN)
    assert (asked.request, asked.host, asked.status) == ("POST /v1/remove-bg", "{{base}}", None)
    assert asked.request_header("authorization") == "Bearer sk_prod_********(len 20)"
    assert asked.request_header("x-old") is None
    assert (asked.fields["name"], saved.status, saved.body) == ("images/cut out", 403, "no")
    assert "zzzzzz" not in repr([asked, saved])


def test_a_postman_environment_tells_names_only() -> None:
    """An empty variable is a finding; a full one is a secret."""
    (seen,) = _read("postman", _ENVIRONMENT)
    assert (seen.fields["variables"], seen.fields["empty"]) == ("base token key", "token")
    assert "s3cr3t" not in repr(seen)


def test_a_compose_file() -> None:
    """Ports in both spellings; names of variables without their values."""
    gate, worker = _read("compose", _COMPOSE)
    assert gate.fields["ports"] == "127.0.0.1:8000->8000/tcp, *:any->9000/tcp, *:8080->80/tcp"
    assert (gate.fields["network_mode"], gate.fields["unread_ports"]) == ("host", "nonsense:x")
    assert (gate.fields["environment"], gate.place.line) == ("API_KEY MODE", 4)
    assert gate.fields["healthcheck"] == "CMD curl -f http://localhost:8000/health"
    assert worker.fields["service"] == "worker"
    assert "hunter2secret" not in repr(gate)


def test_what_docker_says() -> None:
    """``inspect`` and ``ps`` come to the same fields."""
    (inspected,) = _read("inspect", _INSPECT)
    assert inspected.fields["ports"] == "127.0.0.1:8000->8000/tcp, 9000/tcp"
    assert (inspected.fields["health"], inspected.fields["environment"]) == ("unhealthy", "API_KEY A")
    gate, database = _read("inspect", _PS)
    assert (gate.fields["ports"], gate.fields["health"], gate.place.line) == ("*:80->8000/tcp", "unhealthy", 3)
    assert (database.fields["service"], database.fields["ports"]) == ("db", "5432/tcp")
    assert "published" not in database.fields


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("8000:80", Port("80", "8000")),
        ("[::1]:8000:80/udp", Port("80", "8000", "::1", "udp")),
        ("::1:8000:80", Port("80", "8000", "::1")),
        ("127.0.0.1::80", Port("80", "any", "127.0.0.1")),
        ("${PORT}:80", Port("80", "${PORT}")),
        ("8000-8005:9000-9005", Port("9000-9005", "8000-8005")),
        ("x", None),
    ],
)
def test_a_short_port(text: str, port: Port | None) -> None:
    """As the compose specification spells them."""
    assert short_port(text) == port


def test_shown_ports() -> None:
    """Two addresses of one port stand twice."""
    assert shown_ports("0.0.0.0:1->2/tcp, [::1]:1->2/tcp, 3/udp") == (
        Port("2", "1"),
        Port("2", "1", "::1"),
        Port("3", protocol="udp"),
    )


def test_an_api_description() -> None:
    """The stage is the path of the server; security is what each operation demands."""
    seen = _read("openapi", _OPENAPI)
    assert [(one.request, one.fields["prefixes"], one.fields.get("security")) for one in seen] == [
        ("POST /v1/remove-bg", "/prod", "api_key"),
        ("GET /v1/jobs/{id}", "/prod", None),
    ]
    routes = routes_of(seen)
    assert openapi_answer(routes, "POST", "/v1/remove-bg").called == "/prod/v1/remove-bg"


@pytest.mark.parametrize(
    ("method", "path", "hit"),
    [
        ("POST", "/prod/v1/remove-bg?x=1", Hit.FOUND),
        ("GET", "/prod/v1/remove-bg", Hit.METHOD_MISSING),
        ("POST", "/v1/remove-bg", Hit.PREFIX_MISSING),
        ("POST", "/prod/prod/v1/remove-bg", Hit.PREFIX_DOUBLED),
        ("POST", "/stage/v1/remove-bg", Hit.PREFIX_UNKNOWN),
        ("POST", "/prod/v1/remove-bg/", Hit.SLASH),
        ("POST", "/prod/v1/Remove-BG", Hit.CASE),
        ("HEAD", "/prod/v1/jobs/7", Hit.FOUND),
        ("DELETE", "/prod/files/a/b", Hit.FOUND),
        ("GET", "/prod/nothing", Hit.UNKNOWN),
    ],
)
def test_whether_a_call_hits_a_route(method: str, path: str, hit: Hit) -> None:
    """And if not, what is wrong with it."""
    routes = (
        Route("POST", "/v1/remove-bg", ("/prod",)),
        Route("GET", "/v1/jobs/{id}", ("/prod",)),
        Route("ANY", "/files/{proxy+}", ("/prod",)),
    )
    assert openapi_answer(routes, method, path).hit is hit


def test_pythons_last_line() -> None:
    """The proxy's status is not the server's."""
    (seen,) = _read("client", _PYTHON)
    assert (seen.format, seen.host, seen.path, seen.status) == ("client-error", "api.example.com", "/v1/x", None)
    assert (seen.fields["exception"], seen.fields["proxy_status"]) == ("requests.exceptions.ProxyError", "403")


def test_wget() -> None:
    """Its answer is an exchange."""
    (seen,) = _read("client", _WGET)
    assert (seen.format, seen.host, seen.status, seen.fields["address"]) == (
        "exchange",
        "api.example.com",
        403,
        "192.0.2.1",
    )


def test_readers_by_name() -> None:
    """``--as NAME``; an unknown name is told with those that are known."""
    assert by_name("har").name == "har"
    with pytest.raises(Unreadable, match="curl"):
        by_name("nothing")
    assert len({reader.name for reader in READERS}) == len(READERS)


@pytest.mark.parametrize(
    "text", ["", "hello world", "<html>", "\x00" * 100, "[1]", '{"a": 1}', "key: value", " " * 70_000, "\n" * 70_000]
)
def test_nobody_claims_what_is_none_of_theirs(text: str) -> None:
    """Better undecided than wrong."""
    reader = recognise(head_text(text.encode()), "x")
    assert reader is None or reader.name in ("app-log", "mixed")


@pytest.mark.parametrize("reader", READERS[:9], ids=lambda reader: reader.name)
@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00\xff" * 500,
        b"[" * 50_000,
        b"a" * 300_000,
        b'{"a":' * 5_000,
        b"{}",
        b"[1]",
        b"&a " * 20_000,
        b"curl 'x\n" * 9_000,
        b"fetch('x',{" * 9_000,
    ],
)
def test_hostile_inputs_are_read_or_refused(reader: Reader, text: bytes) -> None:
    """No reader crashes or hangs."""
    with contextlib.suppress(Unreadable):
        list(reader.read(io.BytesIO(text), "x"))
