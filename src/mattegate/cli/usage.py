"""``mattegate usage``: what was delivered and charged, for whom; credits; and whether the book adds up."""

from __future__ import annotations

import math
import secrets
import time
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from mattegate.cli.context import invocation_of
from mattegate.cli.finding import found_identity, payer
from mattegate.cli.grouping import command_of, new_group
from mattegate.cli.homes import tell_home, warn_of_another
from mattegate.cli.key_options import Json
from mattegate.cli.ledger import actor, note_act, reading, reading_usage, told
from mattegate.cli.moments import moment_or_none, read_past, span_text
from mattegate.cli.rendering import write_error, write_json
from mattegate.cli.tables import print_table
from mattegate.cli.usage_export import export
from mattegate.config.rulebook import build_rulebook
from mattegate.config.settings import Settings
from mattegate.gate.limits import limits_of
from mattegate.gate.rules import Rules
from mattegate.ledger.meter_sqlite import KEEP_COUNTERS_S
from mattegate.ledger.opening import open_usage
from mattegate.ledger.usage_book import Difference, UsageBook, UsageSum
from mattegate.vocabulary.facts import IdentityView, KeyView, LimitAnswer, Plain

usage_app = new_group("usage", "What was delivered and charged; credits; exports for billing.")

_DIFFERENT: Final = 3
_LOOKS: Final = 5
"""How often a difference must be seen: a server that runs moves counters between two looks."""
_MB: Final = 1_000_000

_Name = Annotated[str, typer.Argument(metavar="IDENTITY", help="Name or id.")]


class Per(StrEnum):
    """What one line of a summary is about."""

    DAY = "day"
    IDENTITY = "identity"
    KEY = "key"
    MODEL = "model"


@command_of(
    usage_app,
    "summary",
    "mattegate usage summary --since 30d",
    "mattegate usage summary --by identity --since 2027-01-01 --until 2027-02-01",
    "mattegate usage summary --by key --identity acme --json",
)
def summary(
    ctx: typer.Context,
    by: Annotated[Per, typer.Option(help="What one line is about.")] = Per.DAY,
    identity: Annotated[str, typer.Option(help="Of one identity, by name or id.", show_default=False)] = "",
    since: Annotated[str, typer.Option(help="7d, or a date.", show_default="the beginning")] = "",
    until: Annotated[str, typer.Option(help="A date, or 1d for a day ago; not included.", show_default="now")] = "",
    as_json: Json = False,
) -> None:
    """Delivered cut-outs by the time they were asked for, in UTC. Nothing that was refused or failed is in it."""
    settings, now = invocation_of(ctx).settings(), time.time()
    begin = read_past(since, now, "--since") if since else 0.0
    end = read_past(until, now, "--until") if until else math.inf
    with reading(settings) as control:
        who = payer(control, identity, settings).id if identity else None
        names = {row.view.id: row.view.name for row in control.identities()} if by is Per.IDENTITY else {}
    with reading_usage(settings) as book:
        sums = book.usage(who, begin, end, by=by.value)
    if as_json:
        return write_json([_sum_facts(one, by, names) for one in sums])
    headings = (by.value, "requests", "images", "units", "megapixels", "MB in", "MB out", "seconds")
    print_table(headings, [_sum_line(one, names) for one in sums], none="nothing was delivered in that time")
    return tell_home(settings)


command_of(
    usage_app,
    "export",
    "mattegate usage export --format csv --since 30d -o january.csv",
    "mattegate usage export --format cloudevents -o /var/spool/billing/usage.jsonl",
)(export)


@command_of(
    usage_app,
    "credit",
    "mattegate usage credit acme 1000 --note 'invoice 2027-17'",
    "mattegate usage credit acme 1000 --reference stripe-evt-17",
    "mattegate usage credit acme -50 --note 'refund'",
    ignore_unknown_options=True,
)
def credit(
    ctx: typer.Context,
    identity: _Name,
    units: Annotated[int, typer.Argument(metavar="N", help="How many to add; with a minus, to take away.")],
    note: Annotated[str, typer.Option(help="What it is for; kept in the book.", show_default=False)] = "",
    reference: Annotated[
        str, typer.Option(help="The same reference books once, however often it is sent.", show_default=False)
    ] = "",
    as_json: Json = False,
) -> None:
    """Book prepaid credits; works beside a running server, at once. They bind where the tier has credits = true."""
    settings = invocation_of(ctx).settings()
    with reading(settings) as control:
        row = found_identity(control, identity)
    request_id = f"ref_{reference}" if reference else f"cli_{secrets.token_hex(12)}"
    with told(), open_usage(settings) as (_, book):
        repeated = book.credit_row(row.view.id, request_id) is not None
        balance = book.credit(row.view.id, units, note, actor=actor(), request_id=request_id, at=time.time())
    if not repeated:
        booked: dict[str, Plain] = {"units": units, "note": note, "balance": balance, "request": request_id}
        note_act(settings, "credits.add", row.view.id, booked)
    if as_json:
        write_json({"identity": row.view.name, "balance": balance, "reference": reference or None})
    else:
        print_table(("identity", "booked", "balance"), [(row.view.name, units, balance)], none="")
        if not _pays(row.view, settings):
            write_error(f"the tier {row.view.tier} has no limit of the kind credits, so they are not taken from")
        tell_home(settings)
    warn_of_another(settings)


@command_of(usage_app, "standing", "mattegate usage standing acme")
def standing(ctx: typer.Context, identity: _Name, as_json: Json = False) -> None:
    """Where the limits of an identity stand in this moment; takes nothing."""
    settings = invocation_of(ctx).settings()
    with reading(settings) as control:
        view = payer(control, identity, settings)
    with reading_usage(settings) as book:
        answers = book.standing(view.id, _limits(view, settings), time.time())
        balance = book.balance(view.id)
    if as_json:
        facts = [_answer_facts(answer) for answer in answers]
        return write_json({"identity": view.name, "tier": view.tier, "limits": facts, "credits": balance})
    headings = ("limit", "kind", "of", "left", "whole again in", "note")
    print_table(headings, [_answer_line(one) for one in answers], none=_without_limits(view, settings))
    write_error(f"credits: {balance:,}")
    return tell_home(settings)


@command_of(usage_app, "reconcile", "mattegate usage reconcile", "mattegate usage reconcile --json")
def reconcile(ctx: typer.Context, as_json: Json = False) -> None:
    """Compare every counter with the sum of the rows it counts. Exit code 3 where they differ.

    Counters of windows that began more than 39 days ago are not kept, and so not compared; balances always are.
    """
    settings = invocation_of(ctx).settings()
    with reading_usage(settings) as book:
        found = _lasting(book)
    if as_json:
        write_json({"sound": not found, "differences": [_difference_facts(one) for one in found]})
    else:
        lines = [(one.identity, one.counter, _window(one), one.counted, one.rows) for one in found]
        headings = ("identity", "counter", "window", "counted", "rows")
        print_table(headings, lines, none="every counter is the sum of its rows")
        tell_home(settings)
    if found:
        raise typer.Exit(_DIFFERENT)


def _lasting(book: UsageBook) -> list[Difference]:
    """Differences that are there at every look: what is only being written is there at one."""
    found: list[Difference] = []
    for look in range(_LOOKS):
        now = time.time()
        seen = book.reconcile(now - KEEP_COUNTERS_S + 86_400, now)
        places = {(one.identity, one.counter, one.window) for one in found}
        found = [one for one in seen if look == 0 or (one.identity, one.counter, one.window) in places]
        if not found:
            break
        time.sleep(0.05)
    return found


def _without_limits(view: IdentityView, settings: Settings) -> str:
    if any(tier.name == view.tier for tier in settings.tiers):
        return f"the tier {view.tier} has no limits"
    return f"there is no tier {view.tier} in this configuration: requests of {view.name} are refused with 503"


def _limits(view: IdentityView, settings: Settings) -> Any:
    return limits_of(KeyView("", view), Rules.of(build_rulebook(settings)))


def _pays(view: IdentityView, settings: Settings) -> bool:
    return any(limit.kind == "credits" for limit in _limits(view, settings))


def _sum_line(one: UsageSum, names: dict[str, str]) -> tuple[object, ...]:
    label = names.get(one.label, one.label)
    sizes = (one.pixels / 1e6, one.bytes_in / _MB, one.bytes_out / _MB, one.ms / 1000)
    return label, one.requests, one.images, one.units, *sizes


def _sum_facts(one: UsageSum, by: Per, names: dict[str, str]) -> dict[str, Any]:
    about = {by.value: one.label} | ({"name": names.get(one.label)} if by is Per.IDENTITY else {})
    counts = {"requests": one.requests, "images": one.images, "units": one.units, "pixels": one.pixels}
    return {**about, **counts, "bytes_in": one.bytes_in, "bytes_out": one.bytes_out, "ms": round(one.ms, 1)}


def _answer_line(one: LimitAnswer) -> tuple[object, ...]:
    resets = span_text(one.reset_s) if one.window_s else "-"
    note = "on trial" if one.shadow else "" if one.allowed else "used up"
    return one.name, str(one.kind), one.limit, one.remaining, resets, note


def _answer_facts(one: LimitAnswer) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": str(one.kind),
        "limit": one.limit,
        "window_s": one.window_s,
        "remaining": one.remaining,
        "reset_s": round(one.reset_s, 3),
        "allowed": one.allowed,
        "shadow": one.shadow,
    }


def _difference_facts(one: Difference) -> dict[str, Any]:
    about = {"identity": one.identity, "counter": one.counter, "window": _window(one)}
    return {**about, "counted": one.counted, "rows": one.rows}


def _window(one: Difference) -> str | None:
    return moment_or_none(one.window / 1e6) if one.window else None
