"""Where directives may stand, each place that is written down held against nginx itself."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import pytest

from mattegate.doctor.nginx.names import NAMES
from mattegate.doctor.nginx.review.contexts import ALLOWED, misplaced
from mattegate.doctor.nginx.tree import read_text

_BLOCKS = {
    "http": "{}",
    "server": "server {{ {} }}",
    "location": "server {{ location / {{ {} }} }}",
    "if": "server {{ location / {{ if ($uri) {{ {} }} }} }}",
    "if of a server": "server {{ if ($uri) {{ {} }} }}",
    "limit_except": "server {{ location / {{ limit_except GET {{ {} }} }} }}",
}
_PAIRS = random.Random(5).sample([(name, block) for name in sorted(ALLOWED) for block in _BLOCKS], 120)


def _text(name: str, block: str) -> str:
    return "events {}\nhttp {\n" + _BLOCKS[block].format(f"{name};") + "\n}\n"


def _stopped(text: str, folder: Path) -> str:
    (folder / "nginx.conf").write_text(f"pid {folder}/pid; {text}")
    command = ["nginx", "-t", "-p", str(folder), "-e", "stderr", "-c", str(folder / "nginx.conf")]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
def test_nginx_takes_each_where_it_is_said_to(tmp_path: Path) -> None:
    """Of some hundred names and places nginx and the table say the same; a name nginx was built without is passed."""
    for name, block in _PAIRS:
        said = _stopped(_text(name, block), tmp_path)
        if "unknown directive" in said:
            continue
        (http,) = [line for line in read_text(_text(name, block)).directives if line.name == "http"]
        told = [clue.facts["problem"] for clue in misplaced(http)]
        assert bool(told) == ("not allowed here" in said), (name, block, said)


def test_all_names_are_nginx_s_own() -> None:
    """No name is misspelled."""
    assert set(ALLOWED) <= NAMES
