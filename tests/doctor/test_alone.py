"""The doctor alone: one file or one wheel, on a Python that has nothing else, by a user who may do nothing else."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
from collections.abc import Iterator
from email.parser import HeaderParser
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import pytest

from mattegate import __version__

ROOT: Final = Path(__file__).parents[2]
PACKAGE: Final = ROOT / "src" / "mattegate"
NOBODY: Final = 65_534

SNIPPET: Final = """\
location ^~ /v1/ {
    proxy_set_header Authorization "";
    proxy_pass http://127.0.0.1:8000;
}
"""
TRANSCRIPT: Final = """\
*   Trying 203.0.113.80:80...
* Connected to api.example.com (203.0.113.80) port 80 (#0)
> GET /v1/whoami HTTP/1.1
> Host: api.example.com
> User-Agent: curl/7.88.1
> Accept: */*
>
< HTTP/1.1 403 Forbidden
< Server: squid/5.7
< Content-Type: text/html;charset=utf-8
< X-Squid-Error: ERR_ACCESS_DENIED 0
<
* Connection #0 to host api.example.com left intact
"""
DENIED: Final = "server { listen 80; location /v1/ { deny all; proxy_pass http://127.0.0.1:8000; } }\n"

_IMPORT_ALL: Final = """
import importlib, json, pkgutil, sys
sys.path.insert(0, sys.argv[1])
import mattegate.doctor
for found in pkgutil.walk_packages(mattegate.doctor.__path__, "mattegate.doctor."):
    importlib.import_module(found.name)
print(json.dumps(sorted(sys.modules)))
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that every user may enter, with a name that must be quoted."""
    made = Path(tempfile.mkdtemp(prefix="doctor alone "))
    made.chmod(0o755)
    yield made
    made.chmod(0o755)
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def zipapp(folder: Path) -> Path:
    """The one-file doctor, in a folder that is for reading only."""
    target = folder / "bin" / "mattegate-doctor.pyz"
    _build_zipapp(target)
    (folder / "site.conf").write_text(DENIED)
    target.parent.chmod(0o555)
    return target


@pytest.fixture(scope="module")
def wheel(folder: Path) -> Path:
    """The distribution, built by the backend that its project names."""
    line = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder / "wheel")]
    built = subprocess.run(line, cwd=ROOT / "packaging" / "doctor", capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (found,) = (folder / "wheel").glob("*.whl")
    return found


def _build_zipapp(target: Path, *, root: Path = ROOT) -> Path:
    script = root / "packaging" / "doctor" / "zipapp.py"
    subprocess.run([sys.executable, "-I", script, target], check=True, capture_output=True)
    return target


def _run(
    program: list[str | Path], *words: str, given: str = "", cwd: Path | None = None, **more: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*program, *words],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        cwd=cwd or "/",
        env={},
        **more,
    )


def _bare(python: str | Path, zipapp: str | Path) -> list[str | Path]:
    """A Python without site-packages, without the environment and without the folder it is started in."""
    return [python, "-I", "-S", zipapp]


def _answered(done: subprocess.CompletedProcess[str], *, code: int) -> dict[str, Any]:
    assert (done.returncode, done.stderr) == (code, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _causes(answer: dict[str, Any]) -> list[str]:
    return [finding["cause"] for finding in answer["findings"]]


# --- one file ---------------------------------------------------------------------------------------------------------


def test_the_file_runs_on_a_bare_python_from_any_folder(zipapp: Path) -> None:
    """Help, a snippet from standard input, a transcript of curl: all data comes out of the archive."""
    doctor = _bare(sys.executable, zipapp)
    helped = _run(doctor, "--help")
    assert helped.returncode == 0
    assert "--direct" in helped.stdout
    assert "authorization.cleared" in _causes(_answered(_run(doctor, "-", "--json", given=SNIPPET), code=3))
    told = _answered(_run(doctor, "-", "--json", given=TRANSCRIPT), code=3)
    assert told["findings"][0]["layer"] == "forward-proxy"


def test_the_file_finds_itself_again_when_it_is_named_by_a_relative_path(zipapp: Path) -> None:
    """The experiment is a child process that starts in another folder and reads its code from the same archive."""
    if shutil.which("nginx", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin") is None:
        pytest.skip("nginx is not installed")
    doctor = _bare(sys.executable, Path("bin") / zipapp.name)
    words = ["nginx", "site.conf", "--request", "GET /v1/whoami", "--prove", "--json"]
    told = _answered(_run(doctor, *words, cwd=zipapp.parents[1]), code=3)
    assert told["findings"][0]["cause"] == "access.rule_denies"
    assert told["findings"][0]["verified_by"] == ["real nginx: 403 → 200"]


def test_an_unprivileged_user_runs_the_file_where_nothing_can_be_written(zipapp: Path) -> None:
    """It unpacks nothing and keeps nothing."""
    other: dict[str, Any] = {} if os.getuid() else {"user": NOBODY, "group": NOBODY, "extra_groups": ()}
    python = next((each for each in _pythons() if _works(each, other)), None)
    if python is None:
        pytest.skip("no Python from 3.11 on can be run by an unprivileged user")
    done = _run(
        _bare(python, zipapp), "nginx", "../site.conf", "--request", "GET /v1/x", "--json", cwd=zipapp.parent, **other
    )
    assert "access.rule_denies" in _causes(_answered(done, code=3))
    assert [file.name for file in zipapp.parent.iterdir()] == [zipapp.name]


def _pythons() -> list[str]:
    found = [os.path.realpath(sys.executable), shutil.which("python3", path="/usr/bin:/usr/local/bin")]
    return [each for each in found if each]


def _works(python: str, other: dict[str, Any]) -> bool:
    try:
        return (
            _run([python, "-c", "import sys, tomllib; sys.exit(sys.version_info < (3, 11))"], **other).returncode == 0
        )
    except PermissionError:
        return False


def test_the_same_sources_give_the_same_bytes(tmp_path: Path) -> None:
    """Times, owners and the place of the sources leave no trace, so that a published file can be checked."""
    for name in ("LICENSE", "packaging/doctor/zipapp.py", "src/mattegate/__init__.py"):
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "one" / name)
    unneeded = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PACKAGE / "doctor", tmp_path / "one" / "src" / "mattegate" / "doctor", ignore=unneeded)
    shutil.copytree(tmp_path / "one", tmp_path / "other", copy_function=shutil.copyfile)
    one, other = (_build_zipapp(tmp_path / f"{name}.pyz", root=tmp_path / name) for name in ("one", "other"))
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes().startswith(b"#!/usr/bin/env python3\n")
    with ZipFile(one) as archive:
        names = archive.namelist()
        assert names == sorted(names)
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_closed_pipe_and_odd_bytes_end_it_calmly(zipapp: Path) -> None:
    """``… | head`` is no failure to be traced, and a name need not be UTF-8."""
    words = [*_bare(sys.executable, zipapp), "causes"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={}) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141
    done = _run(_bare(sys.executable, zipapp), os.fsdecode(b"no-\xff-such.conf"))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr


# --- one wheel --------------------------------------------------------------------------------------------------------


def test_the_wheel_holds_the_doctor_and_depends_on_nothing(wheel: Path) -> None:
    """One package of the product, its data, and the version of the product."""
    with ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        told = HeaderParser().parsestr(archive.read(metadata).decode())
    assert (told["Name"], told["Version"]) == ("mattegate-doctor", __version__)
    assert told.get_all("Requires-Dist") is None
    held = {name for name in names if ".dist-info/" not in name}
    assert held == {"mattegate/__init__.py", *_sources()}
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_file_holds_what_the_wheel_holds(zipapp: Path) -> None:
    """Both are the same sources."""
    with ZipFile(zipapp) as archive:
        names = set(archive.namelist())
    assert names == {"__main__.py", "LICENSE", "mattegate/__init__.py", *_sources()}


def _sources() -> set[str]:
    files = (file for file in (PACKAGE / "doctor").rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {f"mattegate/{file.relative_to(PACKAGE).as_posix()}" for file in files}


def test_the_wheel_runs_in_an_environment_that_has_nothing_else(wheel: Path, folder: Path) -> None:
    """Installed without an index: the command is there, and there is no second distribution."""
    home = folder / "environment"
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin" / "python"
    line: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-index",
        wheel,
    ]
    installed = subprocess.run(line, capture_output=True, text=True, check=False)
    assert installed.returncode == 0, installed.stderr
    listed = _run([python, "-c", "from importlib import metadata as m; print(*(d.name for d in m.distributions()))"])
    assert listed.stdout.split() == ["mattegate-doctor"]
    doctor: list[str | Path] = [home / "bin" / "mattegate-doctor"]
    assert "--direct" in _run(doctor, "--help").stdout
    assert "authorization.cleared" in _causes(_answered(_run(doctor, "-", "--json", given=SNIPPET), code=3))
    assert _answered(_run(doctor, "-", "--json", given=TRANSCRIPT), code=3)["findings"][0]["layer"] == "forward-proxy"


# --- what it is made of -----------------------------------------------------------------------------------------------


def test_every_module_imports_nothing_but_the_standard_library_and_the_doctor() -> None:
    """Imported one by one on a Python that has no other package: whatever were missing would fail here."""
    done = _run([sys.executable, "-I", "-S", "-c", _IMPORT_ALL], str(PACKAGE.parent))
    assert done.returncode == 0, done.stderr
    loaded = json.loads(done.stdout)
    foreign = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - {"mattegate", "__main__"}
    assert foreign == set()
    ours = [name for name in loaded if name.startswith("mattegate.")]
    assert len(ours) > 100
    assert [name for name in ours if not name.startswith(("mattegate.doctor", "mattegate.vocabulary"))] == []


def test_no_import_hides_in_a_function_or_behind_a_condition() -> None:
    """What is imported late, or for types only, keeps the same rule."""
    allowed = {*sys.stdlib_module_names}
    strangers = [
        f"{file.relative_to(PACKAGE)}: {name}"
        for file in (PACKAGE / "doctor").rglob("*.py")
        for name in _imported(file)
        if name.partition(".")[0] not in allowed and not f"{name}.".startswith("mattegate.doctor.")
    ]
    assert strangers == []


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.module or ""


def test_the_two_distributions_say_that_they_are_one_product() -> None:
    """Same licence, same Python, one version in one place."""
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    alone = tomllib.loads((ROOT / "packaging" / "doctor" / "pyproject.toml").read_text("utf-8"))["project"]
    assert (alone["license"], alone["requires-python"]) == (ours["license"], ours["requires-python"])
    assert alone["dependencies"] == []
    assert alone["dynamic"] == ["version"]
    assert ours["version"] == __version__
