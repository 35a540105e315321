"""A secret that is to go into a file is not made before the file has room for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NO_ROOM = """
import resource, sys
from pathlib import Path
from mattegate.cli.handing import handing
from mattegate.vocabulary.refusal import Refusal
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
try:
    with handing("key", Path(sys.argv[1]), as_json=False):
        print("made")
except Refusal as no:
    print(no.reason.code, no.detail)
"""


def test_a_disk_that_takes_nothing_is_told_before_the_secret_is_made(tmp_path: Path) -> None:
    """Otherwise a key would be in force that nobody has ever seen; and no empty file is left behind."""
    file = tmp_path / "ci.key"
    done = subprocess.run([sys.executable, "-c", NO_ROOM, file], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("file.disk_full")
    assert str(file) in done.stdout
    assert list(tmp_path.iterdir()) == []
