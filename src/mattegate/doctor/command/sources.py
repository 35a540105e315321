"""What was given: files, addresses, standard input; what each is, and what it says.

Only what was named is read. Text from standard input has no file system.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from mattegate.doctor.command.pasted import MOST as MOST_PASTED
from mattegate.doctor.command.pasted import has_commands, has_fences, is_telling, read_thread
from mattegate.doctor.nginx.pasting import unpasted
from mattegate.doctor.nginx.tree import Tree, read_file, read_text
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers import PACKED_HEAD_BYTES, Reader, Unreadable, by_name, head_text, recognise
from mattegate.doctor.redact import clean, safe

STDIN: Final = "-"
_URL: Final = re.compile(r"^https?://[^\s/]+", re.IGNORECASE)
_BLOCKS: Final = r"server|http|events|upstream\s+\S+|(?:location|map|geo)\s+[^{;\n]+|if\s*\([^\n]*\)"
_LINES: Final = (
    "proxy_pass|server_name|listen|allow|deny|add_header|limit_req|limit_req_zone|proxy_set_header|client_max_body_size|"
    "worker_processes|include|auth_basic|satisfy|set_real_ip_from|return|rewrite|error_page"
)
_NGINX: Final = re.compile(rf"^[ \t]*(?:(?:{_BLOCKS})\s*\{{|(?:{_LINES})\s[^;\n]*;)", re.MULTILINE)
_DUMP: Final = re.compile(r"^# configuration file \S.*:\s*$", re.MULTILINE)


class BadInput(Exception):  # noqa: N818 - the state of what was given
    """Something that was given cannot be used; the message is a sentence for the person who gave it."""


@dataclass(frozen=True, slots=True)
class Read:
    """What one input came to."""

    name: str
    kind: str
    """``nginx``, or the reader's name."""
    tree: Tree | None = None
    observations: tuple[Observation, ...] = ()


def is_url(text: str) -> bool:
    """Whether an input is an address to probe."""
    return bool(_URL.match(text))


def looks_like_nginx(head: str, name: str) -> bool:
    """Whether a text is a configuration of nginx, or a piece of one."""
    if _DUMP.search(head):
        return True
    if Path(name).suffix in {".har", ".json", ".log", ".yml", ".yaml"}:
        return False
    return bool(_NGINX.search(head) or _NGINX.search(unpasted(head)))


def read_source(name: str, stdin: BinaryIO, *, as_name: str = "", roots: Sequence[Path] = ()) -> Read:
    """Read one input, ``-`` for standard input. Raises :class:`BadInput`."""
    try:
        if name == STDIN:
            return _read_stream(_held(stdin), "standard input", as_name)
        path = Path(name)
        with path.open("rb") as file:
            if not file.seekable():  # of a shell's <(…): it can be read once
                return _read_stream(_held(file), name, as_name)
            head = head_text(file.read(PACKED_HEAD_BYTES))
            if as_name == "nginx" or (not as_name and looks_like_nginx(head, name) and not has_fences(head)):
                return Read(name, "nginx", tree=read_file(path, roots))
            if not head.strip():
                return Read(name, "empty")
            file.seek(0)
            if not as_name and (thread := _thread(file.read(MOST_PASTED + 1), head, name)) is not None:
                return thread
            file.seek(0)
            return _observed(file, name, _reader(head, name, as_name))
    except OSError as error:
        raise BadInput(f"{clean(name)}: {error.strerror or error}") from error
    except Unreadable as error:
        raise BadInput(f"{clean(name)}: {safe(str(error))}") from error


_MOST_HELD: Final = 256 << 20


def _held(stream: BinaryIO) -> BytesIO:
    """What can be read only once, in memory."""
    read = stream.read(_MOST_HELD + 1)
    if len(read) > _MOST_HELD:
        raise Unreadable(f"this is more than {_MOST_HELD >> 20} MiB; put it into a file and name that")
    return BytesIO(read)


def _read_stream(stream: BytesIO, name: str, as_name: str) -> Read:
    head = head_text(stream.getvalue()[:PACKED_HEAD_BYTES])
    if as_name == "nginx" or (not as_name and looks_like_nginx(head, name) and not has_fences(head)):
        return Read(name, "nginx", tree=read_text(stream.getvalue().decode("utf-8", "surrogateescape"), name))
    if not as_name and (thread := _thread(stream.getvalue(), head, name)) is not None:
        return thread
    return _observed(stream, name, _reader(head, name, as_name))


def _thread(raw: bytes, head: str, name: str) -> Read | None:
    """What several pieces in one text say, where it has fences or tells a reader of the whole nothing."""
    if len(raw) > MOST_PASTED or (not _is_mixed(head) and _tells(raw, head, name)):
        return None
    text = raw.decode("utf-8", "replace").replace("\r\n", "\n")
    thread = read_thread(text, name, lambda piece: looks_like_nginx(piece, ""))
    if thread is None:
        return None
    tree = read_text(thread.configuration, name) if thread.configuration.strip() else None
    return Read(name, "thread", tree=tree, observations=thread.observations)


def _is_mixed(head: str) -> bool:
    return has_fences(head) or has_commands(head)


def _tells(raw: bytes, head: str, name: str) -> bool:
    reader = recognise(head, name)
    return reader is not None and is_telling(reader.read(BytesIO(raw), name))


def _reader(head: str, name: str, as_name: str) -> Reader:
    reader = by_name(as_name) if as_name else recognise(head, name)
    if reader is None:
        raise Unreadable("this is no kind of input that is known; say which with --as (see --help)")
    return reader


def _observed(stream: BinaryIO, name: str, reader: Reader) -> Read:
    return Read(name, reader.name, observations=tuple(_bounded(reader.read(stream, name))))


_MOST_OBSERVED: Final = 20_000


def _bounded(observations: Iterator[Observation]) -> Iterator[Observation]:
    """Readers merge what is alike; what is left of an input is bounded here all the same."""
    for number, observation in enumerate(observations):
        if number >= _MOST_OBSERVED:
            return
        yield observation
