"""``mattegate policy explain``: what policies say to a request, and for each of them why."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import found_key
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import reading
from mattegate.cli.policy_folder import Folder, policies_in, usable
from mattegate.cli.policy_testing import said
from mattegate.cli.recorded import find_recorded
from mattegate.cli.rendering import shown, write_error, write_json
from mattegate.config.settings import Settings
from mattegate.gate.asking_policies import question_of, roles_of
from mattegate.gate.case import Case
from mattegate.gate.networks import parse_address
from mattegate.gate.policies.cases import read_moment, usual
from mattegate.gate.policies.compiled import Answer, Judgement, Policies
from mattegate.gate.policies.explained import Explained, Part, explained, nearest
from mattegate.gate.policies.question import Question
from mattegate.gate.policies.schema import ACTIONS
from mattegate.gate.rules import Rules
from mattegate.gate.wording import moment_text
from mattegate.vocabulary.facts import KeyKind, KeyView
from mattegate.vocabulary.rulebook import PolicyText

_REFUSED: Final = 3
_NO_ANSWER: Final = 1
_MARKS: Final = {True: "+", False: "x", None: "?"}
_PROOFS: Final = {KeyKind.API: "key", KeyKind.SIGNING: "signature", KeyKind.CERTIFICATE: "certificate"}


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question and the policies that it is put to."""

    question: Question
    texts: tuple[PolicyText, ...]


def explain(
    ctx: typer.Context,
    request_id: Annotated[
        str, typer.Argument(metavar="ID", help="A recorded request; left out: one made of the options.")
    ] = "",
    key_id: Annotated[str, typer.Option("--as", metavar="KEY_ID", help="As the holder of a key.")] = "",
    tier: Annotated[str, typer.Option(help="An identity of this tier; with --as: in place of its own.")] = "",
    role: Annotated[list[str] | None, typer.Option(help="A scope of the identity; repeatable.")] = None,
    group: Annotated[
        list[str] | None, typer.Option(help="A role in a token, such as okta:image-team; repeatable.")
    ] = None,
    action: Annotated[str, typer.Option(help=f"One of {', '.join(ACTIONS)}.")] = "cutout",
    model: Annotated[str, typer.Option(help="The model asked for.", show_default="models.default")] = "",
    megapixels: Annotated[int | None, typer.Option(help="Of the image, rounded up.", min=0, show_default=False)] = None,
    bytes_: Annotated[int | None, typer.Option("--bytes", help="Of the image.", min=0, show_default=False)] = None,
    address: Annotated[str, typer.Option(help="Where it comes from.", show_default=False)] = "",
    origin: Annotated[str, typer.Option(help="The page that asks.", show_default=False)] = "",
    at: Annotated[str, typer.Option(help="When: 2026-01-05T12:00:00Z.", show_default="now")] = "",
    tls: Annotated[bool, typer.Option("--tls/--no-tls", help="Whether encrypted.")] = True,
    now: Annotated[bool, typer.Option("--now", help="The recorded request under the policies of now.")] = False,
    folder: Folder = None,
    as_json: Json = False,
) -> None:
    """Tell what the policies say to a request; for each, whether it applies, and which of its parts holds.

    A recorded request is put to the policies of then. Where nothing permits, those that come nearest are named with
    what they lack. Exit code 0 where it is permitted, 3 where it is not.
    """
    settings = invocation_of(ctx).settings()
    if request_id:
        asked = _recorded(settings, request_id, policies_in(settings, folder) if now or folder else None)
    else:
        texts = policies_in(settings, folder)
        question = _supposed(settings, key_id, tier=tier, roles=role or (), action=action, texts=texts)
        question = replace(
            question,
            groups=tuple(group or ()),
            model=(model or settings.models.default) if action == "cutout" else model,
            megapixels=megapixels,
            bytes=bytes_,
            address=_address(address),
            origin=origin or None,
            at=_moment(at) if at else time.time(),
            tls=tls,
        )
        asked = _Asked(question, texts)
    judgement = Policies(asked.texts).judge(asked.question)
    found = explained(asked.texts, asked.question)
    if as_json:
        write_json(_record(asked.question, judgement, found))
    else:
        for line in words(asked.question, judgement, found):
            sys.stdout.write(f"{shown(line)}\n")
    if judgement.answer is not Answer.PERMIT:
        raise typer.Exit(_REFUSED)


def _recorded(settings: Settings, request_id: str, texts: tuple[PolicyText, ...] | None) -> _Asked:
    """The question of then, with the policies of then unless others are given; or the way out."""
    found = find_recorded(settings, request_id)
    if found.rulebook is None:
        write_error("mattegate: the rulebook of this request is not kept any more; --now asks the policies of now")
        raise typer.Exit(_NO_ANSWER)
    rulebook = replace(found.rulebook, policies=found.rulebook.policies if texts is None else texts)
    with usable():
        rules = Rules.of(rulebook)
    case = Case(found.record.attempt, found.record.facts, rules)
    if case.caller is None or rules.policies is None:
        why = "there were no policies" if case.caller else "nobody had proven who they are, so no policy was asked"
        write_error(f"mattegate: {request_id}: {why}; 'mattegate why {request_id}' tells what decided")
        raise typer.Exit(_NO_ANSWER)
    return _Asked(question_of(case, case.caller, rules.policies), rulebook.policies)


def _supposed(
    settings: Settings, key_id: str, *, tier: str, roles: Sequence[str], action: str, texts: Sequence[PolicyText]
) -> Question:
    if action not in ACTIONS:
        raise typer.BadParameter(f"{action!r} is none of {', '.join(ACTIONS)}", param_hint="--action")
    if key_id:
        with reading(settings) as control:
            question = _of_key(found_key(control, key_id).stored.view, usual(action), texts)
    else:
        question = usual(action)
    return replace(question, tier=tier or question.tier, roles=tuple(roles) or question.roles)


def _of_key(key: KeyView, question: Question, texts: Sequence[PolicyText]) -> Question:
    return replace(
        question,
        identity=key.identity.id,
        name=key.identity.name,
        tier=key.identity.tier,
        roles=roles_of((key,), Policies(texts).roles),
        environment=key.environment,
        key=key.id,
        proofs=(_PROOFS[key.kind],),
    )


def _address(text: str) -> str:
    if text and parse_address(text) is None:
        raise typer.BadParameter(f"{text!r} is not an address", param_hint="--address")
    return text


def _moment(text: str) -> float:
    try:
        return read_moment(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no moment; write 2026-01-05T12:00:00Z", param_hint="--at") from None


# --- rendering ------------------------------------------------------------------------------------------------


def _record(question: Question, judgement: Judgement, found: Sequence[Explained]) -> dict[str, Any]:
    lacking = nearest(found) if judgement.answer is Answer.NO_PERMIT else ()
    return {
        "answer": judgement.answer.value,
        "policies": list(judgement.policies),
        "problem": judgement.problem,
        "question": asdict(question),
        "explained": [asdict(policy) for policy in found],
        "nearest": [{"policy": one.policy, "missing": [part.text for part in one.missing]} for one in lacking],
    }


def words(question: Question, judgement: Judgement, found: Sequence[Explained]) -> Iterator[str]:
    """Lines for people; what came from a caller is shown by whoever prints them."""
    yield from _about(question)
    for policy in found:
        yield ""
        yield from _policy(policy)
    yield ""
    yield said(judgement)
    if judgement.answer is Answer.FORBID:
        yield "an explicit forbid wins; it would not apply if one of its parts did not hold"
    elif judgement.answer is Answer.NO_PERMIT:
        yield from _lacking(nearest(found))


def _about(question: Question) -> Iterator[str]:
    roles = f", roles {', '.join(question.roles)}" if question.roles else ""
    groups = f", groups {', '.join(question.groups)}" if question.groups else ""
    yield f"{question.name} ({question.identity}), tier {question.tier}{roles}{groups}"
    model = f", model {question.model}" if question.model else ""
    size = f", {question.megapixels} MP" if question.megapixels is not None else ""
    yield f"{question.action} at {question.surface}{model}{size}"
    page = f", page {question.origin}" if question.origin else ""
    tls = "TLS" if question.tls else "no TLS"
    yield f"from {question.address or 'an unknown address'}{page}, {tls}, {moment_text(question.at)}"


def _policy(policy: Explained) -> Iterator[str]:
    how = {True: "applies", False: "does not apply", None: "cannot be evaluated"}[policy.applies]
    trial = ", on trial" if policy.on_trial else ""
    yield f"{policy.effect} {policy.policy}: {how}{trial}"
    for part in policy.parts:
        yield f"  {_MARKS[part.holds]} {_told(part)}"


def _told(part: Part) -> str:
    return f"{part.text}   ({part.seen})" if part.seen else part.text


def _lacking(policies: Sequence[Explained]) -> Iterator[str]:
    for policy in policies:
        yield f"{policy.policy} would permit it if these parts held:"
        yield from (f"  {_told(part)}" for part in policy.missing)
    if not policies:
        yield "there is no permit in force that could apply"
