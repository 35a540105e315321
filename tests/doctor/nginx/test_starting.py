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
    "if ($http_origin) { add_header Access-Control-Allow-Origin $http_origin; }",
    f"location / {{ if ($http_upgrade) {{ proxy_set_header Connection upgrade; }} {_PASS}; }}",
    f"{_PASS};",
    "map $uri $a { default 1; }",
    "limit_req_zone $binary_remote_addr zone=a:1m rate=1r/s;",
    f"location / {{ client_header_timeout 5s; {_PASS}; }}",
    "client_max_body_size 20MB;",
    "client_body_buffer_size 1g;",
    f"location / {{ {_PASS}; proxy_read_timeout 5min; }}",
    "underscores_in_headers yes;",
    "client_max_body_size 5m; client_max_body_size 9m;",
    "allow office.example.com; deny all;",
    "location / { proxy_pass 127.0.0.1:9; }",
    f"server_name a.example location / {{ {_PASS}; }}",
    f"location ~ ^/(v1 {{ {_PASS}; }}",
    f"location ~ ^/v1) {{ {_PASS}; }}",
    f"location ~ *.png$ {{ {_PASS}; }}",
    f"location /a {{ {_PASS}; location /b {{ {_PASS}; }} }}",
    f"location = /a {{ {_PASS}; location /a/b {{ {_PASS}; }} }}",
    "location / { proxy_set_header Connection $connection_upgrade; }",
    "location / { return 200 $nothing_sets_this; }",
]
_STARTS = [
    f"location @a {{ {_PASS}; }} location @a {{ deny all; }}",
    f"location = /a {{ {_PASS}; }} location /a {{ deny all; }} location /a/ {{ deny all; }}",
    f"location ~ a {{ {_PASS}; }} location ~ a {{ deny all; }} location ~* a {{ deny all; }}",
    f"location ~ ^/v1/ {{ {_PASS}; }} location @app {{ {_PASS}; }}",
    "location ~ ^/v1/(.*) { set $b 127.0.0.1:9; proxy_pass http://$b/x/$1; }",
    f"location /a/ {{ if ($arg_x) {{ {_PASS}; }} {_PASS}/b/; }}",
    f"location / {{ add_header A b always; return 200; }} location /b {{ rewrite ^ /c break; {_PASS}; }}",
    f"location / {{ if ($http_upgrade) {{ add_header A b; expires 1h; {_PASS}; }} {_PASS}; }}",
    "if ($http_upgrade) { set $a 1; rewrite ^/x /y; return 403; }",
    f"client_max_body_size 0; location / {{ client_max_body_size 1G; {_PASS}; proxy_read_timeout 1h30m; }}",
    f"location / {{ client_body_buffer_size 128K; proxy_send_timeout 300; proxy_connect_timeout 90ms; {_PASS}; }}",
    "underscores_in_headers ON; allow 10.0.0.0/8; allow ::1; allow unix:; deny all;",
    f"location /a {{ {_PASS}; location /a/b {{ {_PASS}; }} location ~ x {{ {_PASS}; }} }}",
    f"location ~ ^/v(?<version>[0-9])/ {{ {_PASS}; proxy_set_header X-V $version; }}",
    "set $mine 1; location / { return 200 $mine$realip_remote_addr$ssl_client_s_dn$upstream_status$arg_x$cookie_y; }",
    f"location / {{ {_PASS}; proxy_set_header A $http_a; proxy_set_header B $host; add_header C d; add_header C e; }}",
]
_HTTP_REFUSED = [
    "upstream a { server 127.0.0.1:9; } upstream a { server 127.0.0.1:8; }",
    "limit_req_zone $uri zone=a:1m rate=1r/s; limit_req_zone $uri zone=a:1m rate=2r/s;",
    "server { listen 127.0.0.1:{{port1}} default_server; } server { listen 127.0.0.1:{{port1}} default_server; }",
    "server { listen 127.0.0.1:{{port1}} ssl; }",
    "server { listen 127.0.0.1:{{port1}} server_name a.example; }",
    "location / { return 204; }",
]
_HTTP_STARTS = [
    "map $uri $root { set b; root c; } server { listen 127.0.0.1:{{port1}}; return 200 $root; }",
    "server { listen 127.0.0.1:{{port1}} default_server; } server { listen 127.0.0.1:{{port2}} default_server; }",
    "server { listen 127.0.0.1:{{port1}} ssl reuseport backlog=128; ssl_reject_handshake on; }",
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


@pytest.mark.parametrize("http", _HTTP_REFUSED)
def test_what_nginx_stops_at_between_servers_is_told_in_its_words(rig: Rig, http: str) -> None:
    """The same for what concerns several servers, or none."""
    text = rig.filled(f"{{{{head}}}}\nhttp {{\n{{{{http_head}}}}\n{http}\n}}\n")
    with pytest.raises(NotStarted) as stopped:
        rig.start(text)
    (said, *_) = _said(text)
    assert said in str(stopped.value)


@pytest.mark.parametrize("http", _HTTP_STARTS)
def test_what_nginx_starts_with_between_servers_is_not_refused(rig: Rig, http: str) -> None:
    """nginx starts, and nothing is told."""
    text = rig.filled(f"{{{{head}}}}\nhttp {{\n{{{{http_head}}}}\n{http}\n}}\n")
    rig.start(text)
    assert _said(text) == []


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


def test_a_lost_brace_is_told_where_the_next_location_begins() -> None:
    """nginx stops at the location that came to stand inside the one before, ahead of the end of the file."""
    text = "server {\n listen 80;\n location /a {\n  deny all;\n location /b {\n  deny all;\n }\n}\n"
    lines = [culprit.line for clue in review_tree(read_text(text)).clues for culprit in clue.culprit]
    assert 5 in lines


@pytest.mark.parametrize(
    "text",
    [
        "location / { proxy_set_header Connection $connection_upgrade; proxy_pass http://127.0.0.1:9; }",
        "server { listen 443 ssl; location / { proxy_pass http://127.0.0.1:9; } }",
        "events {} http { include /etc/nginx/conf.d/*.conf; server { listen 80; return 200 $somewhere_else; } }",
        "events {} http { geoip2 /x.mmdb { $country iso_code; } server { listen 80; return 200 $country; } }",
        "server { listen ${PORT} ${EXTRA}; client_max_body_size ${MOST}; }",
        "if ($a) { add_header B c; }",
        "server { listen 5432; proxy_pass db; proxy_timeout 3s; } upstream db { server 10.0.0.7:5432; }",
        "allow 203.0.113.xxx; deny 10.x.x.x; location / { proxy_pass http://127.0.0.1:9; }",
    ],
)
def test_of_what_stands_elsewhere_nothing_is_said(text: str) -> None:
    """A piece, a template, an include that was not read and another's module may hold what seems to be missing."""
    assert _said(text) == []
