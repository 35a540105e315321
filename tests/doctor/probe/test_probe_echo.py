"""Stories of hops: a real gate behind a real nginx tells what arrived, and the difference is named."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.probe.echo import parse_echo
from mattegate.doctor.probe.plan import ProbePlan, ProbeResult, probe
from mattegate.ledger.tickets import TicketBox
from tests.doctor.probe.houses import KEY, QUICK, free_port, nginx
from tests.serving.bare import bare_server


@dataclass(frozen=True)
class Gate:
    """A running server with its echo on."""

    url: str
    box: TicketBox


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    """The product's own server and echo, over a home with tickets."""
    folder = tmp_path_factory.mktemp("gate")
    home = folder / "home"
    home.mkdir()
    with bare_server(folder, home=str(home)) as running:
        yield Gate(running.url, TicketBox(home))


def looked(gate: Gate, folder: Path, lines: str) -> ProbeResult:
    """Probe the gate through an nginx with these lines, and straight."""
    port = free_port()
    tickets = tuple(gate.box.mint(time.time()).ticket for _ in range(2))
    block = f"location / {{ {lines} proxy_pass {gate.url}; }}"
    plan = ProbePlan(
        f"http://127.0.0.1:{port}/v1/whoami", direct=gate.url, axes=frozenset(), limits=QUICK,
        headers=(("Authorization", f"Bearer {KEY}"), ("X_Trace", "abc"), ("X-Trace", "def")), echo_tickets=tickets,
    )  # fmt: skip
    with nginx(folder, f"server {{ listen 127.0.0.1:{port}; {block} }}"):
        result = probe(plan, lambda _: None)
    assert not any(ticket in repr(result) for ticket in tickets)
    return result


def by_cause(result: ProbeResult) -> dict[str, Clue]:
    """The clues of hops by their cause."""
    return {clue.cause: clue for clue in result.clues if clue.cause.startswith("hop.")}


def test_a_proxy_that_takes_the_credential_is_proven(gate: Gate, tmp_path: Path) -> None:
    """Sent, and not there; straight it is. An underscore is lost by default."""
    found = by_cause(looked(gate, tmp_path, 'proxy_set_header Authorization "";'))
    assert found["hop.authorization_dropped"].certainty is Certainty.PROVEN
    assert found["hop.header_dropped"].facts["header"] == "X_Trace"
    assert "hop.client_address_lost" not in found  # both ways come from this machine


def test_a_proxy_that_sets_its_own_credential_is_proven(gate: Gate, tmp_path: Path) -> None:
    """Another value arrived: told by its MAC, never by itself."""
    result = looked(gate, tmp_path, 'proxy_set_header Authorization "Bearer other";')
    clue = by_cause(result)["hop.authorization_changed"]
    assert clue.certainty is Certainty.PROVEN
    assert KEY not in repr(result)


def test_a_good_proxy_is_not_accused(gate: Gate, tmp_path: Path) -> None:
    """Everything that matters arrives: no clue but for the name with an underscore."""
    lines = (
        "proxy_set_header Host $http_host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;"
        "proxy_set_header X-Forwarded-Proto $scheme;"
    )
    assert set(by_cause(looked(gate, tmp_path, lines))) == {"hop.header_dropped"}


def test_a_path_that_does_not_arrive_is_only_a_hint(gate: Gate, tmp_path: Path) -> None:
    """The echo is answered by something else: the ticket may be spent as well."""
    found = by_cause(looked(gate, tmp_path, "rewrite ^/v1/(.*)$ /$1 break;"))
    assert found["hop.echo_not_reached"].certainty is Certainty.POSSIBLE


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(st.none() | st.integers() | st.text(), lambda kids: st.lists(kids) | st.dictionaries(st.text(), kids))
)
def test_no_other_answer_breaks_it(document: object) -> None:
    """What is not an echo is none, and half an echo is read as far as it goes."""
    assert parse_echo(json.dumps(document).encode()) is None
    assert parse_echo(b"[" * 100_000) is None
    half = json.dumps({"echo": 1, "headers": [document, {"name": document}], "connection": document})
    assert parse_echo(half.encode()) is not None
