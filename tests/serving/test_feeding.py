"""What exchanges tell once they are answered: a key in an address reaches the operator, from request to webhook."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from mattegate.assembly import build_scheduler, open_gate
from mattegate.config.settings import NoticeSettings, Settings
from mattegate.outbound.outbox import Letter
from mattegate.serving.app import DataPlane
from mattegate.serving.exchange import Exchange
from mattegate.serving.feeding import each, telling_leaks
from mattegate.tasks.leaks import LeakWatch
from tests.outbound.receivers import a_notice, receiver
from tests.serving.engines import EchoEngine
from tests.serving.gates import memory_gate

NOW = 2_000_000_000.0
SECRET = "whsec_" + "c2VjcmV0" * 6


class Noted:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.keys: list[tuple[str, str, str]] = []
        self.exchanges: list[Exchange] = []

    def __call__(self, key_id: str, *, at: float, request_id: str, address: str) -> None:
        """A leak."""
        assert at > 0
        self.keys.append((key_id, request_id, address))


@pytest.mark.parametrize("name", ["api_key", "key", "token", "anything"])
@pytest.mark.parametrize("path", ["/v1/whoami", "/v1/cutouts", "/nowhere"])
def test_a_whole_key_in_the_query_is_told_whatever_became_of_the_request(tmp_path: Path, name: str, path: str) -> None:
    """Under any name, encoded or not, beside a good header or alone, on a path that exists or not."""
    noted = Noted()
    settings = Settings(home=tmp_path)
    with memory_gate(settings) as gate:
        owner = gate.desk.create_identity("acme", tier="free", actor="cli:test").view
        key = gate.desk.create_key(owner.id, actor="cli:test")
        plane = DataPlane(
            settings, EchoEngine(), gate.gatehouse, records=gate.records, standing=gate.usage.standing,
            observe=each(noted.exchanges.append, telling_leaks(noted)),
        )  # fmt: skip
        with TestClient(plane) as client:
            for text in (key.text, quote(key.text, safe="").replace("_", "%5F")):
                answer = client.get(f"{path}?{name}={text}", headers={"Authorization": f"Bearer {key.text}"})
                assert key.text not in answer.text
            mistyped = key.text[:-1] + ("a" if key.text[-1] != "a" else "b")
            client.get(f"{path}?{name}={mistyped}")
            client.get(path, headers={"Authorization": f"Bearer {key.text}"})
    assert [found for found, _, _ in noted.keys] == [key.id, key.id]
    assert [request for _, request, _ in noted.keys] == [one.request_id for one in noted.exchanges[:2]]
    assert len(noted.exchanges) == 4


async def test_a_key_in_an_address_reaches_the_webhook_and_old_letters_are_cleared(tmp_path: Path) -> None:
    """Through a real home: one notice for many requests, without the key's secret; letters to nowhere are gone."""
    (tmp_path / "secrets").mkdir(mode=0o700)
    (tmp_path / "secrets" / "webhook").write_text(SECRET + "\n")
    (tmp_path / "secrets" / "webhook").chmod(0o600)
    with receiver() as hook:
        settings = Settings(home=tmp_path, notices=NoticeSettings(webhook_url=hook.url))
        with open_gate(settings) as gate:
            desk = gate.books.accounts.desk
            owner = desk.create_identity("acme", tier="free", actor="cli:test").view
            key = desk.create_key(owner.id, actor="cli:test")
            gate.books.notices.put(Letter(a_notice(), "mail", "ops@example.com", NOW))
            leaks = LeakWatch(gate.books.keyring, gate.books.accounts.control)
            scheduler = build_scheduler(settings, gate, leaks)
            assert gate.books.notices.waiting() == 0
            await scheduler.run_due(NOW)
            plane = DataPlane(
                settings, EchoEngine(), gate.gatehouse, records=gate.books.records,
                standing=gate.books.usage.standing, observe=telling_leaks(leaks.note),
            )  # fmt: skip
            with TestClient(plane) as client:
                answers = [client.get(f"/v1/whoami?api_key={key.text}") for _ in range(3)]
            assert {answer.status_code for answer in answers} == {401}
            await scheduler.run_due(NOW + 70)
            await scheduler.run_due(NOW + 80)
            assert [one.error for one in scheduler.status() if one.error] == []
            assert gate.books.notices.waiting() == 0
    told = [json.loads(request.body) for request in hook.received]
    leaked = [one for one in told if one["type"] == "mattegate.key.leaked"]
    assert len(leaked) == 1
    assert (leaked[0]["subject"], leaked[0]["data"]["facts"]["requests"]) == (key.id, 3)
    assert not any(key.text.encode() in request.body for request in hook.received)
