"""Threads: several pieces in one text, and pieces of answers without their exchange."""

from __future__ import annotations

import json
import os
import threading
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import pytest

from mattegate.doctor.command.run import main

_LINE = (
    "2023/01/01 10:00:00 [error] 5#5: *1 access forbidden by rule, client: 192.0.2.7, server: _, "
    'request: "POST /api/x HTTP/1.1", host: "a.example.com"'
)
_PAGE = """<html>
<head><title>413 Request Entity Too Large</title></head>
<body>
<center><h1>413 Request Entity Too Large</h1></center>
<hr><center>nginx/1.25.3</center>
</body>
</html>
"""
_THREAD = f"""It answers 403 since yesterday.

```nginx
server {{
    listen 80;
    location /api/ {{ deny all; proxy_pass http://127.0.0.1:8000; }}
}}
```

The log says:

```
{_LINE}
```
"""


def _told(text: str) -> dict[str, Any]:
    out = StringIO()
    code = main(["-", "--json"], BytesIO(text.encode()), out, StringIO(), {})
    assert code in (0, 3, 4), out.getvalue()
    told: dict[str, Any] = json.loads(out.getvalue())
    return told


def test_a_thread_is_read_piece_by_piece() -> None:
    """The log's refusal is asked of the configuration beside it; lines keep the thread's numbers."""
    findings = _told(_THREAD)["findings"]
    assert [finding["cause"] for finding in findings] == ["access.rule_denies", "access.denied_by_rule"][
        : len(findings)
    ]
    assert findings[0]["culprit"][0]["line"] == 6
    assert "standard input:13" in str(findings)


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        (_PAGE, "upload"),
        ('{"message":"You cannot consume this service"}\n', "policy"),
        (f"> {_LINE}\n", "nginx-access"),
        (f"2. {_LINE}\n", "nginx-access"),
        (f"it says `{_LINE}`\n", "nginx-access"),
    ],
)
def test_a_piece_of_an_answer_is_enough(text: str, layer: str) -> None:
    """A page, a body or a quoted line by itself names its layer."""
    assert [finding["layer"] for finding in _told(text)["findings"]][:1] == [layer]


@pytest.mark.parametrize(
    ("text", "layer"),
    [
        ("error code: 1020\n", "waf"),
        ("error code: 522\n", "upstream-connect"),
        ("Sorry, you have been blocked\nYou are unable to access img.example.com\n", "waf"),
        ("Forbidden (403)\nCSRF verification failed. Request aborted.\n", "app"),
        ("Access through untrusted domain\nPlease contact your administrator.\n", "host"),
        ('Blocked request. This host ("app.example.com") is not allowed.\n', "host"),
        ("Invalid Host header\n", "host"),
        ('{"detail":"Method Not Allowed"}\n', "route"),
        ('{"detail":"Origin not allowed: https://page.example"}\n', "app"),
        ('nginx: [emerg] host not found in upstream "api" in /etc/nginx/conf.d/api.conf:3\n', "dns"),
        ("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n", "tcp"),
    ],
)
def test_of_a_body_or_a_sentence_alone_no_status_is_claimed(text: str, layer: str) -> None:
    """Its words name the layer; what status the answer had nobody said."""
    finding = _told(text)["findings"][0]
    assert (finding["layer"], finding["status"]) == (layer, None)


def test_what_many_may_have_said_is_possible_at_most() -> None:
    """A lone Forbidden of JSON has several causes, each with what would tell it apart."""
    findings = _told('{"message":"Forbidden"}\n')["findings"]
    assert len({finding["cause"] for finding in findings}) >= 4
    assert {finding["certainty"] for finding in findings} == {"possible"}
    assert all(finding["tell_apart"] for finding in findings)


def test_a_title_with_a_status_gives_it() -> None:
    """A page that names its status is believed."""
    page = "<html><head><title>img.example.com | 522: Connection timed out</title></head></html>\n"
    assert [(finding["layer"], finding["status"]) for finding in _told(page)["findings"]] == [("upstream-connect", 522)]


def test_one_event_that_stands_twice_is_one_evidence() -> None:
    """A line that is quoted again further down is the same refusal, with how often it was seen."""
    (finding,) = _told(f"```\n{_LINE}\n```\nAnd again:\n```\n{_LINE}\n```\n")["findings"]
    assert [line.rpartition(" (")[2] for line in finding["evidence"]] == ["standard input:2, seen 2 times)"]


def test_a_command_and_what_came_of_it_in_one_text() -> None:
    """The port that docker run publishes on loopback explains the refusal that curl saw, and stands before it."""
    text = (
        "$ docker run -d -p 127.0.0.1:8000:8000 example/gate:1\n$ curl -v http://192.0.2.5:8000/\n"
        "*   Trying 192.0.2.5:8000...\n* connect to 192.0.2.5 port 8000 failed: Connection refused\n"
        "curl: (7) Failed to connect to 192.0.2.5 port 8000 after 0 ms: Couldn't connect to server\n"
    )
    assert [finding["cause"] for finding in _told(text)["findings"]] == ["container.loopback_only", "tcp.refused"]


def test_a_record_of_a_cloud_over_many_lines_is_read() -> None:
    """Consoles copy JSON with its lines broken; it is the same record."""
    record = {"category": "ApplicationGatewayFirewallLog", "properties": {"ruleId": "949110", "action": "Blocked"}}
    assert [finding["layer"] for finding in _told(json.dumps(record, indent=2))["findings"]] == ["waf"]


@pytest.mark.parametrize("text", ["It does not work, please help!\n", "```\nhello\n```\n", '{"detail": "x"}\n'])
def test_what_says_nothing_is_no_input(text: str) -> None:
    """Text in which nothing is known is never called sound."""
    err = StringIO()
    assert main(["-"], BytesIO(text.encode()), StringIO(), err, {}) == 1
    assert "no kind of input" in err.getvalue()


def test_a_message_on_bad_input_keeps_secrets() -> None:
    """What a reader quotes of a line that it cannot read is redacted."""
    err = StringIO()
    text = "services:\n  app:\n    image: x\n    environment:\n      - A=b\n      SECRET: hunter2hunter2hunter2\n"
    assert main(["--as", "compose", "-"], BytesIO(text.encode()), StringIO(), err, {}) == 1
    assert "hunter2" not in err.getvalue()


def test_a_pipe_by_its_name_is_read_once(tmp_path: Path) -> None:
    """What a shell makes of ``<(…)`` is no file that can be read again."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(f"{_LINE}\n",))
    writer.start()
    out = StringIO()
    assert main([str(pipe), "--json"], BytesIO(), out, StringIO(), {}) == 3
    writer.join()
    assert "nginx-access" in out.getvalue()
