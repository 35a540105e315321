"""``mattegate policy``: checked, tested, explained, imported, as an operator does it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mattegate.config.rulebook import build_rulebook
from mattegate.config.secrets import load_secrets
from mattegate.config.settings import PolicySettings
from mattegate.gate.decide import decide
from mattegate.gate.policies.loading import load_policies
from mattegate.gate.policies.schema import SCHEMA
from mattegate.gate.rules import Rules
from mattegate.ledger.protocols import Record
from mattegate.ledger.records import Records
from mattegate.vocabulary.facts import CredentialFact, Facts, FloodFact, PayloadFact
from tests.cli.at_home import At
from tests.cli.processes import ENVIRONMENT
from tests.gate.situations import ATTEMPT, FACTS, KEY

OFFICE = """
@id("everybody")
permit (principal, action, resource);

@id("office")
forbid (principal, action == Action::"cutout", resource)
  unless { context has address && context.address.isInRange(ip("203.0.113.0/24")) };
"""
CASES = """
[[cases]]
name = "from the office"
address = "203.0.113.9"
expect = "permit"
by = "everybody"

[[cases]]
name = "from elsewhere"
address = "198.51.100.7"
expect = "forbid"
by = "office"
"""
ID = "req_01M811EN4M7SXMWKN0G36DD4P8"


@pytest.fixture
def policies(at: At, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of policies, set in the environment."""
    folder = at.home / "policies"
    folder.mkdir(parents=True)
    (folder / "office.cedar").write_text(OFFICE)
    monkeypatch.setenv("MATTEGATE_POLICIES_FOLDER", "policies")
    return folder


def test_check_lists_what_is_sound(at: At, policies: Path) -> None:
    """Every policy with its effect; as a table and as JSON."""
    assert at.told("policy", "check") == [
        {"id": "everybody", "effect": "permit", "on_trial": False, "of_the_body": False},
        {"id": "office", "effect": "forbid", "on_trial": False, "of_the_body": False},
    ]
    assert "everybody  permit" in at("policy", "check").out


def test_check_tells_everything_that_is_wrong(at: At, policies: Path) -> None:
    """With file, line and what to write; ``config check`` says the same."""
    (policies / "b.cedar").write_text("permit (principal, action, resource)\nwhen { context.adress.isLoopback() };\n@x")
    for words in (("policy", "check"), ("config", "check")):
        ended = at(*words)
        assert ended.code == 2
        assert f"{policies / 'b.cedar'}:2:16: policy b-1: attribute `adress` in context not found" in ended.err
        assert "did you mean context.address?" in ended.err
        assert f"{policies / 'b.cedar'}:3:1: policies.folder: a policy ends with ;" in ended.err
    assert at("config", "check").err.endswith("defaults and environment: 2 faults\n")
    assert at("simulate", "-").code == 2


def test_check_of_a_folder_that_is_not_in_use(at: At, tmp_path: Path) -> None:
    """Drafts are checked before they judge anybody; without a setting there is nothing to check."""
    (tmp_path / "draft.cedar").write_text("permit (principal, action, resource);")
    assert [row["id"] for row in at.told("policy", "check", "--folder", tmp_path)] == ["draft"]
    assert at("policy", "check").out == "no policies: policies.folder is not set\n"


def test_cases_that_go_as_they_say(at: At, policies: Path) -> None:
    """Exit code 0, one line a case; TOML and YAML alike."""
    toml, yaml = policies / "cases.toml", policies / "cases.yaml"
    toml.write_text(CASES)
    yaml.write_text("cases:\n  - name: whoami from anywhere\n    action: read\n    tls: false\n    expect: permit\n")
    ended = at("policy", "test", toml, yaml)
    assert ended.code == 0
    assert ended.out.splitlines() == [
        "+ from the office: permit by everybody",
        "+ from elsewhere: forbid by office",
        "+ whoami from anywhere: permit by everybody",
        "3 cases, 0 of them not as expected",
    ]


def test_a_case_that_goes_otherwise_fails(at: At, policies: Path) -> None:
    """Exit code 1; file, line, what was expected and what came."""
    file = policies / "cases.toml"
    file.write_text(CASES.replace('by = "office"', 'by = "everybody"'))
    ended = at("policy", "test", file)
    assert ended.code == 1
    assert "x from elsewhere: forbid by office" in ended.out
    assert f"    {file}:8 expects forbid by everybody" in ended.out
    (_, failed) = json.loads(at("policy", "test", file, "--json").out)
    assert (failed["passed"], failed["answer"], failed["policies"], failed["line"]) == (False, "forbid", ["office"], 8)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("cases = 5\n", "it holds no list of cases"),
        ("", "it holds no list of cases"),
        ("[[cases]]\nname = 'x'\n", "cases.toml:1:1: case 1: it lacks expect"),
        ("[[cases]]\nname = 'x'\nexpect = 'allow'\n", "cases.toml:3:10: case 1, expect: 'allow' cannot stand there"),
        ("[[cases]]\nname = 'x'\nadress = '::1'\n", "case 1, adress: a case has no such member"),
        ("cases = [", "not readable as TOML"),
    ],
)
def test_a_file_of_cases_that_cannot_be_used_is_told(at: At, policies: Path, text: str, told: str) -> None:
    """Exit code 2, with its place."""
    file = policies / "cases.toml"
    file.write_text(text)
    ended = at("policy", "test", file)
    assert ended.code == 2
    assert told in ended.err
    assert at("policy", "test", policies / "nowhere.toml").code == 2


def test_explain_tells_each_part_of_each_policy(at: At, policies: Path) -> None:
    """What holds, what does not, and what it goes by; exit code 3 where it is refused."""
    ended = at("policy", "explain", "--address", "198.51.100.7", "--at", "2026-01-05T12:00:00Z")
    assert ended.code == 3
    assert ended.out.splitlines()[0:3] == [
        "alice (alice), tier free, roles cutout, self",
        "cutout at cutout, model u2netp",
        "from 198.51.100.7, TLS, 2026-01-05T12:00:00Z",
    ]
    assert '  + action == Action::"cutout"   (it is cutout)' in ended.out
    assert "  + unless (context has address) && (context.address.isInRange" in ended.out
    assert "forbid by office" in ended.out
    passed = at("policy", "explain", "--address", "203.0.113.7", "--json")
    assert (passed.code, json.loads(passed.out)["policies"]) == (0, ["everybody"])


def test_explain_names_the_permit_that_comes_nearest(at: At, policies: Path) -> None:
    """And what it lacks."""
    (policies / "office.cedar").write_text('permit (principal in Tier::"vip", action, resource) when { context.tls };')
    ended = at("policy", "explain", "--no-tls")
    assert ended.code == 3
    assert ended.out.splitlines()[-3:] == [
        "office would permit it if these parts held:",
        '  principal in Tier::"vip"   (it is alice (alice), tier free, roles cutout, self)',
        "  context.tls   (context.tls is false)",
    ]
    told = json.loads(at("policy", "explain", "--tier", "vip", "--no-tls", "--json").out)
    assert told["nearest"] == [{"policy": "office", "missing": ["context.tls"]}]


def test_explain_as_the_holder_of_a_key(at: At, policies: Path) -> None:
    """Its identity, tier, scopes and id."""
    key_id, _ = at.key("bob")
    told = json.loads(at("policy", "explain", "--as", key_id, "--address", "203.0.113.7", "--json").out)
    asked = told["question"]
    assert (asked["name"], asked["tier"], asked["key"], asked["proofs"]) == ("bob", "free", key_id, ["key"])
    assert at("policy", "explain", "--as", "nosuchkey123").code == 3


def recorded(at: At, address: str, facts: Facts) -> None:
    """Decide by this home's policies on a request from ``address``, and keep the record."""
    attempt = replace(ATTEMPT, request_id=ID, peer=address)
    settings = replace(at.settings, policies=PolicySettings(Path("policies")))
    rules = Rules.of(build_rulebook(settings, policies=load_policies(settings)))
    decision = decide(attempt, facts, rules)
    record = Record(
        ID, attempt.at, attempt, facts, decision.findings, rules.revision, "0", 403, "policy.denied", "", 1.0
    )
    seal = load_secrets(settings.secrets_dir).seal_key
    with closing(Records(settings.ledger_dir, seal_key=seal, unproven_bytes=10**9)) as book:
        book.keep_rulebook(rules.rulebook)
        book.append(record, proven=True)


def told_of(at: At, *words: str) -> dict[str, Any]:
    """What ``explain`` says of the recorded request."""
    answer = json.loads(at("policy", "explain", ID, *words, "--json").out)
    assert isinstance(answer, dict)
    return answer


def test_explain_of_a_recorded_request(at: At, policies: Path) -> None:
    """By the policies of then, whatever stands there now; by those of now where it is asked for."""
    at.key()
    facts = Facts(flood=FloodFact("x"), credential=CredentialFact(KEY, proven=True), payload=PayloadFact("u2net", 5, 3))
    recorded(at, "198.51.100.7", facts)
    (policies / "office.cedar").write_text("permit (principal, action, resource);")
    then, now = told_of(at), told_of(at, "--now")
    assert (then["answer"], then["policies"], now["answer"]) == ("forbid", ["office"], "permit")
    assert (then["question"]["model"], then["question"]["megapixels"]) == ("u2net", 3)
    why = json.loads(at("why", ID, "--json").out)
    assert why["replayed"] == "same"
    assert why["checks"][10]["rule"] == "office"


def test_explain_of_a_request_that_no_policy_was_asked_about(at: At, policies: Path) -> None:
    """Exit code 1 with the way to what did decide."""
    at.key()
    recorded(at, "198.51.100.7", Facts(flood=FACTS.flood, credential=CredentialFact(KEY, proven=False)))
    ended = at("policy", "explain", ID)
    assert ended.code == 1
    assert "nobody had proven who they are, so no policy was asked" in ended.err
    assert at("policy", "explain", ID[:-1] + "9").code == 1


@pytest.mark.parametrize(
    "words",
    [
        ("--action", "fly"),
        ("--address", "nowhere"),
        ("--at", "noon"),
        ("--at", "2026-01-05T12:00:00"),
        ("--megapixels", "-1"),
    ],
    ids=" ".join,
)
def test_an_option_that_cannot_be_meant_is_a_mistake_in_the_line(
    at: At, policies: Path, words: tuple[str, ...]
) -> None:
    """Exit code 2."""
    assert at("policy", "explain", *words).code == 2


def test_import_writes_a_policy_that_can_be_checked(at: At, policies: Path, tmp_path: Path) -> None:
    """On standard output, or into the folder, where nothing is overwritten; notes on standard error."""
    file = tmp_path / "aws.json"
    statement = {"Sid": "bob", "Effect": "Allow", "Action": "*", "Resource": "*"}
    file.write_text(json.dumps({"Statement": statement | {"Principal": {"AWS": "arn:aws:iam::123456789012:user/bob"}}}))
    shown = at("policy", "import", file)
    assert shown.out == '@id("bob")\npermit (principal, action, resource)\nwhen { principal.name == "bob" };\n'
    assert "note: arn:aws:iam::123456789012:user/bob is taken for the identity 'bob'" in shown.err
    assert at("policy", "import", file, "--write").code == 0
    assert [row["id"] for row in at.told("policy", "check")] == ["bob", "everybody", "office"]
    again = at("policy", "import", file, "--write")
    assert again.code == 1
    assert "aws.cedar exists already" in again.err


def test_import_refuses_what_cannot_be_mapped(at: At, tmp_path: Path) -> None:
    """Exit code 3, the statement by its name, and nothing on standard output."""
    file = tmp_path / "aws.json"
    file.write_text('{"Statement": {"Sid": "Vpc", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", '
                    '"Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}}}')  # fmt: skip
    ended = at("policy", "import", file)
    assert (ended.code, ended.out) == (3, "")
    assert f"{file}: statement Vpc: the condition key 'aws:SourceVpc' cannot be mapped" in ended.err
    assert f"{file}: 1 fault; nothing was imported" in ended.err
    assert at("policy", "import", tmp_path / "nowhere.json").code == 2
    file.write_bytes(b"\xff")
    assert at("policy", "import", file).code == 2


def test_import_without_a_folder_to_write_to(at: At, tmp_path: Path) -> None:
    """The setting is named."""
    file = tmp_path / "aws.json"
    file.write_text('{"Statement": {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}')
    ended = at("policy", "import", file, "--write")
    assert ended.code == 2
    assert "policies.folder is not set" in ended.err


def test_the_schema_is_printed(at: At) -> None:
    """As the validator has it."""
    assert at("policy", "schema").out == SCHEMA.lstrip()


def test_a_simulation_goes_by_the_policies(at: At, policies: Path) -> None:
    """Also by those that speak of the body; what would help is a line to paste."""
    key_id, _ = at.key()
    (policies / "dear.cedar").write_text('forbid (principal, action, resource in Model::"birefnet-general");')
    simulate = ("simulate", "-", "--key-id", key_id, "--address", "203.0.113.9", "--json")
    assert json.loads(at(*simulate).out)["decision"] == "allow"
    refused = json.loads(at(*simulate, "--model", "birefnet-general").out)
    assert (refused["reason"], refused["layer"]) == ("policy.denied", "policy")
    assert [remedy["changes"] for remedy in refused["remedies"]] == [{"rulebook.policies-": "dear"}]
    again = at(*simulate, "--model", "birefnet-general", "--set", "rulebook.policies-=dear")
    assert json.loads(again.out)["decision"] == "allow"


WITHOUT = """
import sys
sys.modules["cedarpy"] = None
from mattegate.cli import main
sys.exit(main())
"""


@pytest.mark.parametrize("words", [("policy", "check"), ("config", "check"), ("policy", "explain"), ("serve",)])
def test_without_the_library_a_sentence_says_what_to_install(policies: Path, at: At, words: tuple[str, ...]) -> None:
    """Whatever needs the policies; nothing else does."""
    line = [sys.executable, "-c", WITHOUT, "--home", str(at.home), *words]
    environ = ENVIRONMENT | {"MATTEGATE_POLICIES_FOLDER": "policies", "MATTEGATE_SERVER_PORT": "0"}
    ended = subprocess.run(line, capture_output=True, text=True, env=environ, check=False, timeout=60)
    assert ended.returncode == 2, ended.stderr
    assert "policies need an optional part that is not installed" in ended.stderr
    assert "pip install 'mattegate[policies]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_without_the_library_everything_else_works(at: At) -> None:
    """It is not even looked for."""
    for words in (("config", "check"), ("policy", "schema"), ("keys", "list")):
        line = [sys.executable, "-c", WITHOUT, "--home", str(at.home), *words]
        assert subprocess.run(line, capture_output=True, env=ENVIRONMENT, check=False, timeout=60).returncode == 0
