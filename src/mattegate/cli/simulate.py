"""``mattegate simulate``: a request that was, or one thought up, judged by this home's configuration as it is."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from typing import Annotated, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.homes import tell_home
from mattegate.cli.ledger import reading, reading_usage
from mattegate.cli.recorded import find_recorded
from mattegate.cli.rendering import write_json
from mattegate.cli.simulate_report import Simulated, as_json, in_words
from mattegate.config.rulebook import build_rulebook
from mattegate.config.settings import Settings
from mattegate.gate.decide import decide
from mattegate.gate.limits import limits_of
from mattegate.gate.networks import parse_address
from mattegate.gate.policies.loading import load_policies
from mattegate.gate.remedies import remedies
from mattegate.gate.rules import Rules
from mattegate.gate.simulate import Situation, supposed
from mattegate.ledger.control import Control
from mattegate.serving.routes import data_plane, wanted
from mattegate.vocabulary.attempt import Attempt, Channel, Presented, RouteView
from mattegate.vocabulary.decision import Allowed, Finding, Needs
from mattegate.vocabulary.facts import ClaimFact, CredentialFact, Facts, KeyView, PayloadFact
from mattegate.vocabulary.refusal import Refusal

NAME: Final = "simulate"

EXAMPLES: Final = (
    "mattegate simulate req_01M811EN4M7SXMWKN0G36DD4P8",
    "mattegate simulate req_01M811EN4M7SXMWKN0G36DD4P8 --set attempt.origin=https://shop.example.com",
    "mattegate simulate - --address 203.0.113.9 --origin https://shop.example.com --key-id 0aB3dE5fG7hJ",
    "mattegate simulate - --set rulebook.transport.require_tls=true --json",
)

THOUGHT_UP: Final = "-"
_REFUSED: Final = 3
_UNDECIDED: Final = 4


def command(
    ctx: typer.Context,
    request_id: Annotated[
        str, typer.Argument(metavar="ID|-", help="A recorded request, or - for one made of the options.")
    ],
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=TEXT", help="attempt.…, facts.… or rulebook.…; repeatable; PATH+ adds."),
    ] = None,
    method: Annotated[str, typer.Option(help="Such as GET.", show_default="POST, or as recorded")] = "",
    path: Annotated[str, typer.Option(help="As called.", show_default="/v1/remove-bg, or as recorded")] = "",
    host: Annotated[str, typer.Option(help="The Host header.", show_default=False)] = "",
    origin: Annotated[str, typer.Option(help="The Origin header.", show_default=False)] = "",
    address: Annotated[str, typer.Option(help="Where it comes from.", show_default="127.0.0.1, or as recorded")] = "",
    key_id: Annotated[str, typer.Option(help="Shown with a key of this home, by id.", show_default=False)] = "",
    model: Annotated[str, typer.Option(help="The model asked for.", show_default=False)] = "",
    tls: Annotated[bool | None, typer.Option("--tls/--no-tls", help="Whether encrypted.", show_default=False)] = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
) -> None:
    """Tell what would happen to a request, layer by layer, and what would let it pass; beside it, what did happen.

    Takes nothing from any limit. What cannot be known without a real request is taken to be good, and named. Exit code
    0 where it would be allowed, 3 where it would be refused.
    """
    settings = invocation_of(ctx).settings()
    wanted = _read_changes(changes or [])
    _require_address(address)
    recorded = None if request_id == THOUGHT_UP else find_recorded(settings, request_id, as_json=json_output).record
    with reading(settings) as control:
        rules = _rules(settings, control)
        attempt, facts = (recorded.attempt, recorded.facts) if recorded else _thought_up(settings)
        attempt = _worn(attempt, settings, wanted, method=method, path=path, host=host, origin=origin, model=model)
        attempt = replace(attempt, peer=address or attempt.peer, tls=attempt.tls if tls is None else tls)
        named = model or wanted.get("attempt.model", "") or attempt.model
        facts = _with_payload(attempt, facts, named or ("" if recorded else settings.models.default))
        if key_id:
            attempt, facts = _with_key(control, settings, rules, key_id, attempt, facts)
    simulated = _simulated(Situation(attempt, facts, rules), wanted, recorded.findings if recorded else None)
    if json_output:
        write_json(as_json(simulated))
    else:
        for line in in_words(simulated):
            sys.stdout.write(f"{line}\n")
        tell_home(settings)
    _leave(simulated)


def _leave(simulated: Simulated) -> None:
    if isinstance(simulated.after, Needs):
        raise typer.Exit(_UNDECIDED)
    if not isinstance(simulated.after, Allowed):
        raise typer.Exit(_REFUSED)


def _simulated(now: Situation, changes: dict[str, str], before: tuple[Finding, ...] | None) -> Simulated:
    """Decide, with whatever is not known taken to be good. Raises :class:`typer.BadParameter`."""
    try:
        plain, _ = supposed(now, {}, assume=True)
        then, assumed = supposed(now, changes, assume=True)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--set") from None
    after = decide(then.attempt, then.facts, then.rules)
    unchanged = decide(plain.attempt, plain.facts, plain.rules)
    return Simulated(
        request_id=now.attempt.request_id,
        recorded=before,
        unchanged=unchanged,
        after=after,
        changes=changes,
        assumed=assumed,
        revision=then.rules.revision,
        remedies=remedies(then.attempt, then.facts, then.rules),
    )


def _require_address(address: str) -> None:
    """Rules about addresses judge nothing else, and would be judged wrongly in silence."""
    if address and parse_address(address) is None:
        problem = f"{address!r} is not an address; write 203.0.113.7 or 2001:db8::7"
        raise typer.BadParameter(problem, param_hint="--address")


def _read_changes(texts: list[str]) -> dict[str, str]:
    changes = {}
    for text in texts:
        path, found, value = text.partition("=")
        if not found or not path:
            raise typer.BadParameter(
                f"{text!r} is no change; write attempt.origin=https://x.example", param_hint="--set"
            )
        changes[path.strip()] = value
    return changes


def _rules(settings: Settings, control: Control) -> Rules:
    rows = control.keys()
    foreign = any(row.stored.foreign for row in rows)
    return Rules.of(build_rulebook(settings, foreign_keys=foreign, policies=load_policies(settings)))


def _thought_up(settings: Settings) -> tuple[Attempt, Facts]:
    path = f"{settings.server.prefix}/v1/remove-bg"
    host = f"{settings.server.host}:{settings.server.port}"
    return Attempt("simulated", time.time(), "POST", path, _route(settings, path), "127.0.0.1", host=host), Facts()


def _route(settings: Settings, path: str) -> RouteView:
    server = settings.server
    return data_plane(server.prefix, wanted(docs=server.docs, page=server.page)).match(path).route


def _worn(
    attempt: Attempt,
    settings: Settings,
    changes: dict[str, str],
    *,
    method: str,
    path: str,
    host: str,
    origin: str,
    model: str,
) -> Attempt:
    """The attempt with what the options say. Another path, also one by ``--set``, leads to a route of its own."""
    path = changes.pop("attempt.path", path)
    return replace(
        attempt,
        method=method.upper() or attempt.method,
        path=path or attempt.path,
        route=_route(settings, path) if path else attempt.route,
        host=host or attempt.host,
        origin=origin or attempt.origin,
        model=model or attempt.model,
    )


def _with_payload(attempt: Attempt, facts: Facts, model: str) -> Facts:
    """As if the body had been read and asked for ``model``; how large it is stays open where nobody said."""
    if not attempt.route.staged or not model:
        return facts
    return replace(facts, payload=replace(facts.payload or PayloadFact(model), model=model, alias=""))


def _with_key(
    control: Control, settings: Settings, rules: Rules, key_id: str, attempt: Attempt, facts: Facts
) -> tuple[Attempt, Facts]:
    """As if the key had been presented and its secret shown, with its limits as they stand in this moment."""
    row = control.key(key_id)
    if row is None:
        raise Refusal("account.not_found", what="key", name=key_id)
    key = row.stored.view
    attempt = replace(attempt, credentials=(Presented(Channel.API_KEY, environment=key.environment, key_id=key.id),))
    facts = replace(facts, credential=CredentialFact(key, proven=True), claim=_claim(settings, rules, key, attempt))
    return attempt, facts


def _claim(settings: Settings, rules: Rules, key: KeyView, attempt: Attempt) -> ClaimFact | None:
    """Where its limits stand; ``None`` where only the server knows."""
    if not attempt.route.metered or settings.limits.store == "memory":
        return None
    with reading_usage(settings) as book:
        answers = book.standing(key.identity.id, limits_of(key, rules), time.time())
    return ClaimFact(answers, reserved=all(answer.allowed or answer.shadow for answer in answers))
