"""What containers, journals and clouds put before a line is taken off, and gives the time that the line lacks."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.readers.logs.wrapping import bare_lines, unwrapped
from tests.doctor.readers.logs.reading import one, read

LINE = (
    "2026/01/02 04:04:05 [error] 31#31: *1 access forbidden by rule, client: 192.0.2.1, server: , "
    'request: "GET /api?x=1 HTTP/1.1", host: "a.example"'
)
AT = 1767323045.0
"""2026-01-02T03:04:05Z."""


@pytest.mark.parametrize(
    ("wrapped", "at", "teller"),
    [
        (LINE, None, None),
        (f"nginx-1  | {LINE}", None, "nginx-1"),
        (f"\x1b[36mnginx-1  |\x1b[0m {LINE}", None, "nginx-1"),
        (f"nginx_1 | 2026-01-02T03:04:05.000000000Z {LINE}", AT, "nginx_1"),
        (f"2026-01-02T03:04:05.000000000Z {LINE}", AT, None),
        (f"2026-01-02T04:04:05+01:00 stderr F {LINE}", AT, None),
        (f"[pod/web-7c9/nginx] 2026-01-02T03:04:05Z {LINE}", AT, "web-7c9/nginx"),
        (f"Jan  2 04:04:05 web nginx[12]: {LINE}", None, "nginx"),
        (f"<190>Jan  2 04:04:05 web nginx: {LINE}", None, "nginx"),
        (f"2026-01-02T04:04:05+0100 web nginx[12]: {LINE}", AT, "nginx"),
        (f"Fri 2026-01-02 03:04:05 UTC web nginx[12]: {LINE}", AT, "nginx"),
        (f'<165>1 2026-01-02T03:04:05.000Z web nginx 12 - [x@1 a="b"] {LINE}', AT, "nginx"),
        (f"2026-01-02T03:04:05.000000Z web nginx[12]: {LINE}", AT, "nginx"),
        (json.dumps({"log": LINE + "\n", "stream": "stderr", "time": "2026-01-02T03:04:05.000000000Z"}), AT, None),
        (
            json.dumps({"__REALTIME_TIMESTAMP": "1767323045000000", "SYSLOG_IDENTIFIER": "nginx", "MESSAGE": LINE}),
            AT,
            "nginx",
        ),
        (json.dumps({"__REALTIME_TIMESTAMP": "1767323045000000", "MESSAGE": list(LINE.encode())}), AT, None),
    ],
    ids=range(16),
)
def test_the_inner_line_is_read_the_same(wrapped: str, at: float | None, teller: str | None) -> None:
    """However a line of nginx's was collected, it is nginx's, with the collector's time and name."""
    seen = one(wrapped + "\n")
    assert (seen.format, seen.client, seen.request, seen.message) == (
        "nginx-error",
        "192.0.2.1",
        "GET /api",
        "access forbidden by rule",
    )
    assert (seen.at, seen.fields.get("service"), seen.fields["time"]) == (at, teller, "2026/01/02 04:04:05")


def test_a_composition_is_read_line_by_line() -> None:
    """Three programs in one stream are three formats in one reading."""
    seen = read(
        'nginx-1  | 192.0.2.1 - - [02/Jan/2026:03:04:05 +0000] "POST /v1/x HTTP/1.1" 403 153 "-" "curl/8" "-"\n'
        f"nginx-1  | {LINE}\n"
        'api-1    | INFO:     172.18.0.3:1234 - "POST /v1/x HTTP/1.1" 401 Unauthorized\n'
        "proxy-1  | 1767323045.123     21 10.0.0.5 TCP_DENIED/403 3846 CONNECT a.example:443 - HIER_NONE/- text/html\n"
    )
    assert [(one.format, one.fields["service"], one.status) for one in seen] == [
        ("access", "nginx-1", 403),
        ("nginx-error", "nginx-1", None),
        ("app-log", "api-1", 401),
        ("squid-access", "proxy-1", 403),
    ]


def test_cloudwatch_tail_is_taken_off() -> None:
    """``aws logs tail`` puts a time and a stream before what API Gateway wrote."""
    seen = one(
        "2026-01-02T03:04:05.000000+00:00 50d5c8018be961092e0daa446f09b1c1 (c6af9ac6-7b61-11e6-9a41-93e8deadbeef) "
        "Method completed with status: 403\n"
    )
    assert (seen.format, seen.status, seen.at) == ("aws-apigw-execution", 403, AT)


_WRAPPERS: tuple[Callable[[str], str], ...] = (
    lambda said: said,
    lambda said: f"nginx-1  | {said}",
    lambda said: f"Web | {said}",
    lambda said: f"2026-app  | {said}",
    lambda said: f"\x1b[36mnginx-1  |\x1b[0m {said}",
    lambda said: f"2026-01-02T03:04:05.000000000Z {said}",
    lambda said: f"2026-01-02T04:04:05+01:00 stderr F {said}",
    lambda said: f"Jan  2 04:04:05 web nginx[12]: {said}",
    lambda said: f"Jan 12 04:04:05 kernel: {said}",
    lambda said: f"<190>Jan  2 04:04:05.5 web nginx: {said}",
    lambda said: f'<165>1 2026-01-02T03:04:05.000Z web nginx 12 - [x@1 a="b"] {said}',
    lambda said: json.dumps({"log": f"{said}\n", "stream": "stderr"}),
    lambda said: json.dumps({"stream": "log", "log": said}),
    lambda said: json.dumps({"MESSAGE": said, "PRIORITY": "6"}, separators=(",", ":")),
    lambda said: json.dumps({"level": "info", "msg": said}),
)
_SAID = st.lists(
    st.sampled_from([LINE, "denied", " ", '"', "\\", "\\n", "\t", "é", ',"[]', "}", '{"a":1}', "log", '"log":', "|"]),
    max_size=4,
).map("".join)


@st.composite
def _wrapped(draw: st.DrawFn) -> bytes:
    """A line in a wrapping, which may be torn at either end."""
    line = draw(st.sampled_from(_WRAPPERS))(draw(_SAID)).encode()
    return line[draw(st.sampled_from([0, 0, 0, 1, 5])) : len(line) - draw(st.sampled_from([0, 0, 0, 1, 3, 30]))]


@given(st.lists(_wrapped(), min_size=1, max_size=12))
@settings(max_examples=400, deadline=None)
def test_many_lines_are_unwrapped_as_each_of_them(lines: list[bytes]) -> None:
    """Whatever stands around a line, and whichever wrapping the first lines have."""
    bare = bare_lines(lines)
    if bare is not lines:
        alone = [unwrapped(line)[0].strip(b"\0\r") for line in lines]
        assert [unwrapped(line)[0] for line in bare] == [unwrapped(line)[0] for line in alone]
