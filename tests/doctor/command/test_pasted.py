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
