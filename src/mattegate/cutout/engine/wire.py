"""How messages and images cross between the engine and a worker: a Unix stream socket and shared memory.

Messages are short JSON frames; an image or a cut-out is a sealed memory file whose descriptor travels beside its
message (``SCM_RIGHTS``, unix(7)), so its bytes are written once and never pickled or copied.

Everything shared is sealed (``F_ADD_SEALS``, fcntl(2)) before the other side sees it, and the receiving side insists on
that: otherwise whoever shrinks the file afterwards kills the reader with ``SIGBUS``. Where the system has no memory
files an unlinked temporary file takes their place, and then the two sides have to trust each other.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from mattegate.cutout.engine.messages import Message, decode_message, encode
from mattegate.cutout.engine.protocol import Payload

HAS_MEMORY_FILES: Final = hasattr(os, "memfd_create")

_HEAD: Final = struct.Struct("!IB")  # length of the JSON, number of descriptors
_LARGEST_MESSAGE: Final = 1 << 20
_MOST_DESCRIPTORS: Final = 2
_MOST_SEGMENTS: Final = 512  # below IOV_MAX everywhere
_CLOSE_ON_EXEC: Final = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class SharedBuffer:
    """Bytes that grow by :meth:`append` and are then seen by several processes; used as a context manager or closed.

    An upload streamed into one of these reaches the worker without a copy::

        with SharedBuffer() as upload:
            async for chunk in body:
                upload.append(chunk)
            cutout = await permit.run(Job(image=upload.view(), options=options))

    Closing gives the descriptor back; views stay valid as long as they are referenced.
    """

    def __init__(self) -> None:
        self._fd = _memory_file()
        self._size = 0
        self._sealed = False

    @property
    def fd(self) -> int:
        """The descriptor of the memory file; raises ``ValueError`` once closed."""
        if self._fd < 0:
            raise ValueError("the shared buffer is closed")
        return self._fd

    @property
    def closed(self) -> bool:
        """Whether the descriptor was given back."""
        return self._fd < 0

    def __len__(self) -> int:
        return self._size

    def append(self, chunk: bytes | bytearray | memoryview) -> None:
        """Add ``chunk`` at the end; raises ``ValueError`` after :meth:`seal`."""
        self.extend((chunk,))

    def extend(self, segments: Sequence[bytes | bytearray | memoryview]) -> None:
        """Add all ``segments`` at the end in few system calls; raises ``ValueError`` after :meth:`seal`."""
        if self._sealed:
            raise ValueError("the shared buffer is sealed")
        rest = deque(memoryview(segment).cast("B") for segment in segments if memoryview(segment).nbytes)
        while rest:
            written = os.writev(self.fd, [rest[index] for index in range(min(len(rest), _MOST_SEGMENTS))])
            self._size += written
            _drop(rest, written)

    def seal(self) -> None:
        """Forbid any further change to every process, for ever."""
        if not self._sealed and HAS_MEMORY_FILES:
            seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
            fcntl.fcntl(self.fd, fcntl.F_ADD_SEALS, seals)
        self._sealed = True

    def view(self) -> memoryview:
        """Seal the buffer and look at its bytes, read-only."""
        self.seal()
        return _mapped(self.fd, self._size, self)

    def close(self) -> None:
        """Give the descriptor back; harmless when repeated."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> SharedBuffer:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            self.close()


class _Map(mmap.mmap):
    """A mapping that remembers which buffer it shows, so that a view of it can be sent without a copy."""

    source: SharedBuffer | None = None


@contextmanager
def lend(payload: Payload) -> Iterator[int]:
    """Give a sealed descriptor of ``payload`` for the block's length; a shared buffer's view is not copied."""
    source = _source(payload)
    if source is not None:
        yield source.fd
        return
    with SharedBuffer() as copy:
        copy.append(payload)
        copy.seal()
        yield copy.fd


def adopt(fd: int) -> memoryview:
    """Look at the sealed memory behind a received descriptor and close the descriptor.

    The memory goes when the last view of it goes. Raises ``ValueError`` where the sender could still shrink it.
    """
    try:
        if HAS_MEMORY_FILES and not _seals(fd) & fcntl.F_SEAL_SHRINK:
            raise ValueError("received memory that its sender could still shrink")
        return _mapped(fd, os.fstat(fd).st_size)
    finally:
        os.close(fd)


def close_all(fds: Sequence[int]) -> None:
    """Close descriptors that nobody asked for."""
    for fd in fds:
        os.close(fd)


class Channel:
    """One end of the socket: whole messages with their descriptors, whatever way the kernel cuts the stream.

    With a blocking socket each call waits; with a non-blocking one ``BlockingIOError`` says that nothing is there
    (:meth:`receive`) or that the other side has stopped reading (:meth:`send`, after which the stream is unusable).
    """

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._data = bytearray()
        self._fds: deque[int] = deque()

    def fileno(self) -> int:
        """The socket's own descriptor."""
        return self._socket.fileno()

    def send(self, message: Message, fds: Sequence[int] = ()) -> None:
        """Send one message with descriptors, which stay open here. Raises ``OSError`` when the other end is gone."""
        body = encode(message)
        frame = memoryview(_HEAD.pack(len(body), len(fds)) + body)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack(f"{len(fds)}i", *fds))] if fds else []
        frame = frame[self._socket.sendmsg([frame], rights) :]
        while frame:
            frame = frame[self._socket.send(frame) :]

    def receive(self) -> list[tuple[Message, tuple[int, ...]]]:
        """Read once and give every message that is now whole; whoever takes the descriptors closes them.

        Raises ``EOFError`` when the other end is gone and ``ValueError`` when it does not keep to the format.
        """
        data, fds, flags, _ = socket.recv_fds(self._socket, 65_536, _MOST_DESCRIPTORS, _CLOSE_ON_EXEC)
        self._fds.extend(fds)
        if flags & socket.MSG_CTRUNC:
            raise ValueError("more descriptors than any message has")
        if not data:
            raise EOFError
        self._data += data
        return list(self._whole_messages())

    def _whole_messages(self) -> Iterator[tuple[Message, tuple[int, ...]]]:
        while len(self._data) >= _HEAD.size:
            length, count = _HEAD.unpack_from(self._data)
            end = _HEAD.size + length
            if length > _LARGEST_MESSAGE:
                raise ValueError(f"a message of {length} bytes")
            if len(self._data) < end:
                return
            message = decode_message(bytes(self._data[_HEAD.size : end]))
            if count > len(self._fds):
                raise ValueError("a message without its descriptors")
            del self._data[:end]
            yield message, tuple(self._fds.popleft() for _ in range(count))

    def close(self) -> None:
        """Close the socket and whatever descriptors were never asked for."""
        self._socket.close()
        close_all(self._fds)
        self._fds.clear()


def _memory_file() -> int:
    if HAS_MEMORY_FILES:
        return os.memfd_create("mattegate", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    fd, path = tempfile.mkstemp(prefix="mattegate-")
    os.unlink(path)  # noqa: PTH108 - the file has no other life than its descriptor
    return fd


def _mapped(fd: int, size: int, source: SharedBuffer | None = None) -> memoryview:
    if size == 0:
        return memoryview(b"")
    # Private, because kernels before 6.7 refuse a shared mapping of a write-sealed file even for reading.
    mapping = _Map(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
    mapping.source = source
    return memoryview(mapping)


def _source(payload: Payload) -> SharedBuffer | None:
    """The open buffer that ``payload`` shows the whole of."""
    if not isinstance(payload, memoryview) or not isinstance(payload.obj, _Map):
        return None
    source = payload.obj.source
    return source if source is not None and not source.closed and payload.nbytes == len(source) else None


def _seals(fd: int) -> int:
    try:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS)
    except OSError as error:
        raise ValueError("received a descriptor that is no memory file") from error


def _drop(segments: deque[memoryview], count: int) -> None:
    while count and count >= segments[0].nbytes:
        count -= segments.popleft().nbytes
    if count:
        segments[0] = segments[0][count:]
