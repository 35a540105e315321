"""Diagnoses and their fixes, each shown on a real nginx."""

from __future__ import annotations

import base64

import pytest

from mattegate.doctor.nginx.edits import ChangeArgs, Insert, Remove, Replace, Where, new
from mattegate.doctor.nginx.request import Certificate, Request
from mattegate.doctor.prove.proof import CannotProve
from mattegate.doctor.prove.upstreams import Answer
from tests.doctor.prove.laboratory import asking, line, shown, tree

ACL = "server { listen 80; location / { deny 192.168.0.0/16; allow all; proxy_pass http://127.0.0.1:8000; } }"


@pytest.mark.parametrize("network", [True, False])
def test_the_deny_that_matches_is_the_one_that_decides(network: bool) -> None:
    """Without the matching deny the same client gets in, with and without a network of our own."""
    proof = shown(ACL, asking(client="192.168.1.9", host="a.example"), Remove(line(tree(ACL), "deny")), network=network)
    assert proof.sentence == "real nginx: 403 → 200"
    assert proof.before.upstream is None
    assert proof.before.log == (
        '[error] access forbidden by rule, client: 192.168.1.9, server: , request: "GET / HTTP/1.1", host: "a.example"',
    )


@pytest.mark.parametrize("network", [True, False])
@pytest.mark.parametrize("client", ["10.1.2.3", "172.17.0.5", "203.0.113.7"])
def test_a_client_that_no_deny_covers_was_let_in_all_along(client: str, network: bool) -> None:
    """A deny of one network does not block the others: removing it changes nothing for them."""
    proof = shown(ACL, asking(client=client), Remove(line(tree(ACL), "deny")), network=network)
    assert proof.sentence == "real nginx: 200 both times, and nothing else changes"
    assert not proof.changes


@pytest.mark.parametrize("network", [True, False])
def test_loopback_rules_do_not_let_a_stranger_in(network: bool) -> None:
    """A stranger whose part is played by a loopback address is still not on an allow list of loopback."""
    text = "server { listen 80; allow 127.0.0.0/8; deny all; return 418; location / { root /srv; } }"
    text = text.replace("return 418; ", "")
    proof = shown(
        text, asking(client="203.0.113.5", target="/a.txt"), Remove(line(tree(text), "deny")), network=network
    )
    assert (proof.before.status, proof.after.status) == (403, 200)


@pytest.mark.parametrize("network", [True, False])
def test_real_ip_lets_a_header_forge_an_allowed_address(network: bool) -> None:
    """Trusting every address lets X-Forwarded-For choose; trusting only the proxy does not."""
    text = """server { listen 80; set_real_ip_from 0.0.0.0/0; real_ip_header X-Forwarded-For;
        location / { allow 10.0.0.0/8; deny all;
            proxy_set_header X-Real-IP $remote_addr; proxy_pass http://app:1; } }"""
    forged = asking(client="203.0.113.5", headers=(("X-Forwarded-For", "10.9.9.9"),))
    change = ChangeArgs(line(tree(text), "set_real_ip_from"), ("172.17.0.1",))
    proof = shown(text, forged, change, network=network)
    assert proof.sentence == "real nginx: 200 → 403"
    assert proof.before.upstream is not None
    assert proof.before.upstream.header("x-real-ip") == "10.9.9.9"


@pytest.mark.parametrize("network", [True, False])
def test_geo_judges_the_clients_own_address(network: bool) -> None:
    """A geo table gives the client what it gives its network, whoever plays it."""
    text = """http { geo $bad { default 0; 203.0.113.0/24 1; 127.0.0.0/8 0; 203.0.113.64/26 0; }
        server { listen 80; if ($bad) { return 403; } location / { proxy_pass http://app; } } }"""
    remove = Remove(line(tree(text), "203.0.113.0/24"))
    assert shown(text, asking(client="203.0.113.5"), remove, network=network).sentence == "real nginx: 403 → 200"
    assert not shown(text, asking(client="203.0.113.70"), remove, network=network).changes


def test_an_ipv6_client_meets_the_rules_for_ipv6() -> None:
    """IPv4 rules alone refuse every IPv6 client; one more allow lets it in."""
    text = "server { listen 80; listen [::]:80; allow 192.0.2.0/24; deny all; location / { proxy_pass http://a; } }"
    fix = Insert(line(tree(text), "allow"), Where.AFTER, (new("allow", "2001:db8::/32"),))
    for network in (True, False):
        assert shown(text, asking(client="2001:db8::9"), fix, network=network).sentence == "real nginx: 403 → 200"


PREFIX = "server { listen 80; location ^~ /v1/ { proxy_pass http://127.0.0.1:8000/; } }"


def test_the_slash_behind_proxy_pass_strips_the_prefix() -> None:
    """The recommended slash takes /v1/ away; without it the upstream sees the path that was asked for."""
    change = ChangeArgs(line(tree(PREFIX), "proxy_pass"), ("http://127.0.0.1:8000",))
    proof = shown(PREFIX, asking(method="POST", target="/v1/remove-bg?size=auto", body_bytes=10), change)
    assert (
        proof.sentence == "real nginx: 200 both times, the upstream sees /remove-bg?size=auto → /v1/remove-bg?size=auto"
    )
    assert proof.before.upstream is not None
    assert proof.before.upstream.header("host") == "127.0.0.1:8000"


@pytest.mark.parametrize(
    ("location", "to", "asked", "seen"),
    [
        ("/api", "http://h/", "/api/x", "//x"),
        ("/api", "http://h/", "/apix", "/x"),
        ("/api/", "http://h/", "/api/a%2Fb//c", "/a/b/c"),
        ("/api/", "http://h", "/api/a%2Fb//c", "/api/a%2Fb//c"),
        ("/api/", "http://$host/other", "/api/x?q=1", "/other"),
        ("/api/", "http://$host$request_uri", "/api/x?q=1", "/api/x?q=1"),
        ("/api/", "http://unix:/run/app.sock:/x/", "/api/y", "/x/y"),
        ("/api/", "https://h:8443/x/", "/api/y", "/x/y"),
    ],
)
def test_the_upstream_sees_what_nginx_makes_of_the_path(location: str, to: str, asked: str, seen: str) -> None:
    """Every form of proxy_pass hands on what it would hand on to the real place."""
    text = f"server {{ listen 80; location {location} {{ proxy_pass {to}; }} }}"
    proof = shown(text, asking(target=asked, host="h"))
    assert proof.before.upstream is not None
    assert proof.before.upstream.uri == seen


@pytest.mark.parametrize(
    ("conf", "host"),
    [
        ("location / { proxy_pass http://app:80; }", "app"),
        ("location / { proxy_pass http://app:81; }", "app:81"),
        ("location / { proxy_pass https://app:443/; }", "app"),
        ("location / { proxy_pass http://unix:/a.sock; }", "localhost"),
        ("set $up http://app:9; location / { proxy_pass $up; }", "app:9"),
        ("set $up app; location / { proxy_pass http://$up:9; }", "app:9"),
        ("location / { proxy_set_header Host $host; proxy_pass http://app; }", "a.example"),
    ],
)
def test_the_host_header_stays_as_nginx_would_send_it(conf: str, host: str) -> None:
    """The stand-in's own name never shows."""
    proof = shown(f"server {{ listen 80; {conf} }}", asking(host="a.example"))
    assert proof.before.upstream is not None
    assert proof.before.upstream.header("host") == host


def test_an_upstream_block_keeps_its_servers() -> None:
    """Servers that are all down refuse as they do in truth, and one that is up takes the request."""
    text = "upstream app { server a:1 down; server b:1 down; } server { location / { proxy_pass http://app; } }"
    proof = shown(text, asking(), ChangeArgs(line(tree(text), "server b:1"), ("b:1",)))
    assert proof.sentence == "real nginx: 502 → 200"
    assert any("no live upstreams" in said for said in proof.before.log)


@pytest.mark.parametrize("how", ['proxy_set_header Authorization "";', "proxy_pass_request_headers off;"])
def test_authorization_gets_through_unless_it_is_taken_away(how: str) -> None:
    """Authorization is handed on by default; only what really takes it away makes a difference."""
    text = f"server {{ listen 80; location / {{ {how} proxy_pass http://app; }} }}"
    request = asking(headers=(("Authorization", "Bearer secret-of-the-caller"),))
    removed = line(tree(text), how.split(maxsplit=1)[0])
    proof = shown(text, request, Remove(removed))
    assert proof.sentence.startswith("real nginx: 200 both times, the upstream's authorization: absent → Bearer ")
    assert "secret-of-the-caller" not in repr(proof)
    plain = "server { listen 80; location / { proxy_pass http://app; } }"
    line_that_is_said_to_help = new("proxy_set_header", "Authorization", "$http_authorization")
    insert = Insert(line(tree(plain), "proxy_pass"), Where.BEFORE, (line_that_is_said_to_help,))
    assert not shown(plain, request, insert).changes


def test_a_name_with_underscores_is_dropped_until_it_is_allowed() -> None:
    """X_API_KEY arrives only with underscores_in_headers."""
    text = "server { listen 80; underscores_in_headers off; location / { proxy_pass http://app; } }"
    change = ChangeArgs(line(tree(text), "underscores"), ("on",))
    proof = shown(text, asking(headers=(("X_Team", "red"),)), change)
    assert proof.sentence == "real nginx: 200 both times, the upstream's x_team: absent → red"


CORS = """server { listen 80; location / {
    if ($request_method = OPTIONS) { add_header Access-Control-Allow-Origin https://app.example; return 204; }
    client_max_body_size 1k;
    proxy_pass http://app; } }"""


def test_the_answer_itself_has_no_cors_header() -> None:
    """The well-known block for preflights leaves the real answer, and every error, without the header."""
    origin = (("Origin", "https://app.example"),)
    always = new("add_header", "Access-Control-Allow-Origin", "https://app.example", "always")
    fix = Insert(line(tree(CORS), "proxy_pass"), Where.BEFORE, (always,))
    preflight = shown(CORS, asking(method="OPTIONS", headers=origin), fix)
    assert preflight.before.header("access-control-allow-origin") == "https://app.example"
    answer = shown(CORS, asking(method="POST", headers=origin, body_bytes=4), fix)
    assert answer.before.header("access-control-allow-origin") is None
    assert answer.after.header("access-control-allow-origin") == "https://app.example"
    refused = shown(CORS, asking(method="POST", headers=origin, body_bytes=4_000), fix)
    assert refused.before.status == refused.after.status == 413
    assert refused.sentence.endswith("the answer's access-control-allow-origin: absent → https://app.example")


def test_two_cors_headers_when_the_application_sends_its_own() -> None:
    """What the application answers can be told, so that a doubled header shows."""
    text = "server { listen 80; location / { add_header Access-Control-Allow-Origin *; proxy_pass http://app; } }"
    own = Answer(200, (("Access-Control-Allow-Origin", "*"),))
    proof = shown(text, asking(), Remove(line(tree(text), "add_header")), upstream=own)
    assert proof.before.header("access-control-allow-origin") == "*, *"
    assert proof.after.header("access-control-allow-origin") == "*"


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large(chunked: bool) -> None:
    """Nine megabytes are refused by the default limit and taken by a larger one."""
    text = "server { listen 80; client_max_body_size 1m; location / { proxy_pass http://app; } }"
    change = ChangeArgs(line(tree(text), "client_max_body_size"), ("10m",))
    upload = asking(method="POST", body_bytes=9_000_000, chunked=chunked)
    proof = shown(text, upload, change)
    assert proof.sentence == "real nginx: 413 → 200"
    assert any("too large" in said for said in proof.before.log)


def test_limit_except_and_a_method() -> None:
    """A method that is not listed is refused by rule until it is listed."""
    text = "server { listen 80; location / { limit_except GET { deny all; } proxy_pass http://app; } }"
    change = ChangeArgs(line(tree(text), "limit_except"), ("GET", "POST"))
    assert shown(text, asking(method="POST"), change).sentence == "real nginx: 403 → 200"


def test_basic_authentication_takes_the_place_of_the_bearer_token() -> None:
    """auth_basic answers 401 to a bearer token, and lets the request's own user in."""
    text = """server { listen 80; location / { auth_basic "staff"; auth_basic_user_file /etc/nginx/htpasswd;
        proxy_pass http://app; } }"""
    off = ChangeArgs(line(tree(text), "auth_basic "), ("off",))
    bearer = shown(text, asking(headers=(("Authorization", "Bearer x"),)), off)
    assert bearer.sentence == "real nginx: 401 → 200"
    assert bearer.before.header("www-authenticate") == 'Basic realm="staff"'
    word = base64.b64encode("jürgen:pa ss$1".encode()).decode()
    basic = shown(text, asking(headers=(("Authorization", f"Basic {word}"),)))
    assert basic.before.status == 200
    assert any("count as right" in sentence for sentence in basic.substitutions)


def test_an_auth_service_that_is_taken_to_agree_or_not() -> None:
    """auth_request asks a stand-in; what it answers is an assumption that is told."""
    text = """server { listen 80; location / { auth_request /check; proxy_pass http://app; }
        location = /check { internal; proxy_pass http://auth:9000/verify; } }"""
    yes = shown(text, asking(target="/x"), Remove(line(tree(text), "auth_request")))
    assert yes.before.status == yes.after.status == 200
    assert yes.before.upstream is not None
    assert yes.before.upstream.uri == "/x"
    assert any(s.startswith("auth_request service http://auth:9000") for s in yes.substitutions)
    no = shown(text, asking(target="/x"), Remove(line(tree(text), "auth_request")), auth=Answer(401))
    assert no.sentence == "real nginx: 401 → 200"


MTLS = """server { listen 443 ssl; server_name a.example; ssl_certificate /etc/a.pem; ssl_certificate_key /etc/a.key;
    ssl_client_certificate /etc/ca.pem; ssl_verify_client on; location / { proxy_pass http://app; } }
    server { listen 80; server_name a.example; return 301 https://$host$request_uri; }"""


@pytest.mark.parametrize(
    ("certificate", "before"), [(Certificate.NONE, 400), (Certificate.INVALID, 400), (Certificate.VALID, 200)]
)
def test_a_client_certificate_that_is_demanded(certificate: Certificate, before: int) -> None:
    """Without a certificate of the right CA a client is refused; with one, or where none is asked for, it is not."""
    off = ChangeArgs(line(tree(MTLS), "ssl_verify_client"), ("off",))
    proof = shown(MTLS, asking(host="a.example", certificate=certificate), off)
    assert (proof.before.status, proof.after.status) == (before, 200)


def test_a_redirect_shows_the_port_that_was_written() -> None:
    """The experiment's own ports do not show."""
    text = "server { listen 80; location /a { return 301 /b; } }"
    assert shown(text, asking(target="/a", host="h")).before.header("location") == "http://h/b"
    proof = shown(MTLS, asking(target="/x", host="a.example", port=80, tls=False))
    assert proof.before.header("location") == "https://a.example/x"


def test_a_limit_of_requests_and_what_burst_does() -> None:
    """The second request within a second is refused without burst, and taken with it."""
    text = """http { limit_req_zone $binary_remote_addr zone=api:10g rate=1r/s;
        server { listen 80; location / { limit_req zone=api; proxy_pass http://app; } } }""".replace("10g", "100m")
    change = ChangeArgs(line(tree(text), "limit_req zone"), ("zone=api", "burst=20", "nodelay"))
    for network in (True, False):
        assert shown(text, asking(), change, times=2, network=network).sentence == "real nginx: 503 → 200"


def test_a_connection_that_is_closed_without_an_answer() -> None:
    """444 is an empty reply."""
    text = "server { listen 80; return 444; }"
    proof = shown(text, asking(), Replace(line(tree(text), "return"), (new("return", "204"),)))
    assert proof.sentence == "real nginx: empty reply → 204"


def test_a_bare_location_is_enough() -> None:
    """A snippet is put into the blocks it needs."""
    text = "location = /x { return 403; }\nlocation / { proxy_pass http://app; }"
    assert shown(text, asking(target="/x"), Remove(line(tree(text), "location"))).sentence == "real nginx: 403 → 200"


def test_static_files_and_the_index() -> None:
    """A folder without its index is refused, one with it is not."""
    text = "server { listen 80; root /srv/app; index off.html; location / { } location /d/ { index nope; } }"
    proof = shown(text.replace("index off.html; ", ""), asking(target="/"))
    assert proof.before.status == 200
    spa = "server { root /srv/app; location / { try_files $uri $uri/ @a; } location @a { proxy_pass http://a; } }"
    assert shown(spa, asking(target="/v1/remove-bg")).before.upstream is not None


def test_a_pass_by_another_protocol_is_still_a_pass() -> None:
    """fastcgi_pass is judged up to the hand-over, and that is said."""
    text = "server { listen 80; location / { deny all; fastcgi_pass unix:/run/php.sock; fastcgi_param A b; } }"
    proof = shown(text, asking(), Remove(line(tree(text), "deny")))
    assert proof.sentence == "real nginx: 403 → 200"
    assert any("fastcgi_pass" in sentence for sentence in proof.not_checked)


def test_what_is_left_out_is_named() -> None:
    """Modules that could refuse are named with their line; what cannot is one sentence."""
    text = "server { modsecurity on; gzip on; location / { access_by_lua_block { ngx.exit(403) } return 204; } }"
    said = shown(text, asking()).not_checked
    assert any(sentence.startswith("modsecurity (nginx.conf:1)") for sentence in said)
    assert any(sentence.startswith("access_by_lua_block (nginx.conf:1)") for sentence in said)
    assert any("do not decide" in sentence and "gzip" in sentence for sentence in said)


def test_nginx_refuses_and_names_the_given_line() -> None:
    """A configuration that nginx does not start with is told in its own words, with the line that was given."""
    text = "server {\n listen 80;\n location / {\n  limit_req zone=api burst=20;\n  proxy_pass http://a; } }"
    with pytest.raises(CannotProve, match=r'zero size shared memory zone "api"'):
        shown(text, asking())
    text = "server {\n listen 80;\n location / {\n  return 200 $nothing_like_it;\n } }"
    with pytest.raises(CannotProve, match=r'unknown "nothing_like_it" variable( in nginx.conf:4)?$'):
        shown(text, asking())
    text = "server {\n listen 80;\n location / {\n  deny nobody-knows;\n } }"
    with pytest.raises(CannotProve, match=r'invalid parameter "nobody-knows" in nginx.conf:4$'):
        shown(text, asking())


@pytest.mark.parametrize(
    ("text", "request_", "why"),
    [
        ("server { listen 80; return 204; }", asking(port=81), "nothing listens on port 81"),
        ("server { listen 80; return 204; }", asking(tls=True), "takes none"),
        ("server { listen 80; return 204; }", asking(client="nonsense"), "is none"),
        ("server { listen 80; return 204; }", asking(target="/ HTTP/1.1\r\nX: y"), "line break"),
        ("stream { }", asking(), "no http block"),
        ("server { listen 80; if (-f $host) { return 403; } }", asking(), "path is not known"),
    ],
)
def test_there_is_no_proof_and_the_reason_is_told(text: str, request_: Request, why: str) -> None:
    """What cannot be shown is not guessed."""
    with pytest.raises(CannotProve, match=why):
        shown(text, request_)


def test_without_a_network_an_address_as_text_is_not_guessed() -> None:
    """A comparison with $remote_addr needs the address itself."""
    text = 'server { listen 80; if ($remote_addr = "203.0.113.5") { return 403; } return 204; }'
    assert shown(text, asking(client="203.0.113.5")).before.status == 403
    with pytest.raises(CannotProve, match="as text"):
        shown(text, asking(client="203.0.113.5"), network=False)
