"""``kill -9`` of the whole server at any moment: nobody pays for what they did not get, and no word of it is lost.

Callers send every image under an ``Idempotency-Key`` and try again until they have their answer; others are refused all
the while, and somebody makes, rotates and takes back keys. Afterwards the books must agree with what the callers hold
in their hands.
"""

from __future__ import annotations

import itertools
import os
import random
import shutil
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from bench import processes
from bench.service import Answer
from mattegate.cli.why_report import explain
from mattegate.config.load import load_settings
from mattegate.config.settings import Settings
from mattegate.ledger.audit import first_break
from mattegate.ledger.desk import Desk
from mattegate.ledger.opening import Accounts, open_accounts, open_books
from mattegate.ledger.protocols import Record
from mattegate.ledger.records_reading import RecordReader
from mattegate.signing.keys import mint
from mattegate.vocabulary.facts import KeyState
from mattegate.vocabulary.reasons import REASONS
from tests.prove.gate_process import GateProcess, ask, bearer, fast, free_port, product

PAYERS = 6
CREDITS = 1_000_000
PATIENCE_S = 300.0
"""A payer's, through any number of deaths and on any machine."""
CONFIG = """
[flood]
failures_per_minute = 1000000
verifications_per_minute = 1000000
unproven_per_minute = 1000000

[tiers.payers]
rate = "100000/min"
quota = ["1000000/hour", "2000000/day"]
bytes = "1 TB/day"
credits = true

[tiers.tight]
rate = "1/hour"
"""


@dataclass
class Told:
    """What callers were told, for comparing it with the books."""

    delivered: dict[str, str] = field(default_factory=dict)
    """Idempotency key → id of the request that brought the answer."""
    refused: dict[str, Answer] = field(default_factory=dict)
    """Request id → the refusal that was read."""
    retried: Counter[str] = field(default_factory=Counter)
    """Why payers had to try again."""
    faults: list[str] = field(default_factory=list)


@dataclass
class Storm:
    """Callers of a server that comes and goes, until ``over``."""

    port: int
    payers: list[str]
    refusals: list[dict[str, str]]
    picture: bytes
    told: Told = field(default_factory=Told)
    over: threading.Event = field(default_factory=threading.Event)

    def pay(self, number: int) -> None:
        """One image after the other, each until its answer is there."""
        key = self.payers[number % len(self.payers)]
        for count in itertools.count():
            if self.over.is_set():
                return
            self._until_delivered(bearer(key, **{"Idempotency-Key": f"payer-{number}-{count}"}))

    def _until_delivered(self, headers: dict[str, str]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            answer = ask(self.port, body=self.picture, headers=headers)
            if answer is not None and answer.status == 200:
                self.told.delivered[headers["Idempotency-Key"]] = answer.request_id
                return
            why = "no answer" if answer is None else f"{answer.status} {answer.reason}"
            self.told.retried[why] += 1
            if answer is not None:
                self.told.refused[answer.request_id] = answer
            if answer is not None and answer.status not in {409, 503}:
                self.told.faults.append(f"a payer got {why}: {answer.body[:200]!r}")
                return
            time.sleep(0.02)
        self.told.faults.append(f"{headers['Idempotency-Key']} was not delivered within {PATIENCE_S:g} s")

    def be_refused(self) -> None:
        """Everything that is refused, in turn."""
        for headers in itertools.cycle(self.refusals):
            if self.over.is_set():
                return
            answer = ask(self.port, body=b"no picture", headers=headers)
            if answer is not None and answer.status >= 400:
                self.told.refused[answer.request_id] = answer
            time.sleep(0.005 if answer else 0.05)


@dataclass
class KeyKeeper:
    """Makes, rotates, rests and takes back keys while the server dies, and knows how each must stand."""

    desk: Desk
    owner: str
    states: dict[str, KeyState] = field(default_factory=dict)
    successors: dict[str, str] = field(default_factory=dict)
    acts: int = 0

    def work(self, over: threading.Event, chance: random.Random) -> None:
        """One act after the other; what is noted was done when the act returned."""
        while not over.is_set():
            self._act(chance)
            self.acts += 1
            time.sleep(0.01)

    def _act(self, chance: random.Random) -> None:
        resting = [key for key, state in self.states.items() if state is KeyState.DISABLED]
        active = [key for key, state in self.states.items() if state is KeyState.ACTIVE and key not in self.successors]
        act = chance.choice(["create", "create", "rotate", "revoke", "disable", "enable"])
        if act == "rotate" and active:
            old = chance.choice(active)
            new = self.desk.rotate_key(old, overlap_s=86_400, actor="cli:proof")
            self.successors[old], self.states[new.id] = new.id, KeyState.ACTIVE
        elif act == "revoke" and active:
            self._set(chance.choice(active), KeyState.REVOKED, self.desk.revoke_key)
        elif act == "disable" and active:
            self._set(chance.choice(active), KeyState.DISABLED, self.desk.disable_key)
        elif act == "enable" and resting:
            self._set(chance.choice(resting), KeyState.ACTIVE, self.desk.enable_key)
        else:
            self.states[self.desk.create_key(self.owner, actor="cli:proof").id] = KeyState.ACTIVE

    def _set(self, key_id: str, state: KeyState, act: Callable[..., object]) -> None:
        act(key_id, actor="cli:proof", why="proof")
        self.states[key_id] = state

    def differences(self, accounts: Accounts) -> list[str]:
        """Keys that are not as they were left."""
        found = {row.id: row.stored.view for row in accounts.control.keys(self.owner)}
        wrong = [key for key, state in self.states.items() if key not in found or found[key].state is not state]
        wrong += [key for key, new in self.successors.items() if key not in wrong and found[key].replaced_by != new]
        return wrong + [key for key in found if key not in self.states]


@dataclass(frozen=True)
class Ground:
    """A home with its keys, and the configuration of the server over it."""

    settings: Settings
    config: Path
    payers: list[str]
    refusals: list[dict[str, str]]
    keeper_identity: str


@pytest.mark.parametrize(
    "kills", [pytest.param(3), pytest.param(50, marks=[pytest.mark.long, pytest.mark.timeout(900)])]
)
def test_kill_nine_of_the_gate_keeps_every_book_true(kills: int, tmp_path: Path) -> None:
    """What was charged is what was delivered, to the unit; every answered refusal is on record and replays the same."""
    ground, port = prepared(tmp_path), free_port()
    server = GateProcess(fast(ground.config, ground.settings.home, port, pause_s=0.01), port, tmp_path / "server.log")
    storm(server, ground, kills=kills, alive_s=(0.05, 1.5))


@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(1, marks=pytest.mark.timeout(400)),
        pytest.param(8, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
    ],
)
def test_kill_nine_of_the_product_keeps_every_book_true(kills: int, u2netp_home: Path, tmp_path: Path) -> None:
    """The same with real workers and a real model, and no worker outlives the server."""
    ground, port = prepared(tmp_path), free_port()
    shutil.copytree(u2netp_home / "models", ground.settings.home / "models", copy_function=link)
    server = GateProcess(product(ground.config, ground.settings.home, port), port, tmp_path / "server.log")
    storm(server, ground, kills=kills, alive_s=(0.0, 2.0))


def link(source: str, target: str) -> None:
    """A symbolic link in the place of a copy."""
    Path(target).symlink_to(source)


def prepared(folder: Path) -> Ground:
    """A home with payers, a key that is revoked, one whose rate is used up at once, and an identity for the keeper."""
    config = folder / "gate.toml"
    config.write_text(CONFIG)
    settings = load_settings(file=config, flags={"home": folder / "home"})
    settings.ledger_dir.mkdir(parents=True)
    with open_accounts(settings) as accounts:
        desk, actor = accounts.desk, "cli:proof"
        payer, tight = (desk.create_identity(name, tier=name, actor=actor).view.id for name in ("payers", "tight"))
        keeper = desk.create_identity("keeper", tier="payers", actor=actor).view.id
        paying = [desk.create_key(payer, actor=actor).text for _ in range(3)]
        revoked = desk.create_key(payer, actor=actor)
        desk.revoke_key(revoked.id, actor=actor)
        few = desk.create_key(tight, actor=actor).text
    with open_books(settings) as books:
        books.usage.credit(payer, CREDITS, "", actor=actor, request_id="grant", at=time.time())
    refusals = [
        {"Content-Type": "image/png"},
        bearer(paying[0][:-1] + ("a" if paying[0][-1] != "a" else "b")),
        bearer(revoked.text),
        bearer(few),
        bearer(few, Origin="https://elsewhere.example"),
        bearer(paying[0]) | {"Content-Type": "text/plain"},
        bearer(paying[1]),
        bearer(mint("sk_prod_", os.urandom).text),
        bearer(paying[2]) | {"X-API-Key": few},
    ]
    return Ground(settings, config, paying, refusals, keeper)


def storm(server: GateProcess, ground: Ground, *, kills: int, alive_s: tuple[float, float]) -> None:
    """Kill the server that often under load, then compare what callers hold with what the books say."""
    seed = random.randrange(1 << 32)
    chance, began = random.Random(seed), time.monotonic()
    calling = Storm(server.port, ground.payers, ground.refusals, picture())
    with open_accounts(ground.settings) as accounts:
        keeper = KeyKeeper(accounts.desk, ground.keeper_identity)
        server.start()
        try:
            with blowing(calling, keeper, random.Random(seed)):
                orphans = [
                    pid for _ in range(kills) for pid in killed(server, calling.told, chance, chance.uniform(*alive_s))
                ]
                time.sleep(chance.uniform(*alive_s))
            lost = lost_words(ground.settings, calling.told)
            causes = own_troubles(ground.settings, calling.told)
        finally:
            status = server.stop()
        report = compared(ground, calling.told)
        differences = keeper.differences(accounts)
        broken = first_break(accounts.control.audit(), last=accounts.control.head())
    print(
        f"\n{kills} kills in {time.monotonic() - began:.0f} s (seed {seed}): {report}; {keeper.acts} acts on keys,"
        f" {len(differences)} lost; tried again: {dict(calling.told.retried)}; troubles: {causes}"
    )
    assert calling.told.faults == [], server.tail()
    assert lost == []
    assert differences == []
    assert broken is None
    assert status == 0, server.tail()
    assert not [processes.command(pid) for pid in orphans if processes.alive(pid)]


@contextmanager
def blowing(calling: Storm, keeper: KeyKeeper, chance: random.Random) -> Iterator[None]:
    """Everybody at work for the length of the block; afterwards every payer has what they asked for."""
    with ThreadPoolExecutor(PAYERS + 2) as pool:
        work = [pool.submit(calling.pay, number) for number in range(PAYERS)]
        work += [pool.submit(calling.be_refused), pool.submit(keeper.work, calling.over, chance)]
        try:
            yield
        finally:
            calling.over.set()
        for each in work:
            each.result(PATIENCE_S + 60)


def killed(server: GateProcess, told: Told, chance: random.Random, after_s: float) -> tuple[int, ...]:
    """Let it give a few answers or none and live a while, kill it, start it anew; the processes that were below it."""
    enough, deadline = len(told.delivered) + chance.randint(0, 3), time.monotonic() + 30
    while len(told.delivered) < enough and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(after_s)
    below = server.kill()
    server.start()
    return below


def compared(ground: Ground, told: Told) -> str:
    """Ask the usage book; asserts what must agree, and tells it for a person."""
    with open_books(ground.settings) as books:
        rows = list(books.usage.rows())
        paid = [row for row in rows if row.kind == "cutout" and row.state == "settled" and row.key_id]
        by_key = Counter(row.idempotency_key for row in paid if row.idempotency_key)
        totals = books.usage.totals()
        free = [row for row in paid if not row.idempotency_key]
        assert set(by_key) == set(told.delivered)
        assert set(by_key.values()) <= {1}
        assert free == []
        assert totals.units == sum(row.units for row in paid) == len(told.delivered) > 0
        assert totals.credits == CREDITS - len(told.delivered)
        assert totals.reserved == 0
        assert books.usage.reconcile(0.0, time.time()) == []
        assert books.meter.sweep(time.time() + 3600) == 0
        replays = sum(row.replays for row in rows)
    return (
        f"{len(told.delivered)} delivered, {totals.units} charged, {totals.released} released, {replays} made again;"
        f" {len(told.refused)} refusals read"
        f" ({', '.join(sorted({str(answer.reason) for answer in told.refused.values()}))})"
    )


def lost_words(settings: Settings, told: Told) -> list[str]:
    """Answers whose record is missing, says something else, or would be decided differently; the server runs beside."""
    reader = RecordReader(settings.ledger_dir, seal_key=None)
    lost = [fault for request_id, answer in told.refused.items() for fault in unlike(reader, request_id, answer)]
    lost += [request_id for request_id in told.delivered.values() if not isinstance(reader.find(request_id), Record)]
    reader.close()
    return lost


def own_troubles(settings: Settings, told: Told) -> dict[str, int]:
    """What the records say of answers that were no caller's fault."""
    reader = RecordReader(settings.ledger_dir, seal_key=None)
    ids = [request_id for request_id, answer in told.refused.items() if answer.status >= 500]
    found = [record for request_id in ids if (record := reader.find(request_id))]
    causes = Counter(explain(record, reader).told.operator for record in found)
    reader.close()
    return dict(causes)


def unlike(reader: RecordReader, request_id: str, answer: Answer) -> Iterator[str]:
    """What the record of a refusal says otherwise than its caller was told."""
    record = reader.find(request_id)
    if not isinstance(record, Record):
        yield f"{request_id}: no record of {answer.status} {answer.reason}"
        return
    if (record.status, REASONS[record.reason].public) != (answer.status, answer.reason):
        yield f"{request_id}: recorded {record.status} {record.reason}, told {answer.status} {answer.reason}"
    explained = explain(record, reader)
    if explained.replayed is None or explained.replayed.told != "same":
        yield f"{request_id}: replayed {explained.replayed}"


def picture() -> bytes:
    """A small real PNG."""
    out = BytesIO()
    Image.new("RGB", (24, 16), "teal").save(out, "PNG")
    return out.getvalue()
