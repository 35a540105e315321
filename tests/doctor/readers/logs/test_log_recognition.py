"""Recognition: one reader says yes to each log, and none to what is no log."""

from __future__ import annotations

import json

import pytest

from tests.doctor.readers.logs.reading import read, recognising

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


@pytest.mark.parametrize(
    "lines",
    [
        [f"2026-01-02 03:04:{n % 60:02},123 - api - INFO - job {n} was done" for n in range(500, 900)],
        [f"Jan 02 03:04:{n % 60:02} web myapp[812]: job {n} was done" for n in range(500, 900)],
        [f"2026-01-02T03:04:{n % 60:02}+0000 web myapp[812]: job {n} was done" for n in range(500, 900)],
        [json.dumps({"time": n, "level": "info", "msg": "done"}) for n in range(500, 900)],
        [
            "2026-01-02 03:04:05 INFO started",
            "  at a.b(c)",
            "2026-01-02 03:04:05 INFO up",
            "2026-01-02 03:04:06 INFO x",
        ],
    ],
    ids=["application", "journal", "journal, ISO", "JSON", "with a stack trace"],
)
def test_a_log_that_tells_of_no_refusal_yet(lines: list[str]) -> None:
    """An application's log is one before its first refusal, which may stand far behind the head."""
    quiet = "".join(f"{line}\n" for line in lines)
    assert recognising(quiet) == ["app-log"]
    assert [seen.count for seen in read(quiet * 40 + "2026-01-02 03:04:05 ERROR permission denied\n", "app-log")] == [1]


def test_a_program_beside_a_server_may_refuse_later() -> None:
    """In a composition whose application says nothing of refusals in the head it is read all the same."""
    text = (f"web-1  | {COMBINED}" + "api-1  | 2026-01-02 03:04:05 INFO done\n") * 100
    assert recognising(text) == ["mixed"]


@pytest.mark.parametrize("text", ["one\ntwo\nthree\n", "Jan 02: a\nFeb 03: b\nMar 04: c\n", "a | b\nc | d\ne | f\n"])
def test_lines_without_times_or_levels_are_no_log(text: str) -> None:
    """Prose, diaries and tables belong to nobody."""
    assert recognising(text) == []


_RULES = (
    'ModSecurity: Access denied with code 403 (phase 2). Pattern match "x" at ARGS:q. '
    '[id "950001"] [msg "m"] [hostname "a.example"] [uri "/x"]\n'
)


@pytest.mark.parametrize(
    ("before", "reader"),
    [
        ("[Sat Mar 14 10:00:00 2009] [error] [client 192.0.2.7] ", "apache-error"),
        ("[Fri Jan 02 03:04:05.123456 2026] [security2:error] [pid 1:tid 2] [client 192.0.2.7:1] ", "apache-error"),
        ("2026/01/02 03:04:05 [error] 1#1: *1 [client 192.0.2.7] ", "nginx-error"),
        ("[Sat Mar 14 10:00:00 2009] [client 192.0.2.7] ", "modsecurity"),
        ("", "modsecurity"),
    ],
)
def test_lines_of_modsecurity_are_read_wherever_they_stand(before: str, reader: str) -> None:
    """In an error log by that log's reader; without a level, or cut out of their log, by ModSecurity's own."""
    assert recognising(before + _RULES) == [reader]
    (seen,) = read(before + _RULES)
    assert (seen.format, seen.status) == ("modsecurity", 403)


def test_a_torn_answer_of_haproxy_matters_and_a_whole_one_does_not() -> None:
    """CD and SD stand behind a status of success; what ended well is only a sample of what passes."""
    line = (
        '192.0.2.7:5 [14/Mar/2026:10:00:00.000] f be/s1 0/0/1/30/40 200 50 - - {}-- 1/1/0/0/0 0/0 "GET /x HTTP/1.1"\n'
    )
    told = [seen.fields["termination_state"] for seen in read("".join(map(line.format, ("--", "CD", "SD", "--"))))]
    assert told == ["CD--", "SD--", "----"]
