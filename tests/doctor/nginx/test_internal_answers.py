"""What nginx answers by itself because a request leads nowhere in it, each held against real nginx."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import read_text
from tests.doctor.nginx.rig import Rig, standing_rig, worker_files

_ODD = Request("GET", "/app.sock", "a.example", client="127.0.0.1")
_TRACE = Request("TRACE", "/", "a.example", client="127.0.0.1")
_GET = Request("GET", "/x/a.txt", "a.example", client="127.0.0.1")
_CASES = [
    ("location /x/ { alias {{root}}/docs/; rewrite ^ /other break; }", _GET, "alias.rewritten", 500),
    (
        "location / { root {{folder}}/odd; }",
        Request("GET", "/app.sock", "a.example", client="127.0.0.1"),
        "file.not_a_file",
        500,
    ),
    ("location / { try_files $uri /nowhere; }", _GET, "redirect.cycle", 500),
    ("location / { rewrite ^/x(.*) /x$1 last; }", _GET, "redirect.cycle", 500),
    ("location / { try_files $uri @app; }", _GET, "location.name_missing", 500),
    ("location / { set $to ''; proxy_pass http://$to; }", _GET, "upstream.no_address", 500),
    ("location / { set $to app.example; proxy_pass http://$to; }", _GET, "upstream.no_resolver", 502),
    (
        "location / { if ($arg_a = '') { proxy_pass http://{{upstream}}; } if ($arg_b = '') { set $c 1; } }",
        _GET,
        "if.handler_lost",
        500,
    ),
    (
        "location / { proxy_pass http://{{upstream}}; }",
        Request("GET", "/", "a.example", (("Authorization", "a"), ("Authorization", "b")), "127.0.0.1"),
        "request.framing",
        400,
    ),
    (
        "location / { proxy_pass http://{{upstream}}; }",
        Request("TRACE", "/", "a.example", client="127.0.0.1"),
        "method.never",
        405,
    ),
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """nginx, and a folder with a socket in it."""
    with standing_rig() as standing, socket.socket(socket.AF_UNIX) as listening:
        odd = Path(standing.site.folder / "odd")
        odd.mkdir()
        listening.bind(str(odd / "app.sock"))
        yield standing


@pytest.mark.parametrize(("server", "request_", "cause", "status"), _CASES, ids=[case[2] for case in _CASES])
def test_each_has_a_cause_of_its_own(rig: Rig, server: str, request_: Request, cause: str, status: int) -> None:
    """nginx answers so, and the finding says why, with the line where there is one."""
    text = rig.filled(
        f"{{{{head}}}}\nhttp {{\n{{{{http_head}}}}\nserver {{ listen {{{{port}}}}; root {{{{root}}}}; {server} }}\n}}\n"
    )
    rig.start(text)
    assert rig.send(request_).status == status
    around = Surroundings(files=worker_files(rig.site.folder))
    (clue,) = review_tree(read_text(text), [request_], around).clues
    assert (clue.cause, clue.status) == (cause, status)
    assert clue.culprit
    assert clue.culprit[0].line
