"""Configurations that nginx can read and does not start with, each held against real nginx."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.tree import read_text
from tests.doctor.nginx.rig import NotStarted, Rig, standing_rig

_PASS = "proxy_pass http://127.0.0.1:9"
_REFUSED = [
    f"location / {{ proxy_set_header Host $host {_PASS}; }}",
    f"location / {{ {_PASS} client_max_body_size 5m; }}",
    "location / { deny; }",
    f"location / {{ add_header A b c d; {_PASS}; }}",
    f"location /a {{ {_PASS}; }} location /a {{ deny all; }}",
    f"location ^~ /a {{ {_PASS}; }} location /a {{ deny all; }}",
    f"location /o {{ location /o/a {{ {_PASS}; }} location /o/a {{ deny all; }} }}",
    f"location ~ ^/v1/ {{ {_PASS}/x/; }}",
    f"location @app {{ {_PASS}/; }}",
    f"location /a {{ if ($arg_x) {{ {_PASS}/; }} }}",
    f"location /a {{ limit_except GET {{ {_PASS}/; }} }}",
]
_STARTS = [
    f"location @a {{ {_PASS}; }} location @a {{ deny all; }}",
    f"location = /a {{ {_PASS}; }} location /a {{ deny all; }} location /a/ {{ deny all; }}",
    f"location ~ a {{ {_PASS}; }} location ~ a {{ deny all; }} location ~* a {{ deny all; }}",
    f"location ~ ^/v1/ {{ {_PASS}; }} location @app {{ {_PASS}; }}",
    "location ~ ^/v1/(.*) { set $b 127.0.0.1:9; proxy_pass http://$b/x/$1; }",
    f"location /a/ {{ if ($arg_x) {{ {_PASS}; }} {_PASS}/b/; }}",
    f"location / {{ add_header A b always; return 200; }} location /b {{ rewrite ^ /c break; {_PASS}; }}",
]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """One nginx for all."""
    with standing_rig() as standing:
        yield standing


def _text(rig: Rig, server: str) -> str:
    return rig.filled(f"{{{{head}}}}\nhttp {{\n{{{{http_head}}}}\nserver {{ listen {{{{port}}}}; {server} }}\n}}\n")


def _said(text: str) -> list[str]:
    return [clue.facts["problem"] for clue in review_tree(read_text(text)).clues if clue.cause == "config.refused"]


@pytest.mark.parametrize("server", _REFUSED)
def test_what_nginx_stops_at_is_told_in_its_words(rig: Rig, server: str) -> None:
    """nginx does not start, and its message is the one that is told."""
    text = _text(rig, server)
    with pytest.raises(NotStarted) as stopped:
        rig.start(text)
    (said, *_) = _said(text)
    assert said in str(stopped.value)


@pytest.mark.parametrize("server", _STARTS)
def test_what_nginx_starts_with_is_not_refused(rig: Rig, server: str) -> None:
    """nginx starts, and nothing is told."""
    text = _text(rig, server)
    rig.start(text)
    assert _said(text) == []


def test_a_text_that_ends_too_early_is_told_with_its_line() -> None:
    """What nginx could not read has a culprit: the file, the line, and what stands there."""
    text = "http {\n server {\n  listen 80\n }\n}\n"
    (clue,) = [clue for clue in review_tree(read_text(text)).clues if clue.cause == "config.refused"]
    (culprit,) = clue.culprit
    assert (culprit.file, culprit.line, culprit.text) == ("nginx.conf", 4, "}")
