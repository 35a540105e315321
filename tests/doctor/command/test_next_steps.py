"""The command that a finding suggests can be copied: the right file, the right place, the right program."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from io import BytesIO, StringIO
from pathlib import Path

import pytest

from mattegate.doctor.causes import causes
from mattegate.doctor.command.run import main

_SITE = """server {
    listen 80;
    server_name api.example.com;
    location /v1/ { allow 10.0.0.0/8; deny all; proxy_pass http://127.0.0.1:8000; }
}
"""
_LINE = (
    "2026/11/22 10:11:51 [error] 7#7: *3 access forbidden by rule, client: 203.0.113.9, server: api.example.com, "
    'request: "POST /v1/cut HTTP/1.1", host: "api.example.com"\n'
)
_COMPOSE = 'services:\n  edge:\n    image: docker.example.com/nginx:1.27\n    ports: ["80:80"]\n'
_REQUEST = ("--request", "POST /v1/cut", "--host", "api.example.com", "--client-ip", "203.0.113.9")
_ASK = "mattegate doctor nginx - --request 'POST /v1/cut' --client-ip 203.0.113.9"
_SEARCH = "grep 'access forbidden by rule'"
_ROOT = "  # as root, where nginx runs"


def _next(*words: str, stdin: str = "") -> str:
    out, problems = StringIO(), StringIO()
    code = main([*words, "--json"], BytesIO(stdin.encode()), out, problems, {})
    assert code in (3, 4), out.getvalue() + problems.getvalue()
    return str(json.loads(out.getvalue())["findings"][0]["next"])


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A configuration in a folder whose name a shell would take apart."""
    folder = tmp_path / "my site's"
    folder.mkdir()
    (folder / "gate.conf").write_text(_SITE)
    (folder / "error.log").write_text(_LINE)
    (folder / "compose.yaml").write_text(_COMPOSE)
    return folder


def test_a_log_alone_asks_the_configuration_that_runs(site: Path) -> None:
    """Where the configuration lies is not known; nginx itself says what it runs, to root."""
    assert _next(str(site / "error.log")) == f"nginx -T 2>/dev/null | {_ASK}{_ROOT}"


def test_a_log_on_standard_input_as_well() -> None:
    """What was piped in cannot be named."""
    assert _next("-", stdin=_LINE) == f"nginx -T 2>/dev/null | {_ASK}{_ROOT}"


def test_a_configuration_alone_looks_into_the_log(site: Path) -> None:
    """The request was asked of it already: what is left is whether it really happened."""
    assert _next("nginx", str(site / "gate.conf"), *_REQUEST) == f"{_SEARCH} /var/log/nginx/error.log | tail{_ROOT}"


def test_a_log_that_the_configuration_names_is_the_one(site: Path) -> None:
    """A distribution's folder is a guess; the directive is not."""
    (site / "gate.conf").write_text(f"error_log '/srv/logs of gate/error.log';\n{_SITE}")
    assert _next("nginx", str(site / "gate.conf"), *_REQUEST) == f"{_SEARCH} '/srv/logs of gate/error.log' | tail"


def test_both_name_the_log_that_was_given(site: Path) -> None:
    """Quoted, so that it can be run as it stands."""
    told = _next("nginx", str(site / "gate.conf"), *_REQUEST, "--error-log", str(site / "error.log"))
    assert told == f"{_SEARCH} {shlex.quote(str(site / 'error.log'))} | tail"
    done = subprocess.run(["bash", "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout == _LINE


def test_a_container_is_entered(site: Path) -> None:
    """In the image of nginx the log files are pipes: what they hold is the container's output."""
    compose = str(site / "compose.yaml")
    asked = _next(str(site / "error.log"), compose)
    assert asked == f"docker compose exec -T edge nginx -T 2>/dev/null | {_ASK}"
    searched = _next(compose, "--nginx", str(site / "gate.conf"), *_REQUEST)
    assert searched == f"docker compose logs edge 2>&1 | {_SEARCH} | tail"


@pytest.mark.parametrize(
    ("command", "container"),
    [
        ("docker run -d --name edge -p 80:80 nginx:1.27", "edge"),
        ("docker run -d -p 80:80 nginx:1.27", '"$(docker ps -qf ancestor=nginx:1.27)"'),
    ],
)
def test_a_container_goes_by_its_name_or_its_image(site: Path, command: str, container: str) -> None:
    """One that nobody named is found by what it runs."""
    (site / "run.sh").write_text(f"{command}\n")
    told = _next(str(site / "error.log"), str(site / "run.sh"))
    assert told == f"docker exec {container} nginx -T 2>/dev/null | {_ASK}"


def test_a_configuration_that_did_not_decide_is_named(site: Path) -> None:
    """With a log of another request than the file explains, the file that was given is what to ask next."""
    (site / "gate.conf").write_text(_SITE.replace("deny all; ", ""))
    told = _next("nginx", str(site / "gate.conf"), "--error-log", str(site / "error.log"))
    assert told == _ASK.replace(" - ", f" {shlex.quote(str(site / 'gate.conf'))} ")


def test_a_dump_is_searched_itself(site: Path) -> None:
    """It holds all that nginx would print, and it is at hand."""
    dump = site / "dump.txt"
    dump.write_text(
        "# configuration file /etc/nginx/nginx.conf:\nevents {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n"
        "# configuration file /etc/nginx/conf.d/a.conf:\nserver { listen 80; location /v1/ { return 403; } }\n"
    )
    told = _next("nginx", str(dump), "--request", "GET /v1/cut")
    assert told == f"grep -n 'return 403' {shlex.quote(str(dump))}"


def test_a_blank_is_filled_with_what_is_known(site: Path) -> None:
    """The host and the path of the request stand in the answer; a method that nobody saw stays a blank."""
    (site / "gate.conf").write_text(
        _SITE.replace("deny all;", 'deny all; satisfy any; auth_basic "m"; auth_basic_user_file f;')
    )
    asked = _next("nginx", str(site / "gate.conf"), *_REQUEST, "--no-files")
    assert asked == "curl -sS -o /dev/null -D - http://api.example.com/v1/cut | grep -i www-authenticate"
    console = (
        "Access to fetch at 'https://api.example.com/v1/cut' from origin 'https://app.example.com' has been blocked by "
        "CORS policy: Response to preflight request doesn't pass access control check: It does not have HTTP ok status."
    )
    assert _next("-", stdin=console).endswith("-H 'Access-Control-Request-Method: <method>'")


def test_what_only_root_sees_says_so(site: Path) -> None:
    """Anybody else gets an empty list, and takes it for the answer."""
    (site / "audit.log").write_text(
        'type=AVC msg=audit(1700000000.1:2): avc:  denied  { name_connect } for  pid=7 comm="nginx" dest=8000 '
        "scontext=system_u:system_r:httpd_t:s0 tcontext=system_u:object_r:soundd_port_t:s0 tclass=tcp_socket "
        "permissive=0\n"
    )
    assert _next(str(site / "audit.log")).endswith("  # as root")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_every_suggested_command_is_one_that_a_shell_can_read() -> None:
    """With its blanks named, no command of the catalogue has an open quotation or a stray sign."""
    for cause in causes().values():
        command = cause.said("check", {}).replace("<", "_").replace(">/dev/null", "").replace(">", "_")
        done = subprocess.run(["bash", "-nc", command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, (cause.code, command, done.stderr)
