"""Stories of tickets: good once, for a few minutes, in one process of all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.ledger.protocols import Unavailable
from mattegate.ledger.tickets import LIFETIME_S, TICKET, TicketBox

AT = 1_800_000_000.0

_TAKE = """
import sys
from pathlib import Path
from mattegate.ledger.tickets import TicketBox
sys.stdin.readline()
print(sum(TicketBox(Path(sys.argv[1])).consume(ticket, float(sys.argv[2])) for ticket in sys.argv[3:]))
"""


@pytest.fixture
def box(tmp_path: Path) -> TicketBox:
    """The tickets of an empty home."""
    return TicketBox(tmp_path)


def _files(home: Path) -> list[Path]:
    return list((home / "tickets").iterdir())


def test_a_ticket_is_good_once(box: TicketBox) -> None:
    """Twice is once too often."""
    minted = box.mint(AT)
    assert TICKET.fullmatch(minted.ticket)
    assert minted.expires_at == AT + LIFETIME_S
    assert box.consume(minted.ticket, AT + 1)
    assert not box.consume(minted.ticket, AT + 1)


@pytest.mark.parametrize(
    ("after", "good"), [(0, True), (LIFETIME_S - 0.001, True), (LIFETIME_S, False), (-1, False), (86_400, False)]
)
def test_a_ticket_is_good_for_five_minutes(box: TicketBox, after: float, good: bool) -> None:
    """Not before it was minted, which a clock turned back would make of it, and not after."""
    assert box.consume(box.mint(AT).ticket, AT + after) is good


def test_a_longer_life_cannot_be_had(box: TicketBox) -> None:
    """Whoever asks for a day gets five minutes; whoever asks for less gets less."""
    assert box.mint(AT, lifetime_s=86_400).expires_at == AT + LIFETIME_S
    assert not box.consume(box.mint(AT, lifetime_s=10).ticket, AT + 11)


def test_an_expired_ticket_is_gone_once_shown(box: TicketBox) -> None:
    """Turning the clock back does not bring it back."""
    ticket = box.mint(AT).ticket
    assert not box.consume(ticket, AT + LIFETIME_S)
    assert not box.consume(ticket, AT)


@given(made_up=st.text(max_size=64))
def test_nothing_made_up_is_a_ticket(tmp_path_factory: pytest.TempPathFactory, made_up: str) -> None:
    """Not even names of files."""
    box = TicketBox(tmp_path_factory.getbasetemp())
    assert not box.consume(made_up, AT)


def test_names_of_files_are_no_tickets(box: TicketBox, tmp_path: Path) -> None:
    """Whoever sees the folder's names, in a backup say, holds no ticket."""
    minted = box.mint(AT)
    (file,) = _files(tmp_path)
    assert minted.ticket not in file.name
    assert minted.ticket.encode() not in file.read_bytes()
    assert minted.ticket not in repr(minted)
    for name in (file.name, "../tickets/" + file.name, "."):
        assert not box.consume(name, AT)
    assert box.consume(minted.ticket, AT)


def test_only_the_owner_can_read_them(box: TicketBox, tmp_path: Path) -> None:
    """The folder and the files are closed to others, whatever the umask."""
    before = os.umask(0)
    try:
        box.mint(AT)
    finally:
        os.umask(before)
    (file,) = _files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_of_many_processes_one_takes_each_ticket(box: TicketBox, tmp_path: Path) -> None:
    """Six processes race for forty tickets: forty are taken."""
    tickets = [box.mint(AT).ticket for _ in range(40)]
    line = [sys.executable, "-c", _TAKE, str(tmp_path), str(AT + 1), *tickets]
    racers = [
        subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(6)
    ]  # fmt: skip
    for racer in racers:
        assert racer.stdin
        racer.stdin.write("go\n")
        racer.stdin.flush()
    taken = [int(racer.communicate(timeout=30)[0]) for racer in racers]
    assert sum(taken) == 40


@pytest.mark.parametrize("content", [b"", b"[", b"null", b"[1]", b'["a", "b"]', b"[NaN, NaN]", b"[0, 1e300]", b"\xff"])
def test_a_damaged_file_is_no_ticket(box: TicketBox, tmp_path: Path, content: bytes) -> None:
    """Torn by a power cut or written by somebody else: refused, and gone."""
    ticket = box.mint(AT).ticket
    (file,) = _files(tmp_path)
    file.write_bytes(content)
    assert not box.consume(ticket, AT + 1)
    assert _files(tmp_path) == []


def test_tickets_that_nobody_used_do_not_pile_up(box: TicketBox, tmp_path: Path) -> None:
    """Minting the next one clears those that have expired, and those from a clock that was turned back."""
    for second in range(5):
        box.mint(AT + second)
    box.mint(AT + LIFETIME_S + 10)
    assert len(_files(tmp_path)) == 1
    box.mint(AT)
    assert len(_files(tmp_path)) == 1


def test_a_home_without_tickets_has_none(box: TicketBox) -> None:
    """The folder is made by the first one minted."""
    assert not box.consume("t" * 32, AT)


def test_a_home_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    """The command line says so, in the words of the system."""
    (tmp_path / "tickets").write_text("a file where the folder should be")
    with pytest.raises(Unavailable, match="tickets"):
        TicketBox(tmp_path).mint(AT)


def test_a_ticket_that_cannot_be_read_is_told(box: TicketBox, tmp_path: Path) -> None:
    """That is no answer about the ticket."""
    ticket = box.mint(AT).ticket
    (file,) = _files(tmp_path)
    file.unlink()
    file.mkdir()
    with pytest.raises(Unavailable):
        box.consume(ticket, AT)


def test_a_disk_that_is_full_leaves_no_half_ticket(tmp_path: Path) -> None:
    """Minting fails with the system's word, and what was begun is taken away."""
    script = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from mattegate.ledger.tickets import TicketBox\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))\n"
        "TicketBox(Path(sys.argv[1])).mint(1.0)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", script, str(tmp_path)], capture_output=True, text=True, timeout=30, check=False
    )
    assert "Unavailable: ledger: tickets: File too large" in ended.stderr
    assert _files(tmp_path) == []
