"""Configurations that would reach out of an experiment if they were run as they are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.nginx.directive import Directive, spelled
from mattegate.doctor.nginx.lexer import read_directives
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.prove import sandbox
from mattegate.doctor.prove.allowed import ALLOWED, HARMLESS
from mattegate.doctor.prove.ground import Ground, Unrenderable
from mattegate.doctor.prove.proof import CannotProve, Limits, prove
from mattegate.doctor.prove.rerender import render
from tests.doctor.prove.laboratory import asking, needs_nginx, shown, tree

GROUND = Ground("/private", lambda port: port + 20_000, own_network=True, confined=True, ipv6=True)

OUTWARD = """
load_module /tmp/evil.so; user root; env SECRET; error_log /etc/passwd; pid /etc/cron.d/x; lock_file /etc/y;
worker_rlimit_core 1g; working_directory /etc;
http {
  include /etc/shadow; perl_modules /etc; lua_package_path /etc; js_import /etc/x.js; resolver 198.51.100.1;
  access_log syslog:server=198.51.100.1; access_log /etc/passwd; error_log syslog:server=198.51.100.1;
  proxy_cache_path /etc/cache keys_zone=a:1m; client_body_temp_path /etc/body; proxy_temp_path /etc/proxy;
  ssl_certificate /etc/shadow; ssl_certificate_key engine:pkcs11:x; ssl_password_file /etc/shadow;
  geo $a { include /etc/shadow; default 0; } map $uri $b { include /etc/shadow; default 0; } types { include /etc/x; }
  upstream out { server 198.51.100.1:80; server unix:/run/docker.sock; zone x 1m; }
  server { listen 203.0.113.9:22; listen unix:/run/evil.sock; listen [2001:db8::1]:23; root /etc; autoindex on;
    auth_basic x; auth_basic_user_file /etc/shadow; ssl_client_certificate /etc/shadow; ssl_crl /etc/shadow;
    location /a { alias /etc/; } location = /b { alias /etc/shadow; } location ~ ^/c(.*)$ { alias /etc/$1; }
    location /d { proxy_pass http://198.51.100.1/; proxy_store /etc/passwd; proxy_bind 198.51.100.2; dav_methods PUT; }
    location /e { proxy_pass http://unix:/run/docker.sock:/; proxy_ssl_certificate /etc/shadow; proxy_cache a; }
    location /f { fastcgi_pass 198.51.100.1:9000; fastcgi_param SCRIPT_FILENAME /etc/passwd; }
    location /g { proxy_pass http://out; mirror /m; post_action /p; }
    location /h { if (-f /etc/shadow) { return 418; } }
    location /i { content_by_lua_block { os.execute("touch /tmp/evil") } js_content x; perl y; slice 1m; ssi on; }
    location /j { grpc_pass grpc://198.51.100.1; } location /k { uwsgi_pass 198.51.100.1:1; uwsgi_store /etc/z; }
    location /l { memcached_pass 198.51.100.1:11211; } location /m { client_body_in_file_only on; }
  } }
stream { server { listen 1; proxy_pass 198.51.100.1:2; } } mail { }
"""


def test_nothing_that_reaches_outside_is_written() -> None:
    """Of all that could open, write, run or call something, only stand-ins are left."""
    rendered = render(tree(OUTWARD), Request(target="/a"), GROUND)
    words = re.findall(r'(?<![\w/:$.^-])/[^\s";]*', rendered.text)
    inside = [word for word in words if word.startswith("/private")]
    assert sorted({word for word in words if word not in inside}) == sorted(
        {"/a", "/b", "/d", "/e", "/f", "/g", "/h", "/i", "/j", "/k", "/l", "/m"}
    )
    for outside in (
        "198.51.100",
        "/etc",
        "docker",
        "evil",
        "203.0.113",
        "2001:db8",
        "syslog",
        "lua",
        "shadow",
        "store",
    ):
        assert outside not in rendered.text, outside
    assert not {each.content for each in rendered.placeholders} - {None, b"", b"stand-in\n"}
    for name in (
        "load_module",
        "env",
        "proxy_store",
        "proxy_bind",
        "ssl_crl",
        "mirror",
        "js_content",
        "stream",
        "perl",
    ):
        assert any(sentence.startswith(f"{name} (") for sentence in rendered.not_checked), name


def test_no_directive_is_both_written_and_said_to_be_left_out() -> None:
    """The lists do not contradict each other."""
    assert not HARMLESS & set(ALLOWED)


NASTY = st.text(
    st.sampled_from(list("ab/$;{}\"'\\ \t\r\n#()~*=.\u00e9\ud800:0")) | st.characters(exclude_characters="\0")
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NASTY, min_size=1, max_size=4))
def test_a_word_is_read_back_as_the_same_word(words: list[str]) -> None:
    """No argument can end a directive, begin one, open a block or a comment."""
    line = " ".join(["name", *map(spelled, words)]) + ";"
    assert "\n" not in line
    directives, problems = read_directives(line, "x")
    assert not problems
    assert [each.args for each in directives] == [tuple(words)]


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(ALLOWED)), st.lists(NASTY, max_size=4))
def test_a_hostile_argument_stays_within_its_directive(name: str, args: list[str]) -> None:
    """Whatever the arguments of an allowed directive are, no other directive comes of them."""
    inner = Directive(name, tuple(args), "f", 1)
    whole = (Directive("http", (), "f", 1, (Directive("server", (), "f", 1, (inner,)),)),)
    try:
        rendered = render(whole, Request(), GROUND)
    except Unrenderable:
        return
    directives, problems = read_directives(rendered.text, "x")
    assert not problems
    http = next(each for each in directives if each.name == "http")
    servers = [each for each in http.children if each.name == "server"]
    assert len(servers) == 1
    extra = {"listen", name, "proxy_pass"} if name.endswith("_pass") else {"listen", name}
    assert {each.name for each in servers[0].children} <= extra
    assert {each.name for each in http.children} <= {
        "access_log", "keepalive_timeout", "map", "server", "upstream", "client_body_temp_path", "proxy_temp_path",
        "fastcgi_temp_path", "uwsgi_temp_path", "scgi_temp_path",
    }  # fmt: skip


def test_a_nul_is_refused() -> None:
    """nginx would end the word there."""
    with pytest.raises(Unrenderable, match="NUL"):
        render((Directive("http", ("a\0b",), "f", 7, ()),), Request(), GROUND)


def test_more_than_anybody_writes_is_refused_quickly() -> None:
    """A hundred thousand directives, endless nesting and endless words end in a sentence."""
    many = tuple(Directive("deny", (f"10.0.0.{n % 256}",), "f", n) for n in range(100_000))
    with pytest.raises(Unrenderable, match="more than 50000"):
        render(many, Request(), GROUND)
    deep = Directive("location", ("/",), "f", 1, ())
    for _ in range(5_000):
        deep = Directive("location", ("/",), "f", 1, (deep,))
    with pytest.raises(Unrenderable, match="deeper"):
        render((deep,), Request(), GROUND)
    needs_nginx()
    with pytest.raises(CannotProve, match="deeper"):
        prove((deep,), Request(), ())
    with pytest.raises(Unrenderable, match="bytes"):
        render((Directive("return", ("x" * 5_000_000,), "f", 1),), Request(), GROUND)
    places = "".join(f"location /{n} {{ proxy_pass http://h{n}; }}" for n in range(101))
    with pytest.raises(Unrenderable, match="100 different upstreams"):
        render(tree(f"server {{ listen 80; {places} }}"), Request(), GROUND)


def test_forty_thousand_rules_are_run() -> None:
    """A large configuration within the bounds is an experiment like another."""
    rules = "".join(f"deny 10.{n // 256}.{n % 256}.0/24;" for n in range(40_000))
    text = f"server {{ listen 80; {rules} location / {{ proxy_pass http://a; }} }}"
    assert shown(text, asking(client="10.3.4.5"), limits=Limits(seconds=60, cpu_seconds=30)).before.status == 403


def test_a_word_that_nginx_cannot_read_is_its_own_complaint() -> None:
    """nginx has a limit for words, and says so with the given line."""
    with pytest.raises(CannotProve, match="too long parameter"):
        shown(f'server {{ listen 80; return 200 "{"x" * 5_000}"; }}', asking())


CLIMBING = [
    ("server { listen 80; root /srv; location / { rewrite ^ /../../../../../../etc/passwd break; } }", "/"),
    ("server { listen 80; root /srv; set $d .; location / { try_files /$d$d/$d$d/$d$d/$d$d/etc/passwd =418; } }", "/"),
    ("server { listen 80; root /srv; location / { try_files $arg_f =418; } }", "/?f=/../../../../../etc/passwd"),
    ("server { listen 80; location ~ ^/x(.*)$ { alias /srv/$1; } }", "/x../../../../../etc/passwd"),
    ("server { listen 80; root /srv; error_page 418 /../../../../../../etc/passwd; location / { return 418; } }", "/"),
    ("server { listen 80; root /srv; index /../../../../../etc/passwd; location / { } }", "/"),
]


@pytest.mark.parametrize(("text", "target"), CLIMBING)
def test_a_path_that_climbs_out_finds_nothing(text: str, target: str) -> None:
    """The kernel keeps nginx in its folder whatever path it makes; without that there is no experiment."""
    needs_nginx()
    if not sandbox.permitted().confined:
        pytest.skip("this kernel has no Landlock")
    proof = shown(text, asking(target=target))
    assert proof.before.status != 200
    length = str(Path("/etc/passwd").stat().st_size)
    assert proof.before.header("content-length") != length
    with pytest.raises(CannotProve, match="no way to keep nginx"):
        prove(tree(text), asking(target=target), (), permitted=replace(sandbox.permitted(), confined=False))


_OUTSIDE_READ = ("/usr/", "/lib", "/etc/ld.so", "/etc/ssl/openssl.cnf", "/etc/localtime", "/proc/", "/sys/")
_SCRIPT = """
import json, sys
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.tree import read_text
from mattegate.doctor.prove.proof import prove
for text, target in json.load(sys.stdin):
    print(prove(read_text(text).directives, Request(target=target, host="h"), ()).before.status)
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="there is no strace program")
def test_the_kernel_saw_nothing_outside(tmp_path: Path) -> None:
    """Traced from its start, nginx opens its own folder and its libraries, writes nowhere else and connects nowhere."""
    needs_nginx()
    if not sandbox.permitted().confined:
        pytest.skip("this kernel has no Landlock")
    tried = [*CLIMBING, *((OUTWARD.replace("auth_basic x;", ""), f"/{letter}/passwd") for letter in "acdegh")]
    log = tmp_path / "trace"
    traced = "trace=open,openat,creat,unlink,unlinkat,rename,mkdir,connect,sendto,execve,bind,setuid"
    words = ["strace", "-f", "-qq", "-e", traced, "-o", str(log), sys.executable, "-c", _SCRIPT]
    done = subprocess.run(
        words,
        input=json.dumps(tried),
        text=True,
        capture_output=True,
        timeout=110,
        check=False,
        env={"PYTHONPATH": "src"},
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert len(done.stdout.split()) == len(tried)
    started: set[str] = set()
    seen = []
    for line in log.read_text("utf-8", "replace").splitlines():
        process = line.split(maxsplit=1)[0]
        if process in started and " = -1 " not in line:
            seen.append(line)
        if re.search(r'execve\("\S*/nginx", \["\S+", "-p"', line):
            started.add(process)
    assert len(started) == 2 * len(tried)
    for line in seen:
        path = re.search(r'(?:sun_path=|, |\()"([^"]*)"', line)
        if path is None or "sin_addr" in line or "sin6_addr" in line:
            continue
        private = path[1].startswith(f"{_temporary()}/mattegate-prove-") and ".." not in path[1]
        read_only = "O_RDONLY" in line and path[1].startswith(_OUTSIDE_READ)
        assert private or read_only or path[1] == "/dev/null" or "execve" in line, line
    assert seen
    assert not any("sin_addr" in line and "connect" in line for line in seen)
    bound = [line for line in seen if "bind(" in line and "sin" in line]
    assert bound
    assert all("127.0.0.1" in line or '"::1"' in line for line in bound)


def _temporary() -> str:
    return str(Path(os.environ.get("TMPDIR", "/tmp")).resolve())


def test_a_password_file_is_not_read_unless_it_is_named(tmp_path: Path) -> None:
    """The request's credentials count as right, until the caller names the file they are to be checked against."""
    file = tmp_path / "htpasswd"
    file.write_text("other:{PLAIN}secret\nann:{PLAIN}right\n")
    text = f"server {{ listen 80; location / {{ auth_basic x; auth_basic_user_file {file}; proxy_pass http://a; }} }}"
    wrong = asking(headers=(("Authorization", "Basic YW5uOndyb25n"),))
    right = asking(headers=(("Authorization", "Basic YW5uOnJpZ2h0"),))
    assert shown(text, wrong).before.status == 200
    assert shown(text, wrong, password_files=[str(file)]).before.status == 401
    assert shown(text, right, password_files=[str(file)]).before.status == 200
    gone = text.replace("htpasswd", "gone")
    assert shown(gone, right, files_here=True).before.status == 403


def test_files_of_this_machine_are_looked_at_only_when_they_are_here(tmp_path: Path) -> None:
    """A stand-in is as readable as the real file, whose content never gets into the experiment."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "open.txt").write_text("a secret of forty-two characters, not more")
    (folder / "closed.txt").write_text("x")
    (folder / "closed.txt").chmod(0o600)
    for each in (folder, *folder.parents[:-2]):
        if each.stat().st_uid == os.getuid() and str(each).startswith(str(tmp_path.parents[2])):
            each.chmod(each.stat().st_mode | 0o011)
    text = f"user nobody; events {{ }} http {{ server {{ listen 80; root {folder}; }} }}"
    assert shown(text, asking(target="/closed.txt")).before.status == 200
    assert shown(text, asking(target="/missing.txt")).before.status == 200
    assert shown(text, asking(target="/missing.txt"), files_here=True).before.status == 404
    assert shown(text, asking(target="/closed.txt"), files_here=True).before.status == 403
    opened = shown(text, asking(target="/open.txt"), files_here=True).before
    assert (opened.status, opened.header("content-length")) == (200, "9")


def test_time_is_up() -> None:
    """A request that would wait for ever is ended by the clock, and nothing is left."""
    needs_nginx()
    before = _left()
    began = time.monotonic()
    slow = asking(method="POST", headers=(("Content-Length", "5000"),))
    with pytest.raises(CannotProve, match=r"time|longer"):
        shown("server { listen 80; location / { proxy_pass http://a; } }", slow, limits=Limits(seconds=1.5))
    assert time.monotonic() - began < 30
    assert _left() == before


def _left() -> set[str]:
    return {path.name for path in Path(_temporary()).glob("mattegate-prove-*")}
