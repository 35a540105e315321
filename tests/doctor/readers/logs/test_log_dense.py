"""Logs of hardly anything but refusals: counted by keys, and exactly as line by line."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.readers.logs.formats import Format
from mattegate.doctor.readers.logs.kinds import COARSE_KINDS, KINDS
from tests.doctor.readers.logs.reading import READERS, counted, read

_AGENT = "Mozilla/5.0 (X11; Linux x86_64) Chrome/120.0"
_TIME = "02/Jan/2026:03:04:05 +0000"


def _json(**members: object) -> str:
    return json.dumps(members, separators=(",", ":"))


def _access(n: int) -> str:
    status = (403, 401, 200)[n % 3]
    return f'192.0.2.{n % 5} - - [{_TIME}] "GET /v{n % 2}?n={n} HTTP/1.1" {status} {n} "-" "{_AGENT}"'


def _error(n: int) -> str:
    said = (
        "access forbidden by rule",
        f'limiting requests, excess: {n % 9}.{n % 1000:03} by zone "z{n % 2}"',
        f"client intended to send too large body: {n} bytes",
        'open() "/srv/a" failed (13: Permission denied)',
    )[n % 4]
    tail = f'client: 192.0.2.{n % 5}, server: s, request: "GET /v{n % 2}?n={n} HTTP/1.1", host: "h"'
    return f"2026/01/02 03:04:{n % 60:02} [error] 31#31: *{n} {said}, {tail}"


def _caddy(n: int) -> str:
    request = {"remote_ip": f"192.0.2.{n % 5}", "method": "GET", "host": "h", "uri": f"/v{n % 2}?n={n}", "headers": {}}
    status = (403, 200, 502, 401)[n % 4]
    return _json(
        level="info", ts=n, logger="http.log.access", msg="handled, \\ request", request=request, status=status
    )


def _traefik_json(n: int) -> str:
    return _json(
        ClientHost=f"192.0.2.{n % 5}", DownstreamStatus=403 if n % 3 else 429, RequestMethod="GET", RequestCount=n,
        RequestPath=f"/v{n % 2}?n={n}", RequestHost="h", RouterName="api@docker", OriginStatus=0,
        entryPointName="websecure", level="info", msg="", time="2026-01-02T03:04:05Z",
    )  # fmt: skip


def _waf(n: int) -> str:
    request = {"clientIp": f"192.0.2.{n % 5}", "uri": f"/v{n % 2}", "args": f"n={n}", "httpMethod": "GET"}
    rule = "A" if n % 3 else "B"
    return _json(timestamp=n, terminatingRuleId=rule, action="BLOCK", httpRequest=request, ruleGroupList=[])


def _gateway(n: int) -> str:
    return _json(
        requestId=f"{n:032x}", ip=f"192.0.2.{n % 5}", httpMethod="GET", resourcePath=f"/v{n % 2}", stage="p",
        status="403", errorMessage="Forbidden" if n % 3 else "Missing Authentication Token", requestTime=_TIME,
    )  # fmt: skip


def _envoy_json(n: int) -> str:
    return _json(
        response_code=403, response_flags="-", response_code_details="rbac_access_denied", method="GET",
        path=f"/v{n % 2}?n={n}", authority="h", downstream_remote_address=f"192.0.2.{n % 5}:{n % 50_000}", duration=n,
    )  # fmt: skip


def _nginx_json(n: int) -> str:
    return _json(remote_addr=f"192.0.2.{n % 5}", request=f"GET /v{n % 2}?n={n} HTTP/1.1", status="403", request_time=n,
                 upstream_status="403" if n % 3 else "", body_bytes_sent=n)  # fmt: skip


_MAKERS: dict[str, Callable[[int], str]] = {
    "access": _access,
    "nginx-error": _error,
    "caddy-log": _caddy,
    "traefik-log": _traefik_json,
    "aws-waf": _waf,
    "aws-apigw-access": _gateway,
    "envoy-log": _envoy_json,
    "nginx-access": _nginx_json,
    "apache-error": lambda n: (
        f"[Fri Jan 02 03:04:05.{n % 1_000_000:06} 2026] [authz_core:error] [pid {n}:tid 1] "
        f"[client 192.0.2.{n % 5}:{n}] AH01630: client denied by server configuration: /srv/v{n % 2}, referer: https://r.example/{n}"
    ),
    "haproxy-log": lambda n: (
        f"Jan  2 03:04:05 lb haproxy[1]: 192.0.2.{n % 5}:{n % 50_000} [02/Jan/2026:03:04:05.655] in b/<NOSRV> "
        f'0/-1/-1/-1/{n} {403 if n % 3 else 429} 192 - - PR-- 1/1/0/0/0 0/0 {{h}} "GET /v{n % 2}?n={n} HTTP/1.1"'
    ),
    "squid-access": lambda n: (
        f"17673230{n % 100:02}.123 {n} 192.0.2.{n % 5} TCP_DENIED/403 39 GET http://h/v{n % 2}?n={n} - HIER_NONE/- t"
    ),
    "aws-alb": lambda n: (
        f"https 2026-01-02T03:04:05.123456Z app/l/5 192.0.2.{n % 5}:{n % 50_000} - -1 -1 -1 403 - 34 {n} "
        f'"GET https://h:443/v{n % 2}?n={n} HTTP/1.1" "{_AGENT}" - - - "Root=1-{n}" "h" "-" 0 '
        f'2026-01-02T03:04:05.000000Z "{"waf" if n % 3 else "fixed-response"}" "-" "-" "-" "-" "-" "-"'
    ),
    "aws-cloudfront": lambda n: (
        f"2026-01-02\t03:04:05\tLAX1\t{n}\t192.0.2.{n % 5}\tGET\td.cloudfront.net\t/v{n % 2}\t403\t-\tcurl\tn={n}\t"
        f"-\tError\t{n}==\th\thttps\t23\t0.001\t-\tTLSv1.2\tX\tError\tHTTP/2.0\t-\t-\t{n}\t0.001\tError\tt\t78\t-\t-"
    ),
    "selinux": lambda n: (
        f"type=AVC msg=audit({1767323045 + n}.123:{n}): avc:  denied  {{ read }} for  pid={n} comm=\"nginx\" "
        f"name=\"v{n % 2}\" ino={n} scontext=a:b:httpd_t:s0 tcontext=a:b:var_t:s0 tclass=file permissive={n % 2}"
    ),
    "app-log": lambda n: (
        f"2026-01-02 03:04:{n % 60:02},{n % 1000:03} WARNING request {n} from 10.0.0.{n % 5}: "
        f"{'permission denied' if n % 2 else 'token expired, HTTP 401'}"
    ),
}  # fmt: skip
_OTHER_APPS: dict[str, Callable[[int], str]] = {
    "uvicorn": lambda n: (
        f'INFO:     192.0.2.{n % 5}:{40_000 + n} - "GET /files/{1_000 + n % 3}?n={n} HTTP/1.1" '
        f"{401 + n % 2 * 2} Forbidden"
    ),
    "other addresses": lambda n: (
        f"[03:04:{n % 60:02}] WARN id={n * 7919:032x} client 200{n % 2}:db8::{1_110 + n % 3}: permission denied "
        f"after {n} tries"
    ),
    "paths of identifiers": lambda n: (
        f"2026-01-02T03:04:{n % 60:02}.{n:06}Z req={n:08x} "
        f'"POST /img{2_000 + n % 4}/{0xABCDEF01 + n % 2:x} HTTP/1.1" 403'
    ),
    "JSON": lambda n: _json(level="warn", ts=n, msg="access denied", path=f"/a/{5_000 + n % 3}", ip=f"10.0.0.{n % 5}"),
}
_WRAPPED: dict[str, Callable[[int], str]] = {
    "compose": lambda n: f"web-1  | {_access(n)}" if n % 4 else f"api-1  | {_MAKERS['app-log'](n)}",
    "kubernetes": lambda n: f"2026-01-02T03:04:05.{n:09}Z stderr F {_error(n)}",
    "docker": lambda n: _json(log=_access(n) + "\n", stream="stdout", time=f"2026-01-02T03:04:05.{n:09}Z"),
    "journal": lambda n: _json(__REALTIME_TIMESTAMP=str(1767323045_000000 + n), MESSAGE=_error(n), _PID=str(n)),
    "syslog": lambda n: f"Jan  2 03:04:{n % 60:02} web nginx[812]: {_error(n)}",
    "three programs": lambda n: (_caddy, _MAKERS["app-log"], _error)[n % 3](n),
}
_LINES = 3_000


@pytest.mark.parametrize("name", [*_MAKERS, *_OTHER_APPS, *_WRAPPED])
def test_counted_by_keys_as_line_by_line(name: str) -> None:
    """A long log gives the kinds and counts of its pieces, which are too short for keys."""
    lines = [f"{(_MAKERS | _OTHER_APPS | _WRAPPED)[name](n)}\n" for n in range(_LINES)]
    reader = "app-log" if name in _OTHER_APPS else "mixed" if name in _WRAPPED else name
    pieces = ("".join(lines[at : at + 100]) for at in range(0, _LINES, 100))
    by_line = counted(seen for piece in pieces for seen in read(piece, reader))
    assert counted(read("".join(lines), reader)) == by_line
    assert by_line.total() > _LINES // 3


@pytest.mark.parametrize("name", ["access", "caddy-log", "app-log"])
def test_another_line_among_many_alike_is_not_lost(name: str) -> None:
    """One refusal of another kind in the midst of megabytes is told with its own line, whoever wrote it."""
    lines = [f"{_MAKERS[name](n)}\n" for n in range(6_000)]
    lines[4_000] = "2026/01/02 03:04:05 [crit] 1#1: *1 SSL_shutdown() failed, client: 203.0.113.9, server: s\n"
    (odd,) = (seen for seen in read("".join(lines), "mixed") if seen.client == "203.0.113.9")
    assert (odd.format, odd.place.line, odd.count) == ("nginx-error", 4_001, 1)


def test_kinds_that_are_known_count_on_beyond_the_bound() -> None:
    """What was refused before a scan began is still counted as itself when the scan has filled every table."""
    usual = f'192.0.2.1 - - [{_TIME}] "POST /v1/remove-bg HTTP/1.1" 403 1 "-" "-"\n'
    scan = [f'10.0.0.1 - - [{_TIME}] "GET /{n}.php HTTP/1.1" 404 1 "-" "-"\n' for n in range(8_000)]
    seen = read("".join(line for some in scan for line in (usual, some)), "access")
    assert [one.count for one in seen if one.request == "POST /v1/remove-bg"] == [8_000]
    assert sum(one.count for one in seen) == 16_000
    assert len(seen) == KINDS + 1


def test_messages_without_end_are_bounded_and_counted() -> None:
    """An application that says another word each time costs neither memory nor a line."""
    letters = [chr(97 + n) for n in range(26)]
    words = (
        f"{letters[n % 26]}{letters[n // 26 % 26]}{letters[n // 676 % 26]}{letters[n // 17_576]}" for n in range(8_000)
    )
    seen = read("".join(f"2026-01-02 03:04:05 ERROR denied for {word}\n" for word in words), "app-log")
    assert sum(one.count for one in seen) == 8_000
    assert len(seen) <= KINDS + COARSE_KINDS + 1


def test_several_lines_in_one_wrapping_are_one() -> None:
    """A journal's message may be a whole traceback; it is read as it is alone, and so are its neighbours."""
    traceback = "Traceback: permission denied\n  File x\n" + _error(3)
    said = [traceback if n % 50 == 49 else _error(n) for n in range(_LINES)]
    lines = [_json(__REALTIME_TIMESTAMP="1767323045000000", MESSAGE=text) + "\n" for text in said]
    for reader in ("nginx-error", "mixed"):
        by_line = counted(seen for at in range(0, _LINES, 100) for seen in read("".join(lines[at : at + 100]), reader))
        assert counted(read("".join(lines), reader)) == by_line
    assert sum(count for told, count in by_line.items() if told[0] == "app-log") == _LINES // 50


def _formats() -> dict[str, Format]:
    return {shape.name: shape for reader in READERS.values() for shape in getattr(reader, "formats", ())}


_PIECES = [
    ',"[]',
    '"',
    "[",
    "]",
    ",",
    " ",
    "\\",
    '\\"',
    "?",
    "{",
    "}",
    ", client: ",
    ", referer: ",
    "\0",
    "é",
    "a",
    "403",
]
_JUNK = st.lists(st.sampled_from(_PIECES), max_size=4).map("".join)


@st.composite
def _damages(draw: st.DrawFn) -> Callable[[str], bytes]:
    """Puts something into a line or cuts something off, at any place."""
    at, cut, junk = draw(st.integers(0, 300)), draw(st.sampled_from([0, 0, 1, 9, 400])), draw(_JUNK)
    return lambda line: (line[:at] + junk + line[at + cut :]).encode()


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    """A line of some log, damaged."""
    return draw(_damages())(_MAKERS[draw(st.sampled_from(sorted(_MAKERS)))](draw(st.integers(0, 99))))


@given(st.lists(_damaged() | _JUNK.map(str.encode), min_size=1, max_size=8), st.sampled_from(sorted(_formats())))
@settings(max_examples=600, deadline=None)
def test_no_line_has_a_part_in_the_key_of_another(lines: list[bytes], name: str) -> None:
    """What stands around a line does not change its key, however it is torn; an empty key is nobody's."""
    keys = _formats()[name].keys
    if keys is not None and keys.strict:
        assert keys.of(lines) == [key for line in lines for key in keys.of([line])]


@given(_damages(), st.sampled_from(sorted(_MAKERS)), st.integers(2, 16), st.integers(2, 16))
@settings(max_examples=600, deadline=None)
def test_lines_of_one_key_have_one_sketch(damage: Callable[[str], bytes], name: str, some: int, other: int) -> None:
    """Two lines that differ in what counts up, damaged alike: no format takes them for the same unless they are."""
    lines = [damage(_MAKERS[name](60 * number)) for number in (some, other)]
    for shape in _formats().values():
        if shape.keys is not None and shape.keys.strict:
            one, another = shape.keys.of(lines)
            assert one != another or one == shape.keys.nothing or len(set(map(shape.sketch, lines))) == 1


@given(st.binary(max_size=300), st.sampled_from(sorted(_formats())), st.sampled_from(sorted(_MAKERS)))
@settings(max_examples=300, deadline=None)
def test_each_line_has_a_key(junk: bytes, name: str, other: str) -> None:
    """Whatever stands in a block, there are as many keys as lines."""
    keys = _formats()[name].keys
    lines = (junk + b"\n" + _MAKERS[other](7).encode() + junk).split(b"\n")
    if keys is not None:
        assert len(keys.of(lines)) == len(lines)
