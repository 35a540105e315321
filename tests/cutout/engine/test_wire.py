"""Shared memory that nobody can pull from under its reader, and messages that survive any cut of the stream."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.cutout.engine.messages import Cancel, encode
from mattegate.cutout.engine.wire import Channel, SharedBuffer, adopt, lend


def open_descriptors() -> int:
    """How many descriptors this process has."""
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


@given(st.lists(st.binary(max_size=50), max_size=1_200))
def test_what_is_appended_is_seen(chunks: list[bytes]) -> None:
    """In order, read-only, also as more segments than one system call takes."""
    with SharedBuffer() as buffer:
        buffer.extend(chunks)
        buffer.append(b"end")
        view = buffer.view()
        assert bytes(view) == b"".join(chunks) + b"end"
        assert view.readonly
        assert len(buffer) == view.nbytes


def test_a_view_forbids_every_change() -> None:
    """Neither this process nor one that gets the descriptor can write, grow or shrink."""
    with SharedBuffer() as buffer:
        buffer.append(b"photo")
        buffer.view()
        with pytest.raises(ValueError, match="sealed"):
            buffer.append(b"more")
        for change in (lambda: os.write(buffer.fd, b"x"), lambda: os.ftruncate(buffer.fd, 0)):
            with pytest.raises(PermissionError):
                change()


def test_a_view_outlives_its_buffer_and_then_frees_everything() -> None:
    """Closing gives the descriptor back at once, the memory goes with the last view."""
    before = open_descriptors()
    buffer = SharedBuffer()
    buffer.append(b"photo")
    view = buffer.view()
    buffer.close()
    buffer.close()
    assert bytes(view) == b"photo"
    view.release()
    del view, buffer
    assert open_descriptors() == before


def test_a_buffer_that_is_forgotten_is_closed() -> None:
    """An upload that was aborted leaves nothing."""
    before = open_descriptors()
    SharedBuffer().append(b"half a photo")
    assert open_descriptors() == before


def test_lending_a_view_costs_no_copy() -> None:
    """The very descriptor of the upload is lent; bytes, parts and closed buffers are copied."""
    with SharedBuffer() as buffer:
        buffer.append(b"photograph")
        view = buffer.view()
        with lend(view) as fd:
            assert fd == buffer.fd
        for payload in (b"photograph", view[:5]):
            with lend(payload) as fd:
                assert fd != buffer.fd
                assert bytes(adopt(os.dup(fd))) == bytes(payload)
        fd = buffer.fd
        buffer.close()
        with lend(view) as copy:
            assert bytes(adopt(os.dup(copy))) == b"photograph"


def test_memory_that_its_sender_could_shrink_is_not_adopted() -> None:
    """Otherwise a worker could kill the engine with SIGBUS; the descriptor is closed either way."""
    before = open_descriptors()
    with pytest.raises(ValueError, match="shrink"):
        adopt(os.memfd_create("loose", os.MFD_ALLOW_SEALING))
    with pytest.raises(ValueError, match="no memory file"):
        adopt(os.open(os.devnull, os.O_RDONLY))
    assert open_descriptors() == before


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two connected sockets."""
    here, there = socket.socketpair()
    with here, there:
        yield here, there


def test_descriptors_travel_with_their_message(ends: tuple[socket.socket, socket.socket]) -> None:
    """Two images with the first message, none with the second, one with the third."""
    here, there = (Channel(end) for end in ends)
    with lend(b"one") as one, lend(b"two") as two:
        here.send(Cancel(1), (one, two))
        here.send(Cancel(2))
        here.send(Cancel(3), (two,))
    received: list[tuple[object, list[bytes]]] = []
    while len(received) < 3:
        received += [(message, [bytes(adopt(fd)) for fd in fds]) for message, fds in there.receive()]
    assert received == [(Cancel(1), [b"one", b"two"]), (Cancel(2), []), (Cancel(3), [b"two"])]


@given(st.integers(1, 60), st.integers(1, 5))
def test_messages_survive_any_cut_of_the_stream(step: int, count: int) -> None:
    """However few bytes come at a time, the same messages come out."""
    body = encode(Cancel(5))
    stream = (len(body).to_bytes(4, "big") + b"\0" + body) * count
    sender, receiver = socket.socketpair()
    with sender, receiver:
        channel = Channel(receiver)
        received = []
        for start in range(0, len(stream), step):
            sender.sendall(stream[start : start + step])
            received += channel.receive()
    assert received == [(Cancel(5), ())] * count


@pytest.mark.parametrize(
    "frame",
    [b"\xff\xff\xff\xff\0", b"\0\0\0\x02\0{}", b"\0\0\0\x02\0\xff\xff", b"\0\0\0\x1a\x01" + encode(Cancel(12345))],
)
def test_what_breaks_the_format_is_a_value_error(ends: tuple[socket.socket, socket.socket], frame: bytes) -> None:
    """Too long, not a message, not text, or a descriptor short."""
    ends[0].sendall(frame.ljust(40))
    with pytest.raises(ValueError, match=r".+"):
        Channel(ends[1]).receive()


def test_more_descriptors_than_any_message_has_are_refused_and_closed(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """A worker cannot fill up the engine's table of descriptors."""
    before = open_descriptors()
    channel = Channel(ends[1])
    with lend(b"x") as fd:
        socket.send_fds(ends[0], [b"x"], [fd] * 200)
        with pytest.raises(ValueError, match="descriptors"):
            channel.receive()
    channel.close()
    assert open_descriptors() == before - 1


def test_the_other_ends_death_is_the_end_of_file(ends: tuple[socket.socket, socket.socket]) -> None:
    """And sending to it is an OSError, not a signal."""
    ends[1].close()
    channel = Channel(ends[0])
    with pytest.raises(EOFError):
        channel.receive()
    with pytest.raises(OSError, match="pipe"):
        channel.send(Cancel(1))
