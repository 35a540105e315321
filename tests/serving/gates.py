"""A whole gate that leaves nothing behind: the product's own in-memory parts, put together for tests."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from mattegate.config.rulebook import build_rulebook
from mattegate.config.settings import Settings
from mattegate.ledger.control_memory import MemoryControl
from mattegate.ledger.desk import Desk
from mattegate.ledger.flood import MemoryFloodMeter
from mattegate.ledger.last_used import LastUsed
from mattegate.ledger.meter_memory import MemoryMeter
from mattegate.ledger.records_memory import MemoryRecords
from mattegate.ledger.usage_book import UsageBook
from mattegate.serving.gatehouse import Gatehouse, GateParts
from mattegate.serving.proving.signatures import SignatureProver
from mattegate.serving.rulekeeper import RuleKeeper
from mattegate.vocabulary.facts import FactName
from mattegate.vocabulary.secrets import KeyEncryptionKey, KeyEncryptionKeys, Pepper, Peppers

PEPPERS = Peppers((Pepper(1, bytes(range(32))),))
SEAL_KEY = bytes(range(1, 33))
KEKS = KeyEncryptionKeys((KeyEncryptionKey(1, b"k" * 32),))


@dataclass(frozen=True)
class MemoryGate:
    """A gatehouse and what it rests on."""

    gatehouse: Gatehouse
    desk: Desk
    control: MemoryControl
    meter: MemoryMeter
    records: MemoryRecords
    usage: UsageBook

    def key(self, name: str = "tester", tier: str = "vip", **options: object) -> str:
        """A new key of a new identity."""
        identity = self.desk.create_identity(name, tier=tier, actor="cli:test", scopes=("*",))
        return self.desk.create_key(identity.view.id, actor="cli:test", **options).text  # type: ignore[arg-type]


@contextmanager
def memory_gate(settings: Settings, *, keks: KeyEncryptionKeys | None = None) -> Iterator[MemoryGate]:
    """A gate by these settings for the length of the block; with ``keks`` it judges signatures too."""
    control, records = MemoryControl(), MemoryRecords(seal_key=SEAL_KEY, unproven_bytes=10_000_000)
    meter = MemoryMeter()
    rules = build_rulebook(settings).credential
    desk = Desk(control, peppers=PEPPERS, rules=rules, tiers={tier.name for tier in settings.tiers}, keks=keks)
    with ThreadPoolExecutor(1) as thread:
        parts = GateParts(
            rules=RuleKeeper(settings, records.keep_rulebook),
            keyring=control,
            peppers=PEPPERS,
            meter=meter,
            flood=MemoryFloodMeter(),
            records=records,
            used_keys=LastUsed(control),
            thread=thread,
            provers={FactName.SIGNATURE: SignatureProver(keks)} if keks else {},
        )
        yield MemoryGate(Gatehouse(parts), desk, control, meter, records, UsageBook(meter.database))
