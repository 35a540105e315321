"""``mattegate why``: a record told in words and as JSON, whatever is in it and however it is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from mattegate import __version__
from mattegate.cli import why
from mattegate.cli.context import Invocation, real_services
from mattegate.cli.why import ids_in
from mattegate.config.secrets import create_secrets, load_secrets
from mattegate.config.settings import Settings
from mattegate.gate.decide import decide
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import Record
from mattegate.ledger.records import Records
from mattegate.vocabulary.attempt import Attempt, RouteView
from mattegate.vocabulary.decision import Allowed, Needs, Refused
from mattegate.vocabulary.facts import FactName, Facts, FloodFact
from mattegate.vocabulary.reasons import REASONS
from mattegate.vocabulary.rulebook import HostRules, NetworkRule, NetworkRules, Rulebook
from tests.ledger.record_samples import START

ROUTE = RouteView("cutout", ("POST",), scope="cutout", metered=True, staged=True)
DENYING = Rulebook(network=NetworkRules(rules=(NetworkRule("203.0.113.0/24", allow=False),)))
ID = "req_01M811EN4M7SXMWKN0G36DD4P8"
Why = Callable[..., Result]


def decided(rulebook: Rulebook, request_id: str = ID, **changes: Any) -> Record:
    """The record of a decision that the gate itself made, with no more facts than an address needs."""
    attempt = Attempt(request_id, START, "POST", "/v1/remove-bg", ROUTE, "203.0.113.9", host="api.example.com")
    attempt, facts, rules = replace(attempt, **changes), Facts(), Rules.of(rulebook)
    decision: Allowed | Refused | Needs = decide(attempt, facts, rules)
    if isinstance(decision, Needs) and decision.fact is FactName.FLOOD:
        facts = Facts(flood=FloodFact("203.0.113.0/24"))
        decision = decide(attempt, facts, rules)
    assert isinstance(decision, Refused)
    reason = decision.finding.reason
    status = REASONS[reason].status
    return Record(request_id, START, attempt, facts, decision.findings, rules.revision, __version__, status, reason,
                  "203.0.113.9", 0.4)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with its secrets."""
    create_secrets(tmp_path / "secrets")
    return tmp_path


@pytest.fixture
def book(home: Path) -> Iterator[Records]:
    """The records of a server that runs there, and has not imported anything yet."""
    with closing(opened(home)) as records:
        yield records


def opened(home: Path, *, unproven_bytes: int = 10**9) -> Records:
    """A record book of that home."""
    settings = Settings(home=home)
    key = load_secrets(settings.secrets_dir).seal_key
    return Records(settings.ledger_dir, seal_key=key, unproven_bytes=unproven_bytes)


@pytest.fixture
def ask(home: Path) -> Why:
    """Runs the command on that home."""
    app = typer.Typer()
    app.command()(why.command)

    def asked(*words: str, piped: str = "") -> Result:
        invocation = Invocation(words, real_services(), home=home)
        return CliRunner().invoke(app, list(words), input=piped, obj=invocation, env={"COLUMNS": "200"})

    return asked


def test_a_refusal_is_told_layer_by_layer(book: Records, ask: Why) -> None:
    """Every layer stands on a line of its own; then what the caller was told, the remedy, the operator's sentence."""
    book.keep_rulebook(DENYING)
    record = decided(DENYING)
    book.append(record, proven=False)
    result = ask(ID)
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith(f"{ID}  refused 403  network.denied")
    traced = [line.split()[1] for line in lines if line.startswith("  ") and line[4:5].isalpha()]
    assert traced == [finding.layer for finding in record.findings]
    (refusing,) = [line for line in lines if line.startswith("  x ")]
    assert "EXPLICIT_DENY" in refusing
    assert "203.0.113.0/24" in refusing
    assert any(line.startswith("remedy ") for line in lines)
    assert any(line.startswith("operator ") and "203.0.113.9" in line for line in lines)
    assert f"replayed: same (rulebook {DENYING.revision()}, version {__version__})" in lines
    assert "\x1b" not in result.output


def test_json_keeps_its_promise(book: Records, ask: Why) -> None:
    """One object on one line, with the agreed names, the same before and after the import."""
    book.keep_rulebook(DENYING)
    book.append(decided(DENYING), proven=False)
    told = ask("--json", ID)
    book.import_now()
    assert ask("--json", ID).output == told.output
    document = json.loads(told.output)
    assert document["request_id"] == ID
    assert (document["decision"], document["status"]) == ("deny", 403)
    assert (document["reason"], document["layer"]) == ("network.denied", "network")
    assert document["public_code"] == REASONS["network.denied"].public
    assert document["replayed"] == "same"
    check = next(check for check in document["checks"] if check["layer"] == "network")
    assert check["effect"] == "EXPLICIT_DENY"
    assert {"layer", "effect", "reason", "detail"} <= check.keys()
    assert told.output.count("\n") == 1


def test_a_changed_configuration_is_told(book: Records, ask: Why) -> None:
    """Where the rulebook in force is another one, what it would say now stands beside what was said then."""
    book.keep_rulebook(DENYING)
    book.append(decided(DENYING), proven=False)
    book.keep_rulebook(Rulebook())
    result = ask(ID)
    assert "replayed: same" in result.output
    assert f"now: different (rulebook {Rulebook().revision()})" in result.output
    assert "network: recorded EXPLICIT_DENY network.denied, now" in result.output
    document = json.loads(ask(ID, "--json").output)
    assert document["now"]["revision"] == Rulebook().revision()
    assert any(line.startswith("network:") for line in document["now"]["replayed"])


def test_another_verdict_of_this_version_is_told(book: Records, ask: Why) -> None:
    """A record of a version that judged otherwise is not passed off as the same."""
    book.keep_rulebook(DENYING)
    record = decided(DENYING)
    odd = replace(record.findings[0], detail="seen by another version")
    book.append(replace(record, findings=(odd, *record.findings[1:]), version="0.0.1"), proven=False)
    result = ask(ID)
    assert f"replayed: different (rulebook {DENYING.revision()}, version 0.0.1, now {__version__})" in result.output
    assert json.loads(ask(ID, "--json").output)["replayed"]


def test_a_rulebook_that_is_gone_is_told(book: Records, ask: Why) -> None:
    """Without its rulebook a decision is told, but not made again."""
    book.append(decided(DENYING), proven=False)
    result = ask(ID, "--json")
    assert result.exit_code == 0
    document = json.loads(result.output)
    assert document["replayed"] is None
    assert "not kept" in document["replay_problem"]
    assert "replayed: not possible" in ask(ID).output


def test_nothing_recorded_reaches_the_terminal_raw(book: Records, ask: Why) -> None:
    """Escape sequences, line breaks and markup of a caller are shown, not obeyed."""
    names = Rulebook(host=HostRules(names=("api.example.com",)))
    book.keep_rulebook(names)
    hostile = "\x1b]0;owned\x07\x1b[2J\r\n[bold]x[/bold]\u202e"
    record = decided(names, host=hostile[:60], path="/" + hostile, client_request_id=hostile, user_agent=hostile)
    book.append(record, proven=False)
    output = ask(ID).output
    assert all(char.isprintable() for char in output.replace("\n", ""))
    assert "[bold]x[/bold]" in output
    assert "\\x1b[2J\\r\\n" in output


def test_a_sealed_id_tells_time_and_reason(home: Path, ask: Why) -> None:
    """An id whose record found no room still explains itself."""
    with closing(opened(home, unproven_bytes=0)) as book:
        sealed = book.append(decided(DENYING), proven=False)
    result = ask(sealed)
    assert result.exit_code == 0
    assert f"{sealed}  refused 403  network.denied" in result.output
    assert "records.unproven_mb" in result.output
    document = json.loads(ask(sealed.lower(), "--json").output)
    assert (document["sealed"], document["reason"], document["checks"]) == (True, "network.denied", [])
    assert document["at"] == "2027-01-15T08:00:00Z"


def test_what_never_was_a_request_is_told_by_its_id(home: Path, ask: Why) -> None:
    """Not that there was no room for its record: there was nothing to put on record."""
    with closing(opened(home)) as book:
        sealed = book.sealed_id("request.head_too_large")
    told = ask(sealed).output
    assert f"{sealed}  refused 431  request.head_too_large" in told
    assert "before it was a request" in told
    assert "the access log" in told
    assert "remedy    Send" in told
    assert "records.unproven_mb" not in told


def test_an_unknown_id_fails_and_says_where_it_looked(home: Path, ask: Why) -> None:
    """Exit code 1, on stderr, with the home; nothing is made there."""
    result = ask(ID)
    assert result.exit_code == 1
    assert f"no record of {ID}" in result.stderr
    assert str(home / "ledger") in result.stderr
    assert not (home / "ledger").exists()
    assert json.loads(ask(ID, "--json").stdout)["decision"] is None


def test_missing_secrets_matter_only_for_sealed_ids(home: Path, book: Records, ask: Why) -> None:
    """Records are told without the key of the seal; an unknown id says that the key could not be read."""
    book.append(decided(DENYING), proven=False)
    (home / "secrets" / "seal").unlink()
    assert ask(ID).exit_code == 0
    unknown = ask(ID[:-1] + "9")
    assert unknown.exit_code == 1
    assert "key of the seal" in unknown.stderr


@pytest.mark.parametrize("words", [(), ("-",), ("",), (" ",)])
def test_a_line_without_an_id_is_a_usage_error(ask: Why, words: tuple[str, ...]) -> None:
    """Nothing asked, an empty pipe and an empty id are mistakes in the line."""
    assert ask(*words).exit_code == 2


def test_whatever_holds_ids_can_be_piped_in(book: Records, ask: Why) -> None:
    """A problem document, log lines and bare ids, on standard input; one that is missing makes the end a failure."""
    for number in range(3):
        book.append(decided(DENYING, ID[:-1] + str(number)), proven=False)
    ids = [ID[:-1] + str(number) for number in range(3)]
    problem = json.dumps({"type": "x", "request_id": ids[0], "detail": f"not {ids[2]}"}, indent=2)
    assert json.loads(ask("-", "--json", piped=problem).output)["request_id"] == ids[0]
    log = f'mattegate.access {{"request_id": "{ids[1]}", "client_request_id": "{ids[2]}"}}\nx-request-id: {ids[0]}\r\n'
    told = ask("-", "--json", piped=log + ids[0])
    assert [json.loads(line)["request_id"] for line in told.output.splitlines()] == [ids[1], ids[0]]
    assert ask("-", piped=f"{ids[0]}\n{ID}\n").exit_code == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (ID, [ID]),
        (ID.lower(), [ID]),
        (f"<{ID}>, {ID}.", [ID, ID]),
        (ID.replace("1", "I").replace("0", "o"), [ID]),
        (f'[{{"request_id": "{ID}"}}, "{ID}"]', [ID, ID]),
        (f'{{"client_request_id": "{ID}"}}', []),
        (f"{ID}X", []),
        ('{"request_id": 5}', []),
        ("\x00\ufffd{{{", []),
        ("[" * 100_000 + ID, [ID]),
    ],
)
def test_ids_are_found_in_what_people_paste(text: str, found: list[str]) -> None:
    """Case, punctuation and letters that were misheard do not matter; what only looks like an id does not count."""
    assert ids_in(text) == found


@given(st.text())
def test_no_text_breaks_the_reading(text: str) -> None:
    """Anything can be piped in."""
    assert isinstance(ids_in(text + "\n{" + text), list)


def test_a_path_that_a_proxy_rewrote_is_shown_as_it_received_it(book: Records, ask: Why) -> None:
    """An operator who greps nginx's log for the path of a record finds it."""
    record = decided(DENYING, original_uri="/api/background/v1/remove-bg?size=full")
    book.append(record, proven=False)
    assert "a proxy received it as /api/background/v1/remove-bg?size=full (X-Original-URI)" in ask(ID).output
    assert json.loads(ask(ID, "--json").output)["original_uri"] == "/api/background/v1/remove-bg?size=full"
