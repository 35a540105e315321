"""The place where experiments run: without rights, bounded, and gone afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mattegate.doctor.prove import sandbox
from mattegate.doctor.prove.proof import CannotProve, Limits
from tests.doctor.prove.laboratory import asking, needs_nginx, shown

SRC = Path("src").resolve()
_SLOW = """
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.tree import read_text
from mattegate.doctor.prove.proof import prove
from mattegate.doctor.prove.sandbox import permitted
print("begun", permitted(), flush=True)
conf = read_text("server { listen 80; location / { proxy_pass http://a; } }").directives
print(prove(conf, Request(host="h", headers=HEADERS, client="192.0.2.7"), ()).sentence, flush=True)
"""
_WAITS = _SLOW.replace("HEADERS", '(("Content-Length", "9"),)')


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """A folder for temporary files that nobody else uses, short enough for sockets and open to every user."""
    folder = Path("/tmp") / f"mg-{os.getpid()}-{tmp_path.name[-6:]}"
    folder.mkdir()
    folder.chmod(0o1777)
    return folder


def _nginx_in(folder: Path) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if f"{folder}/mattegate-prove-".encode() in (process / "cmdline").read_bytes():
                found.append(int(process.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _eventually(condition: object, seconds: float = 15) -> bool:
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        if callable(condition) and condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux'")
@pytest.mark.parametrize("blow", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_nothing_stays_when_the_asker_is_stopped(temporary: Path, blow: signal.Signals) -> None:
    """Interrupted, terminated or killed: nginx ends and the folder is removed."""
    needs_nginx()
    environment = {"PYTHONPATH": str(SRC), "TMPDIR": str(temporary), "PATH": os.environ["PATH"]}
    asker = subprocess.Popen(
        [sys.executable, "-c", _WAITS], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert _eventually(lambda: _nginx_in(temporary)), "nginx never ran"
        asker.send_signal(blow)
        asker.communicate(timeout=15)
        assert _eventually(lambda: not _nginx_in(temporary))
        assert _eventually(lambda: not list(temporary.iterdir()))
    finally:
        asker.kill()
        asker.communicate()
        shutil.rmtree(temporary, ignore_errors=True)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux'")
def test_root_never_runs_nginx(temporary: Path) -> None:
    """Whoever asks, nginx has no rights, can gain none, and may only use a little."""
    needs_nginx()
    environment = {"PYTHONPATH": str(SRC), "TMPDIR": str(temporary), "PATH": os.environ["PATH"]}
    asker = subprocess.Popen([sys.executable, "-c", _WAITS], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert _eventually(lambda: _nginx_in(temporary)), "nginx never ran"
        process = Path("/proc") / str(_nginx_in(temporary)[0])
        status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
        assert "0" not in status["Uid"].split()
        assert "0" not in status["Gid"].split()
        assert status["Groups"].strip() == "" or os.getuid()
        assert status["NoNewPrivs"] == "1"
        assert int(status["CapEff"], 16) == 0
        bounds = (process / "limits").read_text()
        assert "Max cpu time              5" in bounds
        assert "Max address space         1073741824" in bounds
        assert (process / "environ").read_bytes() == b""
        assert (process / "cwd").readlink().stat().st_mode & 0o777 == 0o700
    finally:
        asker.kill()
        asker.communicate()
        assert _eventually(lambda: not list(temporary.iterdir()))
        shutil.rmtree(temporary, ignore_errors=True)


def _python_for(user: int) -> str:
    for program in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            code = "import sys; sys.exit(sys.version_info < (3, 11))"
            done = subprocess.run([program, "-I", "-c", code], user=user, cwd="/", capture_output=True, check=False)
        except OSError:
            continue
        if done.returncode == 0:
            return program
    pytest.skip("no Python that other users may run")


@pytest.mark.skipif(os.getuid() != 0 or sys.platform != "linux", reason="only root can become somebody else")
def test_an_ordinary_user_needs_no_rights(temporary: Path) -> None:
    """The same experiment works for a user without any rights, by a user namespace or an understudy."""
    needs_nginx()
    code = temporary / "code"
    shutil.copytree(SRC / "mattegate", code / "mattegate", ignore=shutil.ignore_patterns("__pycache__", "*.onnx"))
    words = [_python_for(12_345), "-c", _SLOW.replace("HEADERS", "()")]
    done = subprocess.run(
        words,
        user=12_345,
        group=12_345,
        extra_groups=[],
        cwd="/",
        env={"PYTHONPATH": str(code), "TMPDIR": str(temporary), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    shutil.rmtree(code)
    left = list(temporary.iterdir())
    shutil.rmtree(temporary)
    assert "real nginx: 200 both times" in done.stdout, done.stderr[-1_500:]
    assert not left


def test_what_the_system_permits_is_tried_not_assumed() -> None:
    """The answer is the same each time, and nothing of the trial stays with this process."""
    network = Path("/proc/self/ns/net")
    before = network.readlink() if sys.platform == "linux" else network
    assert sandbox.permitted() == sandbox.permitted()
    assert before == (network.readlink() if sys.platform == "linux" else network)


def test_memory_is_bounded() -> None:
    """A configuration that asks for all memory gets a refusal, not the memory."""
    with pytest.raises(CannotProve):
        shown(
            "http { server_names_hash_max_size 999999999; variables_hash_max_size 999999999; server { return 204; } }",
            asking(),
            limits=Limits(memory_bytes=150_000_000),
        )


def test_a_long_answer_and_a_large_upload_are_bounded() -> None:
    """A body above the cap is announced, not sent; nginx refuses it by what was announced."""
    text = "server { listen 80; location / { proxy_pass http://a; } }"
    proof = shown(text, asking(method="POST", body_bytes=10**13))
    assert proof.before.status == 413
