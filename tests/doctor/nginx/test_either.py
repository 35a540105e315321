"""Refusals that do not turn on the files of a machine that nobody described."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.tree import read_text

_SITE = "server {{ listen 80; root /srv/www; {} location /api/ {{ proxy_pass http://127.0.0.1:8000; }} }}"
_PAGES = "location / { try_files $uri $uri/ /index.html; }"
_FALLBACK = "location / { try_files $uri @app; } location @app { proxy_pass http://127.0.0.1:8000; }"
_SCRIPTS = "location / { try_files $uri /index.php; } location ~ [.]php$ { fastcgi_pass unix:/run/php.sock; }"


def _told(site: str, method: str) -> list[tuple[str, Certainty]]:
    request = Request(method, "/v1/remove-bg", "a.example")
    return [(clue.cause, clue.certainty) for clue in review_tree(read_text(_SITE.format(site)), [request]).clues]


@pytest.mark.parametrize("site", [_PAGES, "", "location / { try_files $uri =404; }"])
def test_an_upload_that_comes_to_files_is_refused_whatever_lies_there(site: str) -> None:
    """405 where there is a file, 404 or 500 where there is none: either way no upstream sees it."""
    assert _told(site, "POST") == [("location.not_proxied", Certainty.LIKELY)]


@pytest.mark.parametrize(("site", "method"), [(_PAGES, "GET"), (_FALLBACK, "POST"), (_SCRIPTS, "POST")])
def test_where_the_files_decide_nothing_is_said(site: str, method: str) -> None:
    """A page may be there, and a script or an application takes what is not."""
    assert _told(site, method) == []
