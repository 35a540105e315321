"""What a review says where nobody named a request: nothing that is only unusual."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.review.usual import MOST_SERVERS
from mattegate.doctor.nginx.tree import read_text

_CORS = """
    location /v1/ {{
        add_header Access-Control-Allow-Origin {origin} always;
        if ($request_method = OPTIONS) {{
            add_header Access-Control-Allow-Origin {origin} always;
            add_header Access-Control-Allow-Headers "{headers}" always;
            return 204;
        }}
        proxy_pass http://127.0.0.1:8000;
    }}
"""


def _raised(server: str, *, http: str = "", whole: bool = True) -> list[tuple[str, Certainty]]:
    inner = f"server {{ listen 80; {server} }}"
    text = f"events {{}} http {{ {http} {inner} }}" if whole else inner
    return [(clue.cause, clue.certainty) for clue in review_tree(read_text(text)).clues]


@pytest.mark.parametrize(
    "server",
    [
        "location / { proxy_pass http://127.0.0.1:3000; }",
        "client_max_body_size 2m; location / { proxy_pass http://127.0.0.1:3000; }",
        "allow 203.0.113.0/24; deny all; location / { proxy_pass http://127.0.0.1:3000; }",
        "location / { if ($http_x_key != k) { return 403; } proxy_pass http://127.0.0.1:3000; }",
        _CORS.format(origin="https://shop.example.com", headers="Authorization"),
        _CORS.format(origin="https://shop.example.com", headers="X-API-Key"),
        _CORS.format(origin="*", headers="Content-Type"),
        _CORS.format(origin="luna://com.example", headers="Content-Type"),
        "location /sdk/ { add_header Access-Control-Allow-Origin *; } location / { proxy_pass http://127.0.0.1:9; }",
    ],
)
def test_nothing_is_made_up(server: str) -> None:
    """Neither an upload nobody makes, nor a stranger who is kept out, nor a page that is not admitted is a fault."""
    assert _raised(server) == []


def test_a_page_by_a_map_is_one_that_the_map_admits() -> None:
    """Of several origins that are written out one is tried; where only patterns admit, none is made up."""
    use = _CORS.format(origin="$allowed", headers="Authorization")
    assert _raised(use, http="map $http_origin $allowed { default ''; https://a.example $http_origin; }") == []
    assert _raised(use, http="map $http_origin $allowed { default ''; ~^https://.*[.]a$ $http_origin; }") == []


def test_a_lost_header_is_told_without_being_asked() -> None:
    """The origin that is written out loses its header in a location with a header of its own."""
    lost = """add_header Access-Control-Allow-Origin https://a.example always;
    location /v1/ { add_header X-A 1; proxy_pass http://127.0.0.1:8000; }"""
    assert [cause for cause, _ in _raised(lost)] == ["cors.add_header_lost"]


def test_a_location_for_uploads_must_let_them_in() -> None:
    """Where uploads are meant to arrive, a picture of 9 MB is; but of a piece nobody knows what stands around it."""
    server = "location /upload { proxy_pass http://127.0.0.1:8000; }"
    assert _raised(server) == [("body.too_large", Certainty.LIKELY)]
    assert _raised(server, whole=False) == []


def test_many_servers_are_not_all_tried() -> None:
    """The requests that nobody asked for are bounded."""
    servers = "".join(f"server {{ server_name s{n}; location / {{ proxy_pass http://a; }} }}" for n in range(200))
    reviewed = review_tree(read_text(f"http {{ {servers} }}"))
    assert len(reviewed.predictions) <= MOST_SERVERS * 6
    assert f"{200 - MOST_SERVERS} more servers" in reviewed.not_checked[0]


def test_a_default_is_not_sure_beside_what_was_not_read() -> None:
    """The limit may stand in the file that is included and was not read."""
    text = "server { location / { include proxy.conf; proxy_pass http://127.0.0.1:1; } }"
    request = Request("POST", "/", "a.example", body_bytes=5_000_000)
    (clue,) = review_tree(read_text(text), [request]).clues
    assert (clue.cause, clue.certainty) == ("body.too_large", Certainty.POSSIBLE)
