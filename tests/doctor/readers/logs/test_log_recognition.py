"""Recognition: one reader says yes to each log, and none to what is no log."""

from __future__ import annotations

import json

import pytest

from tests.doctor.readers.logs.reading import recognising

COMBINED = '192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200 12 "-" "curl/8"\n'


@pytest.mark.parametrize(
    ("text", "name", "reader"),
    [
        (COMBINED, "access.log", "access"),
        (COMBINED, "nginx-access.log", "nginx-access"),
        (COMBINED, "other_vhosts_access.log", "apache-access"),
        ("2026/01/02 03:04:05 [notice] 1#1: start worker processes\n", "x", "nginx-error"),
        (
            "[Fri Jan 02 03:04:05.123456 2026] [mpm_event:notice] [pid 1:tid 2] AH00489: Apache configured\n",
            "x",
            "apache-error",
        ),
        ("INFO:     Application startup complete.\nERROR:    access denied for user 7\n", "x", "app-log"),
    ],
)
def test_sound_logs(text: str, name: str, reader: str) -> None:
    """By its content first; by its name only where two programs write the same."""
    assert recognising(text, name) == [reader]


def test_a_head_that_ends_within_a_line_is_not_two_programs() -> None:
    """The beginning of a line of Traefik's is a whole one of Apache's; what the head cuts off does not count."""
    line = '192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 403 9 "-" "-" 5 "api@docker" "-" 0ms\n'
    text = line * 1_000
    assert recognising(text[: 65_536 // len(line) * len(line) + line.index(" 5 ")]) == ["traefik-log"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "> GET / HTTP/1.1\n> Host: a\n\n< HTTP/1.1 403 Forbidden\n< Server: nginx\n",
        "curl: (22) The requested URL returned error: 403\n",
        "curl 'https://a.example/' -H 'authorization: Bearer x' # 403 Forbidden\n",
        "Access to fetch at 'https://a' from origin 'https://b' has been blocked by CORS policy: No header\n",
        "server {\n  listen 80;\n  deny all;\n  return 403;\n}\n",
        json.dumps({"log": {"version": "1.2", "entries": [{"response": {"status": 403}}]}}),
        json.dumps({"info": {"name": "x"}, "item": [{"response": [{"code": 403, "status": "Forbidden"}]}]}),
        json.dumps(
            {"openapi": "3.1.0", "paths": {"/x": {"get": {"responses": {"403": {"description": "Forbidden"}}}}}}
        ),
        "services:\n  api:\n    image: x\n    ports: ['403:403']\n",
        "HTTP/1.1 403 Forbidden\nserver: cloudflare\n\n<html>Access denied</html>\n",
        "<html><head><title>403 Forbidden</title></head></html>\n",
    ],
    ids=range(12),
)
def test_what_is_no_log(text: str) -> None:
    """Transcripts, configurations and documents belong to other readers, whatever they say of refusals."""
    assert recognising(text) == []
