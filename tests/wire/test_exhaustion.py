"""Attacks on what the server has: memory, room for records, the disk, its own life."""

from __future__ import annotations

import os
import resource
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mattegate.ledger.protocols import Record, Sealed
from tests.wire.wired import ALLOWED, CALM, Wire, bearer, read_answer, unknown_key, wired

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MB = 1_000_000


def resident(wire: Wire) -> int:
    """Bytes of memory that the server process holds now."""
    pages = int(Path(f"/proc/{wire.served.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def strangers(wire: Wire, first: int, count: int) -> list[str]:
    """So many requests of which no two look alike, on one connection; returns the last few ids."""
    ids = []
    with wire.served.connect() as peer:
        for number in range(first, first + count):
            network = f"10.{number % 1_500 // 250}.{number % 250}"  # these fill a table of their own, with a bound
            peer.sendall(
                b"GET /n/%(n)d HTTP/1.1\r\nHost: h%(n)d.example\r\nX-API-Key: key-%(n)d\r\nOrigin: https://o%(n)d.example"
                b"\r\nX-Forwarded-For: %(net)s.1\r\nUser-Agent: u%(n)d\r\nX-Request-Id: r%(n)d\r\n\r\n"
                % {b"n": number, b"net": network.encode()}
            )
            answer = read_answer(peer)
            assert answer.status == 403, answer
            ids.append(answer.request_id)
    return ids[-10:]


def growth(start: Callable[..., Wire], warm: int, count: int) -> int:
    """How much a server grows by ``count`` strangers after ``warm`` ones."""
    network, cors = {"trusted_proxies": ["127.0.0.1"]}, {"allowed_origins": [ALLOWED]}
    wire = start({"flood": CALM, "records": {"unproven_mb": 1}, "network": network, "cors": cors})
    strangers(wire, 0, warm)
    before = resident(wire)
    last = strangers(wire, warm, count)
    grown = resident(wire) - before
    for each in last:
        told = wire.found(each)
        assert isinstance(told, Sealed), told
        assert told.reason == "origin.not_allowed"
        assert abs(told.at - wire.settings.home.stat().st_mtime) < 3_600
    kept = sum(path.stat().st_size for path in wire.settings.ledger_dir.rglob("*") if path.is_file())
    assert kept < 12 * MB, "what strangers cause on the disk is capped"
    return grown


def test_strangers_cost_no_memory_and_their_ids_still_explain(start: Callable[..., Wire]) -> None:
    """Paths, keys, origins and networks that never repeat leave nothing behind; past the cap an id tells its reason."""
    assert growth(start, 2_000, 1_500) < 4 * MB


@pytest.mark.long
@pytest.mark.timeout(600)
def test_many_strangers_cost_no_memory(start: Callable[..., Wire]) -> None:
    """The same with the full count: whatever grows per stranger would show."""
    grown = growth(start, 10_000, 20_000)
    print(f"\ngrown by 20,000 strangers: {grown / MB:.1f} MB")
    assert grown < 3 * MB


@contextmanager
def full_disk(wire: Wire) -> Iterator[None]:
    """No file of the server grows for the length of the block."""
    pid = wire.served.process.pid
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


def test_a_full_disk_closes_the_gate_and_opens_it_again(start: Callable[..., Wire], png: bytes) -> None:
    """What cannot be recorded is not answered but with 503; with room again all is well, and nothing was charged."""
    wire = start({"flood": CALM, "tiers": {"few": [{"name": "day", "kind": "quota", "amount": 3, "window_s": 86_400}]}})
    key = wire.key("patient", tier="few")
    sent = bearer(key, Content_Type="image/png")
    assert wire.ask("POST", "/v1/remove-bg", sent, png).status == 200
    with full_disk(wire):
        for headers in ({}, bearer(unknown_key(key)), bearer(key)):
            answer = wire.ask("GET", "/v1/whoami", headers)
            assert answer.status == 503
            assert answer.reason == "dependency.unavailable"
            assert answer.header("retry-after")
        for _ in range(5):
            assert wire.ask("POST", "/v1/remove-bg", sent, png).status == 503
        assert wire.ask("GET", "/health").status == 200
    assert wire.explained(wire.ask("GET", "/v1/whoami")).reason == "credential.missing"
    assert [wire.ask("POST", "/v1/remove-bg", sent, png).status for _ in range(3)] == [200, 200, 429]


def test_a_killed_server_leaves_a_home_that_opens_again(tmp_path: Path, png: bytes) -> None:
    """After kill -9 every answer that was given is on record, keys are as they were, and what was charged stays so."""
    tiers = {"few": [{"name": "day", "kind": "quota", "amount": 3, "window_s": 86_400}]}
    given = {"flood": CALM, "tiers": tiers}
    ids: list[str] = []
    with wired(tmp_path, given) as wire:
        key, gone = wire.key("lives on", tier="few"), wire.key("gone")
        with wire.accounts() as accounts:
            accounts.desk.revoke_key(gone[8:20], actor="cli:test")
        sent = bearer(key, Content_Type="image/png")
        assert wire.ask("POST", "/v1/remove-bg", sent, png).status == 200
        for headers in ({}, bearer(key), bearer(gone)) * 20:
            ids.append(wire.ask("GET", "/v1/whoami", headers).request_id)  # noqa: PERF401 - in this order
        wire.served.process.send_signal(signal.SIGKILL)
        wire.served.process.wait(10)
    with wired(tmp_path, given) as wire:
        assert all(isinstance(wire.found(each), Record) for each in ids)
        assert wire.ask("GET", "/v1/whoami", bearer(gone)).reason == "credential.revoked"
        assert [wire.ask("POST", "/v1/remove-bg", sent, png).status for _ in range(3)] == [200, 200, 429]


def test_a_home_has_one_server(wire: Wire, tmp_path: Path) -> None:
    """A second server on the same home does not start, so that no limit is counted twice."""
    with pytest.raises(AssertionError, match="did not start"), wired(tmp_path, {"home": str(wire.settings.home)}):
        pytest.fail("it started")
    assert wire.ask("GET", "/health").status == 200
