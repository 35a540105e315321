"""Lines to values: our own, everybody else's, and what was never meant to be a line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.watch.reading import Lines, request_of
from mattegate.doctor.watch.rising import Seen
from mattegate.serving.access import AccessLine, encode_line
from tests.doctor.watch.history import START, refused, spelled

FAR = START * 2


def _read(data: bytes, *, latest: float = FAR) -> tuple[list[Seen], Lines]:
    lines = Lines("log", latest)
    return list(lines.block(data)), lines


def test_our_own_line_says_everything() -> None:
    """As the server encodes it: time, status, reason, key id, address, request, request id, the operator's sentence."""
    line = AccessLine(
        time="2026-03-02T00:00:01.250+00:00", address="198.51.100.7", method="POST", path="/v1/remove-bg", status=401,
        reason="credential.revoked", key="C1oNWm8t3TpF", identity="id_1", bytes_in=10, bytes_out=20, ms=1.5,
        request_id="req_1", client_request_id="", problem="revoked yesterday",
    )  # fmt: skip
    (seen,), lines = _read(encode_line(line) + b"\n")
    assert seen == Seen(START + 1.25, 401, "credential.revoked", "C1oNWm8t3TpF", "198.51.100.7", "POST /v1/remove-bg",
                        "req_1", "revoked yesterday", "log", 1)  # fmt: skip
    assert (lines.number, lines.unread) == (1, 0)


@pytest.mark.parametrize("wrap", [
    "2026-03-02T00:00:02+00:00 gate mattegate[71]: {}",
    "mattegate-1  | {}",
    "{}",
])  # fmt: skip
def test_our_line_is_known_in_every_wrapping(wrap: str) -> None:
    """A journal's prefix and a composition's."""
    (seen,), _ = _read(wrap.format(spelled(refused(START, "host.unknown")).decode().strip()).encode() + b"\n")
    assert (seen.reason, seen.at) == ("host.unknown", START)


def test_a_path_cannot_pretend_to_be_a_status() -> None:
    """A caller chooses the path, and JSON escapes its quotation marks."""
    path = '/","status":200,"x":"'
    line = AccessLine(
        time="2026-03-02T00:00:01.250+00:00", address="198.51.100.7", method="GET", path=path, status=404,
        reason="route.unknown", key="", identity="", bytes_in=0, bytes_out=0, ms=1.0, request_id="req_1",
        client_request_id="",
    )  # fmt: skip
    (seen,), _ = _read(encode_line(line) + b"\n")
    assert (seen.status, seen.reason) == (404, "route.unknown")


def test_nginx_apache_and_caddy_are_read_where_they_say_when_and_which_status() -> None:
    """Passing lines count as well; an error log's line says neither, and is counted as such."""
    caddy = {"level": "info", "ts": START + 5.5, "logger": "http.log.access", "msg": "handled request", "status": 403,
             "request": {"remote_ip": "198.51.100.9", "method": "GET", "host": "h", "uri": "/a?b=1"}}  # fmt: skip
    log = (
        b'198.51.100.7 - - [02/Mar/2026:01:00:00 +0100] "POST /v1/jobs/4711?x=1 HTTP/1.1" 502 150 "-" "curl/8"\n'
        b'198.51.100.8 - - [02/Mar/2026:00:00:03 +0000] "GET / HTTP/1.1" 200 150 "-" "curl/8"\n'
        + json.dumps(caddy).encode()
        + b"\n2026/03/02 00:00:01 [error] 7#7: *1 access forbidden by rule, client: 198.51.100.7, server: _\n"
    )
    (bad, good, third), lines = _read(log)
    assert (bad.at, bad.status, bad.address, bad.request) == (START, 502, "198.51.100.7", "POST /v1/jobs/*")
    assert (good.at, good.status) == (START + 3, 200)
    assert (third.at, third.status, third.request) == (START + 5.5, 403, "GET /a")
    assert lines.unread == 1


def test_lines_alike_are_parsed_once_and_keep_their_own_time_and_place() -> None:
    """The short way through equal lines says the same as the long one."""
    line = b'198.51.100.7 - - [02/Mar/2026:00:00:%02d +0000] "GET /x HTTP/1.1" 404 150 "-" "curl/8"\n'
    found, _ = _read(b"".join(line % second for second in range(5)))
    assert [(seen.at - START, seen.line) for seen in found] == [(n, n + 1) for n in range(5)]
    assert len({seen._replace(at=0, line=0) for seen in found}) == 1


def test_torn_lines_and_broken_times_are_counted_and_passed_over() -> None:
    """Two halves that run into each other, an end that is missing, a year that has not come."""
    whole = spelled(refused(START, "host.unknown"))
    future = spelled(refused(FAR - 10, "host.unknown"))
    found, lines = _read(whole[:90] + whole + whole[:120] + b"\n" + whole + future, latest=START + 86_400)
    assert len(found) == 1
    assert (lines.unread, lines.future) == (2, 1)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=400), st.integers(0, 300))
def test_hostile_bytes_never_stop_it(noise: bytes, at: int) -> None:
    """Anywhere in a line or in place of it; every line is either read or counted."""
    line = spelled(refused(START, "host.unknown"))
    found, lines = _read(line[:at] + noise + line[at:] + noise + b"\n")
    assert len(found) + lines.unread + lines.future <= lines.number


@pytest.mark.parametrize(
    "line", [b"[" * 60_000, b'{"a":' * 60_000, b'{"time":"' + b"9" * 60_000, b"\x00" * 60_000, b"a" * 3_000_000]
)
def test_monstrous_lines_cost_no_more_than_a_look(line: bytes) -> None:
    """Deep, long, or of nothing."""
    found, lines = _read(line + b"\n")
    assert (found, lines.number) == ([], 1)


def test_what_varies_from_request_to_request_is_one_request() -> None:
    """Numbers and ids are stars, names and versions stay."""
    assert request_of("GET", "/v1/jobs/123/parts/0f3a9c2e-11aa?x=1") == "GET /v1/jobs/*/parts/*"
    assert request_of("", "") == ""
