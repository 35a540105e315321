"""AWS-style resource policies in Cedar: the same answer to every request, or a refusal that names the statement."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.gate.policies.aws.conditions import KEYS
from mattegate.gate.policies.aws.document import NotImported, imported
from mattegate.gate.policies.cases import usual
from mattegate.gate.policies.compiled import Answer, Policies
from mattegate.gate.policies.question import Question
from tests.gate.policies.aws_evaluator import evaluate
from tests.gate.policies.texts import question

NAMES: Final = ("alice", "bob", 'q"\\uote', "ünï")
TIERS: Final = ("free", "vip")
ROLES: Final = ("cutout", "keys")
GROUPS: Final = ("okta:image-team", "okta:keys")
PATHS: Final = ("/v1/remove-bg", "/remove", "/v1/keys", "/x/POST/remove", "/v1/a*b")
MODELS: Final = ("u2net", "u2netp", "birefnet-general")
ADDRESSES: Final = ("203.0.113.9", "10.1.2.3", "2001:db8::7", "")
MOMENTS: Final = ("2026-01-05T12:00:00Z", "2026-01-05T13:00:00+01:00", "2025-12-31T23:59:59.999Z")

RESOURCES: Final = (
    "*", "execute-api:/*", "execute-api:/prod/*", "execute-api:/prod/POST/*", "execute-api:/*/POST/remove",
    "execute-api:/*/*/remove", "execute-api:/prod/*/v1/*", "execute-api:/prod/POST/v1/remove-bg",
    "arn:aws:execute-api:eu-west-1:123456789012:abc123/*/GET/v1/*", "arn:aws:execute-api:*:*:*/prod/POST/*/remove",
    "model/u2net*", "mattegate:model/birefnet-general", "surface/cutout", "surface/*s",
)  # fmt: skip


def some(*values: Any) -> st.SearchStrategy[Any]:
    """One of them, or a list of some."""
    return st.sampled_from(values) | st.lists(st.sampled_from(values), min_size=1, max_size=3)


principals = st.sampled_from(["*", {"AWS": "*"}]) | st.fixed_dictionaries(
    {
        "AWS": some(
            *NAMES, *(f"tier/{tier}" for tier in TIERS), *(f"role/{role}" for role in ROLES),
            *(f"group/{group}" for group in GROUPS),
            "arn:aws:iam::123456789012:user/bob", "arn:aws-cn:iam::123456789012:role/keys",
        )
    }
)  # fmt: skip
actions = some(
    "*", "execute-api:Invoke", "execute-api:*", "mattegate:cutout", "Mattegate:READ", "mattegate:*a*", "admit"
)
resources = some(*RESOURCES)

_STRINGS = st.sampled_from(("StringEquals", "StringNotEquals", "StringEqualsIfExists", "StringNotEqualsIfExists"))
_PATTERNS = st.sampled_from(("StringLike", "StringNotLike", "StringLikeIfExists", "StringNotLikeIfExists"))
_SIGNS = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
_NETWORKS = ("203.0.113.0/24", "10.0.0.1/8", "2001:db8::/32", "203.0.113.9", "0.0.0.0/0")


def _under(operator: st.SearchStrategy[str], key: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.tuples(operator, st.just(key), values)


condition = st.one_of(
    _under(st.sampled_from(("IpAddress", "NotIpAddress", "IpAddressIfExists")), "aws:SourceIp", some(*_NETWORKS)),
    _under(st.sampled_from(("Bool", "BoolIfExists")), "AWS:SecureTransport", some("true", "false", True, "False")),
    _under(_STRINGS, "aws:username", some(*NAMES, "*")),
    _under(_PATTERNS, "aws:username", some("a*", "*o*", 'q"*', "*")),
    _under(_STRINGS, "mattegate:origin", some("https://shop.example", "null")),
    _under(_PATTERNS, "mattegate:origin", some("https://*.example", "https://shop*")),
    _under(_STRINGS, "mattegate:tier", some(*TIERS)),
    _under(_PATTERNS, "mattegate:path", some("/v1/*", "*remove*", "/v1/a*b")),
    _under(_STRINGS, "mattegate:model", some(*MODELS)),
    _under(st.sampled_from([f"Numeric{sign}" for sign in _SIGNS]), "mattegate:megapixels", some(12, "13", -1)),
    _under(st.sampled_from([f"Numeric{sign}IfExists" for sign in _SIGNS]), "mattegate:hour", some(11, 12)),
    _under(st.sampled_from([f"Date{sign}" for sign in _SIGNS]), "aws:CurrentTime", some(*MOMENTS)),
    _under(st.just("Null"), "aws:SourceIp", st.sampled_from(("true", "false", True))),
    _under(st.just("Null"), "mattegate:origin", st.sampled_from(("true", ["false"]))),
)


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A policy of some statements, all of which can be mapped."""
    statements = []
    for number in range(draw(st.integers(1, 4))):
        statement: dict[str, Any] = {"Sid": f"S{number}", "Effect": draw(st.sampled_from(("Allow", "Deny")))}
        statement |= _either(draw, "Principal", principals, {"AWS": ["bob", "tier/vip"]})
        statement |= _either(draw, "Action", actions, ["mattegate:manage", "read"])
        statement |= _either(draw, "Resource", resources, ["execute-api:/prod/POST/*", "model/u2net"])
        block: dict[str, dict[str, Any]] = {}
        for operator, key, values in draw(st.lists(condition, max_size=3)):
            block.setdefault(operator, {})[key] = values
        if block:
            statement["Condition"] = block
        statements.append(statement)
    return {"Version": "2012-10-17", "Statement": statements}


def _either(draw: st.DrawFn, name: str, values: st.SearchStrategy[Any], excepted: Any) -> dict[str, Any]:
    return {f"Not{name}": excepted} if draw(st.integers(0, 5)) == 0 else {name: draw(values)}


questions = st.builds(
    question,
    identity=st.sampled_from((*NAMES, "i_1")),
    name=st.sampled_from(NAMES),
    tier=st.sampled_from(TIERS),
    roles=st.lists(st.sampled_from(ROLES), unique=True).map(tuple),
    groups=st.lists(st.sampled_from(GROUPS), unique=True).map(tuple),
    action=st.sampled_from(("cutout", "read", "manage", "admit")),
    surface=st.sampled_from(("cutout", "whoami", "keys")),
    model=st.sampled_from(("", *MODELS)),
    megapixels=st.sampled_from((None, 11, 12, 13)),
    address=st.sampled_from(ADDRESSES),
    origin=st.sampled_from((None, "https://shop.example", "null", "")),
    at=st.sampled_from((1_767_614_400.0, 1_767_614_399.0, 1_767_225_599.999)),
    tls=st.booleans(),
    method=st.sampled_from(("GET", "POST")),
    path=st.sampled_from(PATHS),
)

_ANSWERS: Final = {"allow": Answer.PERMIT, "deny": Answer.FORBID, "implicit deny": Answer.NO_PERMIT}


@settings(max_examples=400, deadline=None)
@given(documents(), st.lists(questions, min_size=1, max_size=6))
def test_an_import_answers_as_its_original_does(document: dict[str, Any], asked: list[Question]) -> None:
    """Every request: the same answer, by the same statements; and what comes out is valid Cedar."""
    policies = Policies(imported(json.dumps(document)).policies)
    for one in asked:
        answer, by = evaluate(document, one)
        judgement = policies.judge(one)
        assert (judgement.answer, list(judgement.policies)) == (_ANSWERS[answer], by)


@pytest.mark.parametrize("name", RESOURCES)
@pytest.mark.parametrize("negation", ["", "Not"])
def test_a_resource_is_the_same_for_every_method_and_path(name: str, negation: str) -> None:
    """Also where a star swallows a slash; nothing is left to chance here."""
    statement = {"Sid": "S", "Effect": "Allow", "Principal": "*", "Action": "*", f"{negation}Resource": name}
    if (name, negation) in {("*", "Not"), ("execute-api:/*", "Not"), ("execute-api:/prod/*", "Not")}:
        return
    policies = Policies(imported(json.dumps({"Statement": statement})).policies)
    for asked in (question(method=method, path=path) for method in ("GET", "POST") for path in PATHS):
        answer, _ = evaluate({"Statement": [statement]}, asked)
        assert policies.judge(asked).answer is _ANSWERS[answer], asked


def test_the_example_of_the_reference_becomes_one_that_can_be_read() -> None:
    """API Gateway's own: everybody may invoke, except from the blocked networks."""
    text = """{
      "Version": "2012-10-17",
      "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "execute-api:Invoke", "Resource": "execute-api:/*"},
        {"Sid": "Blocked", "Effect": "Deny", "Principal": "*", "Action": "execute-api:Invoke",
         "Resource": "execute-api:/prod/POST/v1/remove-bg",
         "Condition": {"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "198.51.100.0/24"]}}}
      ]}"""
    found = imported(text)
    everybody, blocked = (policy.text for policy in found.policies)
    assert everybody == '@id("statement-1")\npermit (principal, action, resource);'
    assert blocked == (
        '@id("Blocked")\nforbid (principal, action, resource)\nwhen {\n'
        '  (context.method == "POST" && context.path == "/v1/remove-bg") &&\n'
        '  (context has address && (context.address.isInRange(ip("192.0.2.0/24")) || '
        'context.address.isInRange(ip("198.51.100.0/24"))))\n};'
    )
    policies = Policies(found.policies)
    assert policies.judge(question(address="192.0.2.7")).policies == ("Blocked",)
    assert policies.judge(question(address="192.0.3.7")).answer is Answer.PERMIT


@pytest.mark.parametrize("wrapped", [str, json.dumps, lambda text: json.dumps(json.dumps(text)[1:-1])])
def test_a_policy_may_come_as_the_gateway_hands_it_out(wrapped: Any) -> None:
    """Bare, as a JSON string, or as one that was escaped before."""
    text = '{"Statement": {"Sid": "S", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}}'
    (policy,) = imported(wrapped(text)).policies
    assert policy.id == "S"


SOUND: Final = {"Sid": "S", "Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"Effect": "allow"}, "Effect must be Allow or Deny"),
        ({"Extra": 1}, "Extra cannot be mapped"),
        ({"NotAction": "*"}, "it needs Action or NotAction, not both"),
        ({"Sid": "a,b"}, "the Sid cannot be an id here"),
        ({"Principal": "alice"}, 'Principal must be "*" or an object'),
        ({"Principal": {"Service": "x.amazonaws.com"}}, "kind 'Service' cannot be mapped"),
        ({"Principal": {"AWS": "123456789012"}}, "is an AWS account"),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:root"}}, "is an AWS account"),
        ({"Principal": {"AWS": "arn:aws:sts::123456789012:assumed-role/a/b"}}, "cannot be mapped"),
        ({"Principal": {"AWS": "arn:aws:iam::123456789012:user/team/bob"}}, "cannot be mapped"),
        ({"Principal": {"AWS": "al*"}}, "cannot be mapped"),
        ({"Principal": {"AWS": []}}, "and not empty"),
        ({"Action": "s3:GetObject"}, "the Action 's3:GetObject' cannot be mapped"),
        ({"Action": "execute-api:InvalidateCache"}, "cannot be mapped"),
        ({"Action": "mattegate:r?ad"}, "has the wildcard ?"),
        ({"Action": 5}, "Action must be a text"),
        ({"Resource": "arn:aws:s3:::bucket/*"}, "the Resource 'arn:aws:s3:::bucket/*' cannot be mapped"),
        ({"Resource": "execute-api:/pr*/GET/x"}, "stage and method must be words"),
        ({"Resource": "execute-api:/prod/P*/x"}, "stage and method must be words"),
        ({"Resource": "execute-api:/prod"}, "stage and method must be words"),
        ({"Resource": "execute-api:/prod/GET"}, "names no path"),
        ({"Resource": "model/u?net"}, "has the wildcard ?"),
        ({"Condition": []}, "Condition must be an object"),
        ({"Condition": {"Bool": {}}}, "Condition.Bool must be an object of keys"),
        ({"Condition": {"Bool": {"aws:SecureTransport": []}}}, "has no value"),
        ({"Condition": {"Bool": {"aws:SecureTransport": "yes"}}}, "neither true nor false"),
        ({"Condition": {"StringEquals": {"aws:SourceVpc": "vpc-1"}}}, "condition key 'aws:SourceVpc'"),
        ({"Condition": {"StringEquals": {"aws:username": 5}}}, "is not a text"),
        ({"Condition": {"StringEquals": {"aws:username": "${aws:userid}"}}}, "a policy variable"),
        ({"Condition": {"StringLike": {"aws:username": "a?"}}}, "has the wildcard ?"),
        ({"Condition": {"StringEqualsIgnoreCase": {"aws:username": "a"}}}, "condition operator"),
        ({"Condition": {"ForAnyValue:StringEquals": {"aws:username": "a"}}}, "condition operator"),
        ({"Condition": {"StringEquals": {"aws:SourceIp": "203.0.113.9"}}}, "does not fit 'aws:SourceIp'"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "203.0.113.0/33"}}}, "not an address or a network"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "::ffff:203.0.113.0/120"}}}, "IPv4 written as IPv6"),
        ({"Condition": {"NumericLessThan": {"mattegate:hour": "1.5"}}}, "not a whole number"),
        ({"Condition": {"NumericLessThan": {"mattegate:hour": 2**63}}}, "not a whole number"),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "soon"}}}, "is not a date"),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-05T12:00:00"}}}, "has no offset"),
        ({"Condition": {"DateLessThan": {"aws:CurrentTime": "2026-01-05T12:00:00.0001Z"}}}, "finer than"),
        ({"Condition": {"Null": {"aws:SecureTransport": "true"}}}, "is never absent"),
        ({"Condition": {"Null": {"aws:SourceIp": ["true", "false"]}}}, "asks for both"),
    ],
)
def test_what_cannot_be_mapped_is_refused_by_its_statement(change: dict[str, Any], told: str) -> None:
    """Nothing is left out silently: neither a condition nor a member nobody knows."""
    with pytest.raises(NotImported) as raised:
        imported(json.dumps({"Statement": {**SOUND, **change}}))
    (fault,) = raised.value.faults
    assert fault.statement == change.get("Sid", "S")
    assert told in fault.problem


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ({"Effect": "Allow", "Action": "*", "Resource": "*"}, "it needs Principal or NotPrincipal"),
        ({**SOUND, "Principal": None, "NotPrincipal": "*"}, "it needs Principal or NotPrincipal, not both"),
        ({"Effect": "Deny", "NotPrincipal": "*", "Action": "*", "Resource": "*"}, "NotPrincipal leaves nothing"),
        ({"Effect": "Deny", "Principal": "*", "NotAction": "*", "Resource": "*"}, "NotAction leaves no action"),
    ],
)
def test_a_statement_that_could_never_apply_is_refused(statement: dict[str, Any], told: str) -> None:
    """Somebody meant something by it."""
    with pytest.raises(NotImported, match=told):
        imported(json.dumps({"Statement": [statement]}))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[]", "a policy is a JSON object"),
        ("{}", "Statement must be"),
        ('{"Statement": []}', "Statement must be"),
        ('{"Statement": ["x"]}', "Statement must be"),
        ('{"Version": "2020-01-01", "Statement": []}', "the Version must be"),
        ('{"Statement": [], "Grants": 1}', "Grants cannot be mapped"),
        ('{"Statement": [{"Effect": "Deny", "Effect": "Allow"}]}', "'Effect' stands twice"),
    ],
)
def test_a_document_that_is_none_is_refused(text: str, told: str) -> None:
    """A member that stands twice too: one of them would be lost."""
    with pytest.raises(NotImported, match=told):
        imported(text)


def test_all_faults_of_all_statements_are_told_at_once() -> None:
    """Two of one, one of another, a Sid that stands twice."""
    text = json.dumps({"Statement": [{**SOUND, "Action": "s3:*", "Resource": "s3"}, {**SOUND, "Effect": "Maybe"}]})
    with pytest.raises(NotImported) as raised:
        imported(text)
    assert [fault.statement for fault in raised.value.faults] == ["S", "S", "S", "S"]


def test_names_of_another_account_are_told_as_what_they_are_taken_for() -> None:
    """The operator sees whom an ARN was taken for."""
    names = ["arn:aws:iam::123456789012:user/bob", "arn:aws:iam::123456789012:role/keys"]
    found = imported(json.dumps({"Statement": {**SOUND, "Principal": {"AWS": names}}}))
    assert found.notes == (
        "arn:aws:iam::123456789012:user/bob is taken for the identity 'bob'",
        "arn:aws:iam::123456789012:role/keys is taken for the role (scope) 'keys'",
    )


@pytest.mark.parametrize("name", KEYS)
def test_every_condition_key_names_something_that_is_there(name: str) -> None:
    """A condition on each is valid Cedar by our schema."""
    kind = KEYS[name].kind
    values = {"IpAddress": "::1", "Bool": "true", "Numeric": 1, "Date": "2026-01-05", "String": "x"}
    operator = {"IpAddress": kind, "Bool": kind}.get(kind, f"{kind}Equals")
    statement = {**SOUND, "Condition": {operator: {name: values[kind]}}}
    policies = Policies(imported(json.dumps({"Statement": statement})).policies)
    assert policies.judge(usual("read")).answer in {Answer.PERMIT, Answer.NO_PERMIT}
