"""Letters that wait: what every outbox promises, and what the one in a file promises beyond that."""

from __future__ import annotations

import logging
import math
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.config.settings import Settings
from mattegate.ledger.backup import back_up, restore
from mattegate.ledger.notices_sqlite import NOTICES_FILE, SqliteOutbox
from mattegate.ledger.opening import open_books
from mattegate.ledger.protocols import Unavailable
from mattegate.outbound.channel import Delivered, Outcome, TryAgain
from mattegate.outbound.dispatch import Dispatcher
from mattegate.outbound.notice import Notice, NoticeKind, notice_id
from mattegate.outbound.outbox import LONGEST_WAIT_S, Letter, MemoryOutbox, Outbox
from mattegate.vocabulary.refusal import Refusal
from tests.ledger import notices_process

ROOT = Path(__file__).parents[2]
NOON = 1_780_000_000.0
ROOM = 5


def letter(number: int = 1, channel: str = "webhook", *, target: str = "here", due: float = NOON) -> Letter:
    """One of many."""
    kind = NoticeKind.KEY_REMINDER
    told = Notice(
        kind, f"Key {number}", "It is old.\n", NOON, notice_id(kind, number), f"key_{number}", {"n": number}, ("a@b.c",)
    )
    return Letter(told, channel, target, due)


@pytest.fixture(params=["memory", "sqlite"])
def outbox(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outbox]:
    """Each outbox there is, with room for a few letters a channel."""
    if request.param == "memory":
        yield MemoryOutbox(room=ROOM)
        return
    with closing(SqliteOutbox(tmp_path, room=ROOM)) as made:
        yield made


def test_a_letter_comes_back_as_it_was_put_in(outbox: Outbox) -> None:
    """Every field of letter and notice survives, and only its own channel sees it."""
    assert outbox.put(letter())
    assert list(outbox.due("webhook", NOON, 9)) == [letter()]
    assert list(outbox.due("mail", NOON, 9)) == []
    assert outbox.waiting() == 1


def test_the_same_letter_again_stays_as_it_is(outbox: Outbox) -> None:
    """A notice that is noticed twice is one letter, even in a full outbox; another target is another letter."""
    outbox.put(letter(due=NOON + 7))
    assert outbox.put(letter(due=NOON))
    assert list(outbox.due("webhook", NOON, 9)) == []
    for number in range(2, ROOM + 1):
        assert outbox.put(letter(number))
    assert outbox.put(letter())
    assert not outbox.put(letter(target="there"))


def test_each_channel_has_its_own_room(outbox: Outbox) -> None:
    """A channel that is full takes nothing more until a letter leaves, and crowds no other out."""
    assert [outbox.put(letter(n)) for n in range(ROOM + 2)] == [True] * ROOM + [False] * 2
    assert outbox.put(letter(channel="mail"))
    outbox.remove(letter(0))
    assert outbox.put(letter(99))
    assert outbox.waiting() == ROOM + 1


def test_the_longest_waiting_come_first(outbox: Outbox) -> None:
    """By the time they are due, then by their coming; those not due yet are left, and no more come than asked for."""
    for number, due in enumerate((3.0, 1.0, 1.0, 2.0, 9.0)):
        outbox.put(letter(number, due=NOON + due))
    found = outbox.due("webhook", NOON + 3, 3)
    assert [one.notice.about for one in found] == ["key_1", "key_2", "key_3"]
    assert len(outbox.due("webhook", NOON + 3, 9)) == 4


def test_a_clock_that_was_turned_back_leaves_no_letter_behind(outbox: Outbox) -> None:
    """What would have to wait longer than any letter does is due."""
    outbox.put(letter(due=NOON + LONGEST_WAIT_S + 1))
    outbox.put(letter(2, due=NOON + LONGEST_WAIT_S))
    assert [one.notice.about for one in outbox.due("webhook", NOON, 9)] == ["key_1"]


def test_a_postponed_letter_waits_and_counts(outbox: Outbox) -> None:
    """It is found again with its failures once its time has come."""
    outbox.put(letter())
    later = letter().postponed(NOON, spread=0.5)
    assert later is not None
    outbox.postpone(later)
    assert list(outbox.due("webhook", NOON, 9)) == []
    assert list(outbox.due("webhook", later.due, 9)) == [later]


def test_what_was_taken_away_does_not_come_back(outbox: Outbox) -> None:
    """Postponing or removing what is not there does nothing; a channel is thrown away alone."""
    for one in (letter(), letter(2), letter(channel="mail")):
        outbox.put(one)
    assert outbox.discard("webhook") == 2
    outbox.postpone(replace(letter(), failures=1))
    outbox.remove(letter(2))
    assert (outbox.waiting(), outbox.discard("webhook"), len(outbox.due("mail", NOON, 9))) == (1, 0, 1)


def test_many_threads_never_pass_the_room(outbox: Outbox) -> None:
    """Eighty letters at once from eight threads: as many are kept as there is room for, each by one yes."""
    with ThreadPoolExecutor(8) as pool:
        kept = list(pool.map(lambda n: outbox.put(letter(n)), range(80)))
    assert (sum(kept), outbox.waiting()) == (ROOM, ROOM)


TEXTS = st.text(max_size=20)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS


@settings(max_examples=60, deadline=None)
@given(
    texts=st.tuples(TEXTS, TEXTS, TEXTS, TEXTS),
    facts=st.dictionaries(TEXTS, PLAIN, max_size=4),
    at=st.floats(-1e12, 1e12),
)
def test_whatever_a_notice_quotes_is_kept_to_the_letter(
    tmp_path_factory: pytest.TempPathFactory, texts: tuple[str, str, str, str], facts: dict[str, str], at: float
) -> None:
    """Strangers choose names: NUL, quotes, line breaks and huge numbers come back as they went in."""
    subject, text, about, target = texts
    one = Letter(Notice(NoticeKind.KEY_LEAKED, subject, text, at, "msg_1", about, facts, (target,)), "mail", target, at)
    with closing(SqliteOutbox(tmp_path_factory.mktemp("quoted"))) as outbox:
        outbox.put(one)
        assert list(outbox.due("mail", at, 1)) == [one]
        outbox.remove(one)
        assert outbox.waiting() == 0


def test_half_a_character_and_no_number_are_no_obstacle(tmp_path: Path) -> None:
    """A name with a lone surrogate and a fact that is infinite are kept, too."""
    odd = letter(target="\udce9@example.com")
    odd = replace(odd, notice=replace(odd.notice, subject="\ud800", facts={"share": math.inf}))
    with closing(SqliteOutbox(tmp_path)) as outbox:
        assert outbox.put(odd)
        assert list(outbox.due("webhook", NOON, 9)) == [odd]


def test_a_restart_loses_nothing_and_the_file_is_private(tmp_path: Path) -> None:
    """Closed and opened again, letters and their failures are there; nobody else may read the addresses."""
    with closing(SqliteOutbox(tmp_path)) as outbox:
        outbox.put(letter())
        outbox.postpone(replace(letter(), failures=3, due=NOON + 5))
    assert stat.S_IMODE((tmp_path / NOTICES_FILE).stat().st_mode) == 0o600
    with closing(SqliteOutbox(tmp_path)) as outbox:
        assert list(outbox.due("webhook", NOON + 5, 9)) == [replace(letter(), failures=3, due=NOON + 5)]


def killed_in_the_middle(folder: Path, name: str, lines: int) -> list[str]:
    """Let a process keep and remove until it has said ``lines`` things, kill it, and return all that it said."""
    command = [sys.executable, notices_process.__file__, str(folder), name]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(lines)]
    process.kill()
    rest, _ = process.communicate(timeout=30)
    return [line.strip() for line in (*told, *rest.splitlines(keepends=True)) if line.endswith("\n")]


def test_kill_9_loses_no_letter_that_was_kept_and_brings_none_back(tmp_path: Path) -> None:
    """Five times killed: what was said to be kept lies there, what was said to be removed does not, all can be read."""
    kept, removed = set[str](), set[str]()
    for run in range(5):
        said = killed_in_the_middle(tmp_path, f"run{run}", 5 + 7 * run)
        kept |= {f"run{run} {line[2:]}" for line in said if line[0] == "+"}
        removed |= {f"run{run} {line[2:]}" for line in said if line[0] == "-"}
    with closing(SqliteOutbox(tmp_path)) as outbox:
        lying = {one.notice.subject for one in outbox.due("webhook", NOON, 10**6)}
        assert outbox.waiting() == len(lying)
    in_between = {f"run{run} {number}" for run in range(5) for number in range(0, 10**4, 3)}
    assert kept - removed - in_between <= lying
    assert lying.isdisjoint(removed)


async def test_a_notice_is_delivered_after_the_death_of_the_server_that_wrote_it(tmp_path: Path) -> None:
    """The first server's receiver is down; the next server sends the same notice, under the same id, once."""

    class Way:
        name = "webhook"

        def __init__(self, outcome: Outcome) -> None:
            self.outcome, self.sent = outcome, list[str]()

        def targets(self, notice: Notice) -> tuple[str, ...]:
            return ("here",)

        async def send(self, notice: Notice, target: str, at: float) -> Outcome:
            self.sent.append(notice.id)
            return self.outcome

    down, up = Way(TryAgain("down")), Way(Delivered())
    with closing(SqliteOutbox(tmp_path)) as outbox:
        first = Dispatcher([down], outbox)
        assert first.keep(letter().notice)
        assert await first.run_due(NOON) == 0
    with closing(SqliteOutbox(tmp_path)) as outbox:
        second = Dispatcher([up], outbox)
        assert [await second.run_due(NOON + wait) for wait in (1, 100, 100_000)] == [0, 1, 0]
    assert up.sent == down.sent == [letter().notice.id]


def test_letters_of_channels_that_are_no_longer_set_go(tmp_path: Path) -> None:
    """Nobody would ever try them, and they would count as waiting for ever."""
    with closing(SqliteOutbox(tmp_path)) as outbox:
        for one in (letter(), letter(2), letter(channel="mail")):
            outbox.put(one)
        assert outbox.keep_only(["mail"]) == 2
        assert (outbox.waiting(), outbox.keep_only(["mail"]), outbox.keep_only([])) == (1, 0, 1)


@pytest.mark.parametrize(
    "harm", ["notice = '{'", 'notice = \'{"kind":"moon.full","to":[]}\'', "notice = '[]'", "key = '1'"]
)
def test_a_letter_that_cannot_be_read_holds_up_no_other(
    tmp_path: Path, harm: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Cut short, of a kind unknown here, or of another shape: it goes, with a line in the log, and the rest is sent."""
    with closing(SqliteOutbox(tmp_path)) as outbox:
        outbox.put(letter())
        outbox.put(letter(2, due=NOON + 1))
        with closing(sqlite3.connect(tmp_path / NOTICES_FILE)) as other, other:
            other.execute(f"UPDATE letters SET {harm} WHERE number = 1")
        with caplog.at_level(logging.ERROR):
            assert list(outbox.due("webhook", NOON + 1, 9)) == [letter(2, due=NOON + 1)]
        assert "cannot be read" in caplog.text
        assert outbox.waiting() == 1


def test_a_file_that_is_none_or_is_from_a_newer_version_is_refused_with_words(tmp_path: Path) -> None:
    """Nothing is overwritten."""
    (tmp_path / NOTICES_FILE).write_bytes(b"not a database, " * 100)
    with pytest.raises(Unavailable, match="ledger"):
        SqliteOutbox(tmp_path)
    assert (tmp_path / NOTICES_FILE).read_bytes().startswith(b"not a")
    newer = tmp_path / "newer"
    SqliteOutbox(newer).close()
    with closing(sqlite3.connect(newer / NOTICES_FILE)) as other:
        other.execute("PRAGMA user_version = 9")
    with pytest.raises(Refusal) as refused:
        SqliteOutbox(newer)
    assert refused.value.reason.code == "home.newer"


def test_a_full_disk_is_said_and_keeps_what_is_there(tmp_path: Path) -> None:
    """With no page left for a letter, putting is ``Unavailable``; with room again it works, and nothing was lost."""
    with closing(SqliteOutbox(tmp_path)) as outbox:
        outbox.put(letter())
        pages = outbox._db.execute("PRAGMA page_count").fetchone()[0]
        outbox._db.execute(f"PRAGMA max_page_count = {pages}")
        big = replace(letter(2), notice=replace(letter(2).notice, text="x" * 100_000))
        with pytest.raises(Unavailable, match="full"):
            outbox.put(big)
        assert list(outbox.due("webhook", NOON, 9)) == [letter()]
        outbox._db.execute("PRAGMA max_page_count = 1000000")
        assert outbox.put(big)


def test_a_closed_outbox_says_so(tmp_path: Path) -> None:
    """Whoever comes late, such as a thread that a shutdown left behind, gets an answer."""
    outbox = SqliteOutbox(tmp_path)
    outbox.close()
    for act in (lambda: outbox.put(letter()), lambda: outbox.due("webhook", NOON, 1), outbox.waiting):
        with pytest.raises(Unavailable, match="closed"):
            act()


def test_a_home_keeps_its_letters_and_a_backup_brings_them(tmp_path: Path) -> None:
    """What waits in an open home is in the backup that is made meanwhile."""
    settings = Settings(home=tmp_path / "home")
    with open_books(settings) as books:
        books.notices.put(letter())
        made = back_up(settings.home, tmp_path / "backup.tar", at=NOON)
    assert f"ledger/{NOTICES_FILE}" in [file.path for file in made.files]
    restore(tmp_path / "backup.tar", tmp_path / "new")
    with closing(SqliteOutbox(tmp_path / "new" / "ledger")) as outbox:
        assert list(outbox.due("webhook", NOON, 9)) == [letter()]
