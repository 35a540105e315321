"""Real programs refuse, and the doctor says from their answer and from their log who refused and why."""

from __future__ import annotations

import io
import os
import pwd
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.readers import by_name
from mattegate.doctor.signatures import Matcher
from tests.doctor.signatures.programs import Program, curl, free_port, running

_MATCHER = Matcher()
_USER = "www-data"
_MODULES = Path("/usr/lib/nginx/modules")
_APACHE = Path("/usr/lib/apache2/modules")

_NGINX = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log info; {user}
{load}
events {}
http {
  log_format us '$remote_addr - - [$time_local] "$request" $status $body_bytes_sent "-" "-" us=$upstream_status';
  access_log {folder}/access.log us;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  limit_req_zone $server_name zone=api:1m rate=1r/m;
  server {
    listen 127.0.0.1:{port}; server_name a.example; root {folder}/site;
    location /deny { deny all; }
    location /return { return 403; }
    location /close { return 444; }
    location /basic { auth_basic x; auth_basic_user_file {folder}/users; }
    location /asked { auth_request /asks; }
    location = /asks { internal; return 404; }
    location /limited { limit_req zone=api; proxy_pass http://127.0.0.1:{app}; }
    location /down { proxy_pass http://127.0.0.1:1; }
    location /large { client_max_body_size 10; proxy_pass http://127.0.0.1:1; }
    location /app { proxy_pass http://127.0.0.1:{app}; }
    {more}
  }
  server {
    listen 127.0.0.1:{tls} ssl; ssl_certificate {folder}/cert.pem; ssl_certificate_key {folder}/key.pem;
    ssl_client_certificate {folder}/cert.pem; ssl_verify_client on; return 200;
  }
}
"""


def _read(name: str, text: str | bytes) -> list[Clue]:
    raw = text if isinstance(text, bytes) else text.encode()
    return [clue for seen in by_name(name).read(io.BytesIO(raw), name) for clue in _MATCHER.clues(seen)]


def _proven(clues: list[Clue]) -> set[str]:
    return {clue.cause for clue in clues if clue.certainty is Certainty.PROVEN}


def _causes(clues: list[Clue]) -> set[str]:
    return {clue.cause for clue in clues}


def _as(user: str) -> str:
    """nginx's and Apache's user, which only root may set."""
    if os.geteuid() != 0:
        return ""
    try:
        pwd.getpwnam(user)
    except KeyError:
        pytest.skip(f"there is no user {user}")
    return f"user {user};"


@pytest.fixture(scope="module")
def app() -> Iterator[int]:
    """A small application that knows everybody and lets nobody do anything."""
    body = b'{"detail":"Not for this account"}'
    answer = b"HTTP/1.1 403 Forbidden\r\nServer: app\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65_536)
                    connection.sendall(answer % len(body) + b"Connection: close\r\n\r\n" + body)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def _certificate(folder: Path, name: str) -> None:
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem"), "-subj", f"/CN={name}"]
    subprocess.run([*command, *files], check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its self-signed certificate, which nginx trusts for clients as well."""
    folder = tmp_path_factory.mktemp("certificate")
    _certificate(folder, "a.example")
    return folder


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate that nobody trusts."""
    folder = tmp_path_factory.mktemp("stranger")
    _certificate(folder, "stranger")
    return folder


def _nginx(app: int, tls: int, *, load: str = "", more: str = "") -> str:
    parts = {"{user}": _as(_USER), "{load}": load, "{more}": more, "{app}": str(app), "{tls}": str(tls)}
    text = _NGINX
    for name, value in parts.items():
        text = text.replace(name, value)
    return text


@pytest.fixture(scope="module")
def nginx(app: int, certificate: Path) -> Iterator[tuple[Program, int]]:
    """nginx with one way to refuse in each location, and the port on which it wants a client certificate."""
    tls = free_port()
    files = {
        "nginx.conf": _nginx(app, tls),
        "cert.pem": (certificate / "cert.pem").read_text(),
        "key.pem": (certificate / "key.pem").read_text(),
        "users": "u:{PLAIN}p\n",
        "site/folder/.keep": "",
        "site/secret": "",
    }
    with running(["nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf"], files, port=free_port()) as program:
        (program.folder / "site/secret").chmod(0)
        yield program, tls


@pytest.mark.parametrize(
    ("arguments", "path", "words", "cause"),
    [
        ([], "/deny", "access forbidden by rule", "access.rule_denies"),
        ([], "/basic", "no user/password", "auth_basic.required"),
        (["-u", "u:wrong"], "/basic", "password mismatch", "auth_basic.required"),
        (["-u", "z:p"], "/basic", "was not found in", "auth_basic.required"),
        ([], "/asked", "auth request unexpected", "auth_request.denies"),
        ([], "/down", "111: Connection refused", "upstream.refused"),
        (["-d", "0123456789a"], "/large", "too large body", "body.too_large"),
        (["-H", "X_API_KEY: v"], "/deny?underscore", "invalid header line", "underscore.dropped"),
        (["-H", f"Cookie: {'a' * 9_000}"], "/", "too long header line", "headers.too_large"),
        (["-X", "TRACE"], "/", "TRACE method", "method.not_allowed"),
        ([], "/folder/", "directory index of", "index.forbidden"),
        ([], "/secret", "/secret", "file.unreadable"),
    ],
)
def test_nginx_logs_its_reason(
    nginx: tuple[Program, int], arguments: list[str], path: str, words: str, cause: str
) -> None:
    """The line of nginx's error log names the cause, and the answer says nothing against it."""
    program, _ = nginx
    if cause == "file.unreadable" and os.geteuid() != 0:
        pytest.skip("nginx runs as the owner of the file")
    answer = curl(*arguments, program.url(path))
    assert _proven(_read("nginx-error", program.logged("error.log", words))) == {cause}
    assert _proven(_read("curl", answer)) <= {cause}


def test_nginx_says_nothing_of_a_return(nginx: tuple[Program, int]) -> None:
    """A return 403 leaves no line: page and access log show that nginx made it, and both causes stay possible."""
    program, _ = nginx
    clues = _read("curl", curl(program.url("/return")))
    line = program.logged("access.log", "GET /return")
    for told in (clues, _read("nginx-access", line)):
        assert _causes(told) == {"access.rule_denies", "return.forbids"}
        assert all(clue.certainty is Certainty.POSSIBLE and clue.tell_apart for clue in told)
    assert "/return" not in (program.folder / "error.log").read_text()


def test_nginx_looks_for_a_file(nginx: tuple[Program, int]) -> None:
    """A path that no location hands on: page and error log both say that nginx looked for a file of its own."""
    program, _ = nginx
    assert _causes(_read("curl", curl(program.url("/v1/remove-bg")))) == {"location.missing"}
    line = program.logged("error.log", "No such file or directory")
    assert _causes(_read("nginx-error", line)) == {"location.not_proxied"}


def test_nginx_hangs_up(nginx: tuple[Program, int]) -> None:
    """The client of a return 444 gets nothing; the access log has the 444."""
    program, _ = nginx
    assert _causes(_read("curl", curl(program.url("/close")))) == {"transport.empty_reply"}
    assert _proven(_read("nginx-access", program.logged("access.log", "GET /close"))) == {"return.forbids"}


def test_nginx_limits(nginx: tuple[Program, int]) -> None:
    """The second request of a minute gets nginx's 503, and the error log names the zone."""
    program, _ = nginx
    first, second = (curl(program.url("/limited")) for _ in range(2))
    assert "limit_req.exceeded" not in _causes(_read("curl", first))
    assert _causes(_read("curl", second)) == {"limit_req.exceeded"}
    (clue,) = _read("nginx-error", program.logged("error.log", "limiting requests"))
    assert (clue.cause, clue.facts["zone"]) == ("limit_req.exceeded", "api")


def test_the_application_behind_nginx(nginx: tuple[Program, int]) -> None:
    """JSON with Server: nginx, and 403 as the upstream's status: it was the application."""
    program, _ = nginx
    assert _causes(_read("curl", curl(program.url("/app")))) == {"app.upstream_refused"}
    assert _proven(_read("nginx-access", program.logged("access.log", "GET /app"))) == {"app.upstream_refused"}


@pytest.mark.parametrize(
    ("scheme", "shows", "cause", "words"),
    [
        ("http", "", "tls.plain_http_on_tls_port", "plain HTTP"),
        ("https", "", "client_cert.required", "no required SSL"),
        ("https", "stranger", "client_cert.rejected", "verify error"),
    ],
)
def test_nginx_wants_a_certificate(
    nginx: tuple[Program, int], stranger: Path, scheme: str, shows: str, cause: str, words: str
) -> None:
    """The bodies of 497, 496 and 495, all sent as 400, and the lines of the error log."""
    program, tls = nginx
    arguments = ["--cert", str(stranger / "cert.pem"), "--key", str(stranger / "key.pem")] if shows else []
    answer = curl("-k", *arguments, f"{scheme}://127.0.0.1:{tls}/")
    assert _proven(_read("curl", answer)) == {cause}
    assert _proven(_read("nginx-error", program.logged("error.log", words))) == {cause}


_RULES = """SecRuleEngine On
SecRequestBodyAccess On
SecRequestBodyLimit 1000
SecRequestBodyLimitAction Reject
SecRule REQUEST_HEADERS:Content-Type "^application/json" "id:200001,phase:1,pass,nolog,ctl:requestBodyProcessor=JSON"
SecRule REQBODY_ERROR "!@eq 0" "id:200002,phase:2,log,deny,status:400,msg:'Failed to parse request body.',severity:2"
SecRule ARGS:q "@contains attack" "id:1000,phase:2,deny,status:403,log,msg:'bad q',severity:2"
"""


@pytest.fixture(scope="module")
def guarded(app: int, certificate: Path) -> Iterator[Program]:
    """nginx with ModSecurity 3."""
    module = _MODULES / "ngx_http_modsecurity_module.so"
    if not module.exists():
        pytest.skip("ModSecurity's module for nginx is not installed")
    more = "modsecurity on; modsecurity_rules_file {folder}/rules.conf;"
    files = {
        "nginx.conf": _nginx(app, free_port(), load=f"load_module {module};", more=more),
        "rules.conf": _RULES,
        "cert.pem": (certificate / "cert.pem").read_text(),
        "key.pem": (certificate / "key.pem").read_text(),
    }
    with running(["nginx", "-p", "{folder}", "-c", "{folder}/nginx.conf"], files, port=free_port()) as program:
        yield program


@pytest.mark.parametrize(
    ("arguments", "path", "words", "reader", "cause"),
    [
        ([], "/app?q=attack", '[id "1000"]', "modsecurity", "waf.modsecurity_rule"),
        (["-H", "Content-Type: application/json", "-d", "{"], "/app", "200002", "modsecurity",
         "waf.modsecurity_body_parse"),
        (["-H", "Content-Type: image/png", "-d", "x" * 2_000], "/app", "marked to reject",
         "nginx-error", "waf.modsecurity_body_limit"),
    ],
)  # fmt: skip
def test_modsecurity_in_nginx(
    guarded: Program, arguments: list[str], path: str, words: str, reader: str, cause: str
) -> None:
    """The error log names the rule; where it names none, its one sentence is known."""
    curl(*arguments, guarded.url(path))
    assert _proven(_read(reader, guarded.logged("error.log", words))) == {cause}


_HTTPD = """
ServerRoot {folder}
PidFile {folder}/pid
Listen 127.0.0.1:{port}
ServerName a.example
Mutex file:{folder} default
ErrorLog {folder}/error.log
{user}
{modules}
DocumentRoot {folder}/site
<Directory {folder}/site>
  Options -Indexes -FollowSymLinks
  AllowOverride All
  Require all granted
</Directory>
<Location /require>
  Require ip 192.0.2.1
</Location>
<Location /order>
  Order allow,deny
  Deny from all
</Location>
<Location /basic>
  AuthType Basic
  AuthName x
  AuthUserFile {folder}/users
  Require valid-user
</Location>
<Location /rewrite>
  RewriteEngine On
  RewriteRule .* - [F]
</Location>
ProxyPass /down http://127.0.0.1:1/
LimitRequestBody 10000
SecRuleEngine On
SecRule ARGS:q "attack" "id:1000,phase:2,deny,status:403,msg:'bad q',severity:2"
SecDataDir {folder}
SecAuditEngine On
SecAuditLog {folder}/audit.log
SecAuditLogParts ABFHZ
"""
_LOADED = (
    "mpm_event", "authz_core", "authz_host", "authn_core", "authz_user", "auth_basic", "authn_file", "access_compat",
    "autoindex", "dir", "proxy", "proxy_http", "rewrite", "unique_id", "security2",
)  # fmt: skip


@pytest.fixture(scope="module")
def apache() -> Iterator[Program]:
    """Apache with ModSecurity 2."""
    if not (_APACHE / "mod_security2.so").exists():
        pytest.skip("Apache with ModSecurity 2 is not installed")
    user = f"User {_USER}\nGroup {_USER}" if _as(_USER) else ""
    modules = "\n".join(f"LoadModule {name}_module {_APACHE}/mod_{name}.so" for name in _LOADED)
    files = {
        "httpd.conf": _HTTPD.replace("{user}", user).replace("{modules}", modules),
        "users": "u:{SHA}x\n",
        "site/folder/.keep": "",
        "site/secret": "",
        "site/override/.htaccess": "",
    }
    with running(["apache2", "-X", "-f", "{folder}/httpd.conf"], files, port=free_port()) as program:
        (program.folder / "site/secret").chmod(0)
        (program.folder / "site/override/.htaccess").chmod(0)
        (program.folder / "site/link").symlink_to("/etc/hostname")
        yield program


@pytest.mark.parametrize(
    ("arguments", "path", "words", "cause"),
    [
        ([], "/require", "AH01630", "access.apache_rule"),
        ([], "/order", "AH01797", "access.apache_rule"),
        (["-u", "u:wrong"], "/basic", "AH01617", "auth.basic_wrong"),
        (["-u", "z:p"], "/basic", "AH01618", "auth.basic_wrong"),
        ([], "/folder/", "AH01276", "filesystem.no_index"),
        ([], "/secret", "AH00132", "filesystem.unreadable"),
        ([], "/link", "AH00037", "filesystem.symlink"),
        ([], "/override/x", "AH00529", "filesystem.htaccess"),
        ([], "/rewrite", "AH00670", "filesystem.rewrite_needs_links"),
        ([], "/down", "AH00957", "transport.upstream_refused"),
    ],
)
def test_apache_logs_its_reason(apache: Program, arguments: list[str], path: str, words: str, cause: str) -> None:
    """The number in the error log names the cause; of the page alone no more is said than it shows."""
    if words in {"AH00132", "AH00529"} and os.geteuid() != 0:
        pytest.skip("Apache runs as the owner of the file")
    answer = curl(*arguments, apache.url(path))
    assert _proven(_read("apache-error", apache.logged("error.log", words))) == {cause}
    assert _proven(_read("curl", answer)) <= {cause, "auth.basic_required"}
    assert _causes(_read("curl", answer))


def test_modsecurity_in_apache(apache: Program) -> None:
    """Its line names the rule; its audit log tells its own denial from one that it only recorded."""
    curl(apache.url("/?q=attack"))
    curl(apache.url("/require/audited"))
    line = apache.logged("error.log", "ModSecurity: Access denied")
    assert _proven(_read("modsecurity", line)) == {"waf.modsecurity_rule"}
    apache.logged("audit.log", "/require/audited")
    audit = (apache.folder / "audit.log").read_text()
    assert {"waf.modsecurity_rule", "access.apache_rule"} <= _proven(_read("modsecurity", audit))


def test_apache_refuses_a_large_body(apache: Program) -> None:
    """LimitRequestBody answers Apache's own page for 413, and a header that is too long one for 400."""
    assert _proven(_read("curl", curl("-d", "x" * 20_000, apache.url("/docs")))) == {"limits.body_too_large"}
    assert _proven(_read("curl", curl("-H", f"Cookie: {'a' * 9_000}", apache.url("/")))) == {"limits.head_too_large"}


_HAPROXY = """
global
  log stdout format raw local0
defaults
  mode http
  log global
  option httplog
  retries 0
  timeout client 5s
  timeout connect 1s
  timeout server 5s
userlist u
  user a insecure-password b
frontend f
  bind 127.0.0.1:{port}
  http-request deny if { path_beg /deny }
  http-request deny deny_status 429 if { path_beg /rate }
  http-request reject if { path_beg /reject }
  http-request auth realm x if { path_beg /basic } !{ http_auth(u) }
  use_backend down if { path_beg /down }
  use_backend none if { path_beg /none }
  use_backend held if { path_beg /held }
  default_backend app
backend app
  server s1 127.0.0.1:{app}
backend down
  server s1 127.0.0.1:1
backend none
backend held
  http-response deny
  server s1 127.0.0.1:{app}
"""


@pytest.fixture(scope="module")
def haproxy(app: int) -> Iterator[Program]:
    """HAProxy in front of the application."""
    files = {"haproxy.cfg": _HAPROXY.replace("{app}", str(app))}
    with running(["haproxy", "-f", "{folder}/haproxy.cfg"], files, port=free_port(), output="log") as program:
        yield program


@pytest.mark.parametrize(
    ("path", "cause"),
    [
        ("/deny", "access.haproxy_rule"),
        ("/basic", "auth.basic_required"),
        ("/none", "transport.upstream_none"),
        ("/held", "access.haproxy_response_rule"),
        ("/app", "app.upstream_refused"),
    ],
)
def test_haproxy_says_who_refused(haproxy: Program, path: str, cause: str) -> None:
    """The termination state of the log line, and the body where HAProxy made it."""
    answer = curl(haproxy.url(path))
    assert cause in _causes(_read("haproxy-log", haproxy.logged("log", f"GET {path}")))
    assert _causes(_read("curl", answer)) <= {cause}


def test_haproxy_hangs_up_and_limits(haproxy: Program) -> None:
    """A reject is no answer at all, a 429 HAProxy's own page, and a server that is down has its name in the log."""
    assert _causes(_read("curl", curl(haproxy.url("/reject")))) == {"transport.empty_reply"}
    assert _proven(_read("haproxy-log", haproxy.logged("log", "GET /reject"))) == {"access.haproxy_rule"}
    assert "limits.rate_exceeded" in _causes(_read("curl", curl(haproxy.url("/rate"))))
    curl(haproxy.url("/down"))
    assert _proven(_read("haproxy-log", haproxy.logged("log", "GET /down"))) == {"transport.upstream_refused"}


_SQUID = """
http_port 127.0.0.1:{port}
acl denied dstdomain denied.example
http_access deny denied
http_access deny CONNECT
http_access allow localhost
http_access deny all
cache deny all
access_log stdio:{folder}/access.log squid
cache_log {folder}/cache.log
pid_filename {folder}/squid.pid
coredump_dir {folder}
shutdown_lifetime 0 seconds
pinger_enable off
netdb_filename none
"""


@pytest.fixture(scope="module")
def squid() -> Iterator[Program]:
    """Squid as the forward proxy of a network."""
    port = free_port()
    files = {"squid.conf": _SQUID}
    command = ["squid", "-N", "-n", f"signature{port}", "-f", "{folder}/squid.conf"]
    with running(command, files, port=port) as program:
        yield program


def test_squid_refuses_before_the_service(squid: Program, app: int) -> None:
    """A denied name, a denied CONNECT, a service that is down and one that refuses: four different answers."""
    proxy = f"http://127.0.0.1:{squid.port}"
    assert _proven(_read("curl", curl("-x", proxy, "http://denied.example/"))) == {"transport.proxy_denies"}
    assert _proven(_read("curl", curl("-x", proxy, "https://127.0.0.1:8443/"))) == {"transport.proxy_denies"}
    assert _proven(_read("curl", curl("-x", proxy, "http://127.0.0.1:1/"))) == {"transport.upstream_refused"}
    curl("-x", proxy, f"http://127.0.0.1:{app}/behind")
    for words, cause in (
        ("http://denied.example/", "transport.proxy_denies"),
        ("CONNECT", "transport.proxy_denies"),
        ("/behind", "app.upstream_refused"),
    ):
        assert _causes(_read("squid-access", squid.logged("access.log", words))) == {cause}


_CADDY = """{
  admin off
  auto_https off
  default_bind 127.0.0.1
}
http://:{port} {
  log {
    output file {folder}/access.log
  }
  respond /no 403
  handle /abort {
    abort
  }
  handle /down {
    reverse_proxy 127.0.0.1:1
  }
  handle /app {
    reverse_proxy 127.0.0.1:{app}
  }
}
"""


@pytest.fixture(scope="module")
def caddy(app: int) -> Iterator[Program]:
    """Caddy in front of the application."""
    files = {"Caddyfile": _CADDY.replace("{app}", str(app))}
    command = ["caddy", "run", "--config", "{folder}/Caddyfile", "--adapter", "caddyfile"]
    with running(command, files, port=free_port(), output="log") as program:
        yield program


def test_caddy_says_who_refused(caddy: Program) -> None:
    """An empty 403 is Caddy's own, one with a second Server header the application's."""
    assert _causes(_read("curl", curl(caddy.url("/no")))) == {"access.caddy_answer"}
    assert _causes(_read("curl", curl(caddy.url("/abort")))) == {"transport.empty_reply"}
    assert "access.caddy_answer" not in _causes(_read("curl", curl(caddy.url("/app"))))
    assert _causes(_read("caddy-log", caddy.logged("access.log", '"uri":"/no"'))) == {"access.caddy_answer"}
    assert _causes(_read("caddy-log", caddy.logged("access.log", '"uri":"/app"'))) == {"app.upstream_refused"}


def test_caddy_cannot_reach_its_backend(caddy: Program) -> None:
    """The answer is an empty 502, the log names the address."""
    assert _causes(_read("curl", curl(caddy.url("/down")))) == {"transport.upstream_refused"}
    (clue, *_) = _read("caddy-log", caddy.logged("log", "connection refused"))
    assert (clue.cause, clue.facts["backend"]) == ("transport.upstream_refused", "127.0.0.1:1")
