"""What is told of a configuration where nobody named a request, and what looks like it and is right."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.tree import read_text

_API = "proxy_pass http://127.0.0.1:8000;"
_TLS = "ssl_certificate a.pem; ssl_certificate_key a.key;"


def _told(text: str) -> list[tuple[str, list[int]]]:
    """The causes that are told of a file, each with its lines."""
    tree = read_text(text if "server {" in text else f"server {{ listen 80; server_name api.example.com;\n{text}\n}}")
    return [(clue.cause, [culprit.line for culprit in clue.culprit]) for clue in review_tree(tree).clues]


@pytest.mark.parametrize(
    ("text", "cause", "lines"),
    [
        (f"location /v1/* {{ {_API} }}", "location.never_matches", [2]),
        (f"location ^/v1/ {{ {_API} }}", "location.never_matches", [2]),
        (f"location v1/ {{ {_API} }}", "location.never_matches", [2]),
        (f"location / {{\ndeny 10.0.0.0/8;\nallow 10.8.0.0/24; {_API} }}", "access.allow_unreached", [4, 3]),
        (f"client_max_body_size 20;\nlocation / {{ {_API} }}", "body.unit_missing", [2]),
        (f"location /v1/ {{\nreturn 403;\n{_API} }}", "return.forbids", [3]),
        (f"deny all;\nlocation / {{ {_API} }}", "access.rule_denies", [2]),
        (f"if ($scheme = http) {{\nreturn 403; }}\nlocation / {{ {_API} }}", "return.forbids", [3]),
        (f"if ($request_method != GET) {{\nreturn 405; }} location /upload {{ {_API} }}", "return.forbids", [3]),
        (f"location /v1/remove-bg/ {{ {_API} }}", "location.redirects", [2]),
        (f"location / {{\ntry_files $uri $uri/ =404; {_API} }}", "location.not_proxied", [3]),
        (f"location /v1/ {{ {_API} }}\nlocation ~ remove {{ deny all; }}", "access.rule_denies", [3]),
        (f"location /api {{\nrewrite ^/api(.*)$ $1 last; {_API} }}\nlocation / {{ return 404; }}",
         "proxy_pass.not_reached", [3, 2]),
        (f"location /v1/ {{\nauth_request /check; {_API} }}", "auth_request.denies", [3]),
        ("location / {\nproxy_pass http://127.0.0.1; proxy_set_header Host $host; }", "upstream.itself", [3]),
        ("location = /status {\ndeny all;\nreturn 200 ok; }", "if.bypasses_access", [4, 3]),
        (f"valid_referers server_names;\nlocation / {{ if ($invalid_referer) {{\nreturn 403; }} {_API} }}",
         "referer.forbids", [4, 3]),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_told(text: str, cause: str, lines: list[int]) -> None:
    """A line that the rest of the file speaks against is named, with nothing beside it."""
    assert _told(text) == [(cause, lines)]


@pytest.mark.parametrize(
    "text",
    [
        f"location ~ ^/v1/.*$ {{ {_API} }}",
        f"location ${{API_PREFIX}} {{ {_API} }}",
        f"location @v1 {{ {_API} }} location / {{ try_files /maintenance.html @v1; }}",
        f"location / {{ deny 10.9.9.9; allow 10.0.0.0/8; deny all; {_API} }}",
        f"location /internal/ {{ deny all; {_API} }} location /v1/ {{ {_API} }}",
        f"satisfy any; deny all; auth_basic x; auth_basic_user_file f; location / {{ {_API} }}",
        f"client_max_body_size 16k; location / {{ {_API} }}",
        f"client_max_body_size 0; location / {{ {_API} }}",
        f"if ($http_x_forwarded_proto = http) {{ return 403; }} location / {{ {_API} }}",
        f"if ($request_method != GET) {{ return 405; }} location / {{ {_API} }}",
        f"location /images/ {{ limit_except GET {{ deny all; }} {_API} }}",
        f"location /thumbs/ {{ try_files $uri =404; {_API} }}",
        f"location ~ [.]php$ {{ try_files $uri =404; {_API} }}",
        f"location /v1/ {{ {_API} }} location ~ ^/(config|backup) {{ deny all; }}",
        f"location /v0/ {{ rewrite ^/v0(.*)$ /v1$1 last; {_API} }} location /v1/ {{ {_API} }}",
        f"location = /healthz {{ proxy_pass_request_headers off; {_API} }} location / {{ {_API} }}",
        "location /old/ { proxy_pass http://127.0.0.1/v1/; } location /v1/ { proxy_pass http://127.0.0.1:8000; }",
        "location = /status { auth_basic off; return 200 ok; }",
        "proxy_intercept_errors on; location / { proxy_pass http://s3; error_page 403 404 =200 /index.html; }",
    ],
)
def test_what_only_looks_so_is_not_told(text: str) -> None:
    """Each of these is right for somebody."""
    assert _told(text) == []


def _two(first: str, second: str) -> str:
    return f"http {{\nserver {{ {first} }}\nserver {{ {second} location / {{ {_API} }} }} }}"


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        ("listen 80; server_name a;", "listen 80; server_name a;", [("server_name.taken", [3, 2])]),
        ("listen 80; server_name a;", "listen 80; server_name a b;", []),
        ("listen 80; server_name a;", "listen 81; server_name a;", []),
        ("listen 80; server_name a;", "listen 80 default_server; server_name a;", []),
        ("listen 80; server_name _;", "listen 80; server_name _;", []),
        ("listen 80; server_name a;", "listen 80; server_name https://b;", [("server_name.never_matches", [3])]),
        ("listen 80; server_name a;", "listen 80; server_name b, c;", [("server_name.never_matches", [3])]),
        ("listen 80; server_name a;", "listen 80; server_name b:80 b;", []),
        ("listen 81; server_name a;", "listen 80; server_name b:80;", []),
        ("listen 80; server_name a;", "listen 80; server_name ~^b:;", []),
    ],
)
def test_a_server_that_gets_nothing_is_told(first: str, second: str, told: list[tuple[str, list[int]]]) -> None:
    """A name that is taken, or that no Host can be, leaves a server empty; but the default answers all the same."""
    assert _told(_two(first, second)) == told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"server {{ listen 80; listen 443 ssl; server_name a; {_TLS}\nreturn 301 https://$host$request_uri; }}", True),
        ((f"server {{ listen 443 ssl; server_name a; {_TLS}\nreturn 301 https://b$request_uri; }}\n"
         f"server {{ listen 443 ssl; server_name b; {_TLS} return 301 https://a$request_uri; }}"), True),
        ((f"server {{ listen 80; server_name a; return 301 https://$host$request_uri; }}\n"
         f"server {{ listen 443 ssl; server_name a; {_TLS} location / {{ {_API} }} }}"), False),
        ((f"server {{ listen 80; listen 443 ssl; server_name a; {_TLS}\n"
         "if ($scheme = http) { return 301 https://$host$request_uri; } }"), False),
        ((f"server {{ listen 443 ssl; server_name a; {_TLS}\n"
         "if ($cookie_seen = '') { return 302 https://$host$request_uri; } }"), False),
        ((f"server {{ listen 443 ssl; server_name a; {_TLS}\n"
         "if ($http_x_forwarded_proto != https) { return 301 https://$host$request_uri; } }"), False),
        ("server { listen 80; server_name a; return 301 https://$host$request_uri; }", False),
    ],
)  # fmt: skip
def test_a_redirect_that_comes_back_is_told(text: str, *, told: bool) -> None:
    """A redirect is followed as far as this file goes, and only where the address alone decides."""
    assert ("redirect.to_itself" in [cause for cause, _ in _told(text)]) is told


@pytest.mark.parametrize(("listen", "told"), [("443", True), ("443 http2", True), ("443 ssl", False), ("8443", False)])
def test_a_certificate_on_a_port_without_tls_is_told(listen: str, *, told: bool) -> None:
    """Port 443 with a certificate and without the word ``ssl`` speaks plain HTTP."""
    text = f"server {{ listen {listen}; server_name a; {_TLS}\nlocation / {{ {_API} }} }}"
    assert ("tls.listen_without_ssl" in [cause for cause, _ in _told(text)]) is told


_CHECKED = """
    location = /check {{ internal; proxy_pass http://127.0.0.1:9; {told} }}
    location /v1/ {{
        {first}
        auth_request /check;
        add_header Access-Control-Allow-Origin https://a.example always;
        add_header Access-Control-Allow-Headers authorization always;
        proxy_pass http://127.0.0.1:8000;
    }}
"""


@pytest.mark.parametrize(
    ("first", "told", "causes"),
    [
        ("", "", ["cors.preflight_status"]),
        ("if ($request_method = OPTIONS) { return 204; }", "", []),
        ("", "proxy_set_header X-Original-Method $request_method;", []),
    ],
)
def test_a_check_refuses_the_preflight(first: str, told: str, causes: list[str]) -> None:
    """A preflight has no credential; a check that does not learn the method cannot let it pass."""
    assert [cause for cause, _ in _told(_CHECKED.format(first=first, told=told))] == causes


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"https://a.example/"', True),
        ('"https://a.example, https://b.example"', True),
        ("a.example", True),
        ('"https://*.a.example"', True),
        ('"https://a.example"', False),
        ('"https://a.example:8443"', False),
        ("luna://com.example", False),
        ("null", False),
    ],
)
def test_an_origin_that_no_browser_has_is_told(value: str, *, told: bool) -> None:
    """The page is one that somebody meant to admit with the value, however it is written."""
    text = f"location /v1/ {{ add_header Access-Control-Allow-Origin {value} always; {_API} }}"
    assert bool(_told(text)) is told


def test_each_location_admits_its_own_page() -> None:
    """The page that is tried is one that the location of the call admits, not one of its neighbour."""
    place = "location {} {{ add_header Access-Control-Allow-Origin https://{} always; " + _API + " }}\n"
    text = place.format("/widget/", "w.example") + place.format("/v1/", "a.example")
    assert _told(text) == []


@pytest.mark.parametrize(
    ("agents", "name", "told"),
    [
        ("curl|python", "api.example.com", True),
        ("curl|wget", "api.example.com", False),
        ("curl|python", "www.example.com", False),
        ("nikto|sqlmap", "api.example.com", False),
    ],
)
def test_programs_are_no_robots_at_an_api(agents: str, name: str, *, told: bool) -> None:
    """Whoever keeps every program out of a server that is named after an API keeps its clients out."""
    text = f"""server {{ listen 80; server_name {name};
    if ($http_user_agent ~* ({agents})) {{ return 403; }}
    location / {{ {_API} }} }}"""
    assert bool(_told(text)) is told


def test_an_unfilled_location_leaves_a_request_open() -> None:
    """Nobody knows what a template's location takes, so nothing is said of where a request ends."""
    text = f"server {{ listen 80; location ${{API}} {{ {_API} }} location / {{ return 404; }} }}"
    reviewed = review_tree(read_text(text), [Request("POST", "/v1/remove-bg", "a")])
    assert reviewed.clues == ()
    assert "${API}" in reviewed.undecided[0]


def test_what_is_told_unasked_is_likely_at_most() -> None:
    """Only what the lines alone show is proven; what a usual request met is likely."""
    text = f"server {{ listen 80; server_name a; location /v1/ {{ return 403; {_API} }} }}"
    assert [clue.certainty for clue in review_tree(read_text(text)).clues] == [Certainty.LIKELY]
