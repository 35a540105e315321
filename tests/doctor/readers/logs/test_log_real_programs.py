"""Real programs refuse a real request, and what they log of it is read."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mattegate.doctor.observation import Observation
from tests.doctor.readers.logs.reading import READERS


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that a program may enter which gives up being root; pytest's own ones are closed to others."""
    with tempfile.TemporaryDirectory(prefix="mattegate-logs-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        yield folder


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def _running(command: list[str], port: int, folder: Path, log: Path | None = None) -> Iterator[None]:
    """A program for the length of the block, once it listens; stopped by its own pid."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    with (log or folder / "said.log").open("wb") as said:
        program = subprocess.Popen(
            command, stdout=said, stderr=subprocess.STDOUT, cwd=folder, env=os.environ | {"HOME": str(folder)}
        )
    try:
        _until(lambda: _listens(port) or program.poll() is not None)
        assert program.poll() is None, (log or folder / "said.log").read_text()
        yield
    finally:
        program.terminate()
        program.wait(20)


def _until(done: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _ask(port: int, path: str, method: str = "GET") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, headers={"Host": "a.example", "User-Agent": "test"})
        return connection.getresponse().status
    finally:
        connection.close()


def _logged(reader: str, log: Path, status: int | None = 403) -> Observation:
    """The one refusal of that status in a log, as soon as it stands there."""

    def found() -> list[Observation]:
        if not log.exists():
            return []
        with log.open("rb") as stream:
            return [seen for seen in READERS[reader].read(stream, log.name) if seen.status == status and seen.client]

    _until(lambda: bool(found()))
    (seen,) = found()
    return seen


def test_nginx(tmp_path: Path) -> None:
    """nginx writes one line to each log when a rule denies, and both name client, request and rule."""
    port = _free_port()
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid nginx.pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log {tmp_path}/access.log; server {{ listen 127.0.0.1:{port}; server_name a.example;\n"
        " location / { deny all; } } }\n"
    )
    command = ["nginx", "-p", str(tmp_path), "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error.log")]
    with _running(command, port, tmp_path):
        assert _ask(port, "/api/x?token=sk_live_0123456789abcdef") == 403
        denied = _logged("nginx-error", tmp_path / "error.log", None)
        answered = _logged("nginx-access", tmp_path / "access.log")
    assert denied.message == "access forbidden by rule"
    assert (denied.client, denied.request, denied.host, denied.at) == ("127.0.0.1", "GET /api/x", "a.example", None)
    assert denied.fields["server"] == "a.example"
    assert (answered.client, answered.request, answered.http_version) == ("127.0.0.1", "GET /api/x", "1.1")
    assert answered.at is not None
    assert abs(answered.at - time.time()) < 3_600
    assert answered.request_header("user-agent") == "test"
    assert "0123456789abcdef" not in repr((denied, answered))


RULES = (
    "SecRuleEngine On\nSecRequestBodyAccess On\nSecAuditEngine RelevantOnly\n"
    "SecAuditLogType Serial\nSecAuditLogParts ABFHZ\n"
    "SecAuditLogRelevantStatus ^4\nSecAuditLog {folder}/audit.log\n"
    "SecRule ARGS:q \"@rx evil\" \"id:1001,phase:2,deny,status:406,log,auditlog,msg:'No evil',tag:'ours'\"\n"
)


def _apache(folder: Path, port: int, more: str) -> list[str]:
    modules = Path("/usr/lib/apache2/modules")
    names = ("mpm_event", "authz_core", "unique_id", "security2")
    if not all((modules / f"mod_{name}.so").exists() for name in names):
        pytest.skip("apache2 with mod_security2 is not installed")
    load = "".join(f"LoadModule {name}_module {modules}/mod_{name}.so\n" for name in names)
    (folder / "apache.conf").write_text(
        f"ServerRoot {folder}\nServerName a.example\n{load}Listen 127.0.0.1:{port}\nPidFile {folder}/pid\n"
        f"ErrorLog {folder}/error.log\n"
        r'LogFormat "%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"" vhost_combined' + "\n"
        f"CustomLog {folder}/access.log vhost_combined\nDocumentRoot {folder}\nUser nobody\nGroup nogroup\n"
        f"<Directory />\nAllowOverride None\n</Directory>\n{more}\n"
    )
    return ["apache2", "-X", "-f", str(folder / "apache.conf")]


def test_apache(open_folder: Path) -> None:
    """Apache says AH01630 with the client's port in its own brackets; its access log names the virtual host."""
    port = _free_port()
    command = _apache(open_folder, port, "<Location />\nRequire all denied\n</Location>")
    with _running(command, port, open_folder):
        assert _ask(port, "/private?a=1") == 403
        denied = _logged("apache-error", open_folder / "error.log", None)
        answered = _logged("apache-access", open_folder / "access.log")
    assert denied.message.startswith("AH01630: client denied by server configuration: ")
    assert (denied.client, denied.fields["module"], denied.fields["code"]) == ("127.0.0.1", "authz_core", "AH01630")
    assert denied.fields["client_port"].isdigit()
    assert (answered.request, answered.host) == ("GET /private", "a.example")


def test_modsecurity_in_apache(open_folder: Path) -> None:
    """Version 2 tells its rule in the error log and in the audit log."""
    port = _free_port()
    command = _apache(open_folder, port, RULES.format(folder=open_folder))
    with _running(command, port, open_folder):
        assert _ask(port, "/x?q=evil") == 406
        line = _logged("apache-error", open_folder / "error.log", 406)
        audit = _logged("modsecurity", open_folder / "audit.log", 406)
    for seen in (line, audit):
        assert (seen.format, seen.client) == ("modsecurity", "127.0.0.1")
        assert (seen.fields["id"], seen.fields["msg"], seen.fields["phase"]) == ("1001", "No evil", "2")
        assert (seen.fields["operator"], seen.fields["variable"]) == ("Pattern match", "ARGS:q")
        assert seen.path.startswith("/x")
    assert (audit.request, audit.host) == ("GET /x", "a.example")
    assert audit.at is not None


def test_modsecurity_in_nginx(open_folder: Path) -> None:
    """Version 3 tells its rule in nginx's error log and in an audit log whose boundary has three hyphens."""
    module = Path("/usr/lib/nginx/modules/ngx_http_modsecurity_module.so")
    if not module.exists():
        pytest.skip("libnginx-mod-http-modsecurity is not installed")
    port = _free_port()
    (open_folder / "rules.conf").write_text(RULES.format(folder=open_folder))
    (open_folder / "nginx.conf").write_text(
        f"load_module {module}; daemon off; pid nginx.pid; error_log {open_folder}/error.log; events {{}}\n"
        f"http {{ access_log off; modsecurity on; modsecurity_rules_file {open_folder}/rules.conf;\n"
        f" server {{ listen 127.0.0.1:{port}; location / {{ root {open_folder}; }} }} }}\n"
    )
    command = [
        "nginx",
        "-p",
        str(open_folder),
        "-c",
        str(open_folder / "nginx.conf"),
        "-e",
        str(open_folder / "error.log"),
    ]
    with _running(command, port, open_folder):
        assert _ask(port, "/x?q=evil") == 406
        line = _logged("nginx-error", open_folder / "error.log", 406)
        audit = _logged("modsecurity", open_folder / "audit.log", 406)
    for seen in (line, audit):
        assert (seen.format, seen.client, seen.request, seen.host) == (
            "modsecurity",
            "127.0.0.1",
            "GET /x",
            "a.example",
        )
        assert (seen.fields["id"], seen.fields["msg"], seen.fields["phase"]) == ("1001", "No evil", "2")
        assert (seen.fields["operator"], seen.fields["variable"]) == ("Rx", "ARGS:q")


def test_haproxy(tmp_path: Path) -> None:
    """HAProxy tells who refused by the termination state, and that no server was asked."""
    port, log = _free_port(), tmp_path / "haproxy.log"
    (tmp_path / "haproxy.cfg").write_text(
        "global\n log stdout format raw local0\ndefaults\n mode http\n log global\n"
        " option httplog\n timeout client 5s\n"
        f" timeout server 5s\n timeout connect 1s\nfrontend fe\n bind 127.0.0.1:{port}\n"
        " http-request deny if { path_beg /no }\n http-request reject if { path_beg /drop }\n"
        " default_backend be\nbackend be\n server s1 127.0.0.1:1\n"
    )
    with _running(["haproxy", "-db", "-f", str(tmp_path / "haproxy.cfg")], port, tmp_path, log):
        assert _ask(port, "/no?x=1") == 403
        with pytest.raises(http.client.RemoteDisconnected):
            _ask(port, "/drop")
        denied, dropped = _logged("haproxy-log", log), _logged("haproxy-log", log, None)
    assert (denied.request, denied.client, denied.fields["server"]) == ("GET /no", "127.0.0.1", "<NOSRV>")
    assert denied.fields["termination_state"] == "PR--"
    assert (dropped.request, dropped.fields["status"]) == ("GET /drop", "-1")


def test_caddy(tmp_path: Path) -> None:
    """Caddy logs JSON, with the answer's headers."""
    port, log = _free_port(), tmp_path / "caddy.log"
    (tmp_path / "Caddyfile").write_text(
        "{\n admin off\n auto_https off\n}\n"
        f"http://:{port} {{\n bind 127.0.0.1\n log {{\n output stderr\n format json\n }}\n respond /no 403\n}}\n"
    )
    command = ["caddy", "run", "--adapter", "caddyfile", "--config", str(tmp_path / "Caddyfile")]
    with _running(command, port, tmp_path, log):
        assert _ask(port, "/no") == 403
        denied = _logged("caddy-log", log)
    assert (denied.request, denied.host, denied.client, denied.message) == (
        "GET /no",
        "a.example",
        "127.0.0.1",
        "handled request",
    )
    assert denied.header("server") == "Caddy"


def test_squid(open_folder: Path) -> None:
    """A proxy that denies a CONNECT logs the host that was asked for, and that nobody was reached."""
    port = _free_port()
    (open_folder / "squid.conf").write_text(
        f"http_port 127.0.0.1:{port}\nhttp_access deny all\naccess_log stdio:{open_folder}/access.log squid\n"
        f"cache_log {open_folder}/cache.log\npid_filename {open_folder}/squid.pid\ncoredump_dir {open_folder}\n"
        "shutdown_lifetime 0 seconds\nmemory_cache_shared off\ncache_mem 0\nnetdb_filename none\n"
    )
    command = ["squid", "-N", "-n", f"log{port}", "-f", str(open_folder / "squid.conf")]
    with _running(command, port, open_folder):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.set_tunnel("api.example", 443)
        with pytest.raises(OSError, match="403"):
            connection.connect()
        connection.close()
        denied = _logged("squid-access", open_folder / "access.log")
    assert (denied.method, denied.host, denied.path) == ("CONNECT", "api.example", "api.example:443")
    assert (denied.fields["result_code"], denied.fields["hierarchy"], denied.client) == (
        "TCP_DENIED",
        "HIER_NONE",
        "127.0.0.1",
    )
