"""The second half of a run: everything that is compared with the request as given (steps 4 to 9)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.approach import approach
from mattegate.doctor.probe.arrival import forward_proxy
from mattegate.doctor.probe.axes import SOMEBODY, Axis, variations
from mattegate.doctor.probe.burst import MOST, burst, burst_clue
from mattegate.doctor.probe.differential import (
    EXPERIMENTS,
    Axial,
    axis_clues,
    axis_summary,
    door_clues,
    outcome_of,
)
from mattegate.doctor.probe.echo import ECHO_PATH, Arrived, hop_clues, parse_echo, passed_clues
from mattegate.doctor.probe.environment import proxy_clues
from mattegate.doctor.probe.exchange import Ask, Door
from mattegate.doctor.probe.http2 import VIA, curl_with_http2, exchange_http2
from mattegate.doctor.probe.profiles import browser, preflight
from mattegate.doctor.probe.target import Scope, Target, parse_target

if TYPE_CHECKING:
    from mattegate.doctor.probe.arrival import Run

_ONLY_REFUSED: Final = frozenset({Axis.CREDENTIAL, Axis.SPELLING, Axis.HOST, Axis.METHOD, Axis.PATH, Axis.FORWARDED})
"""Axes that explain a refusal, and say nothing where there is none."""


def compare(run: Run, door: Door, base: Observation) -> None:
    """4 to 9."""
    direct = _direct(run, base)
    if base.status is None:
        run.notes.not_checked.append("variations of the request: there is no answer to compare them with")
        return
    if not run.varied:
        run.notes.not_checked.append(f"variations of the request: a {run.scene.ask.method} is not repeated unasked")
    elif not 300 <= base.status < 400:
        _preflight(run, door)
        _axes(run, door, base)
        _family(run, door, base)
        _client_proxy(run, base)
    _echo(run, door, direct, base)
    _burst(run, door)


def _direct(run: Run, through: Observation) -> Door | None:
    """4. The same request straight to the server."""
    if not run.plan.direct or not run.varied:
        return None
    target = parse_target(run.plan.direct)
    way = approach(target, replace(run.terms, forward=None, server_name="" if target.tls else target.host))
    path = target.path if target.path != "/" else run.scene.ask.target
    ask = replace(run.scene.ask, target=path)
    if not way.door:
        said = next((one.message for one in way.openings), "no address")
        direct = replace(through, status=None, message=said, fields={"kind": said}, via="direct", format="client-error")
        run.notes.saw(direct)
        run.notes.clues += door_clues(through, direct, {})
        return None
    if not way.door.verify and way.door.address.scope is not Scope.LOOPBACK and run.scene.credential:
        run.notes.not_checked.append("the direct way: its certificate does not prove who would get the credential")
        return None
    seen = run.sender.send(way.door, ask, "direct")
    if seen:
        run.notes.checked.append(f"through the proxy: {outcome_of(through)}; direct: {outcome_of(seen)}")
        experiments = _experiments(run, way.door, ask, target) if _worth(through, seen) else {}
        run.notes.clues += door_clues(through, seen, experiments)
    return way.door


def _worth(through: Observation, direct: Observation) -> bool:
    """Whether it is worth asking what a proxy may have changed."""
    outside, inside = outcome_of(through), outcome_of(direct)
    return not outside.passed and not outside.busy and inside.status is not None and inside.key != outside.key


def _experiments(run: Run, door: Door, ask: Ask, direct: Target) -> dict[str, Observation]:
    """The direct request once more, each time with one thing that a proxy may have changed."""
    bare, credential = ask.target.removeprefix("/").partition("/")[2], run.scene.credential
    asks = {
        "without the credential": ask.with_header(credential.header, None) if credential else None,
        "with its own Host": ask.with_header("Host", direct.authority),
        "with X-Forwarded-For": ask.with_header("X-Forwarded-For", SOMEBODY),
        "with the shortened path": replace(ask, target=f"/{bare}") if bare else None,
    }
    sent = {name: run.sender.send(door, asks[name], f"direct {name}") for name in EXPERIMENTS if asks[name]}  # type: ignore[arg-type]
    return {name: seen for name, seen in sent.items() if seen}


def _preflight(run: Run, door: Door) -> None:
    """5. What a browser asks before."""
    if not run.scene.page:
        run.notes.not_checked.append("the browser's preflight: no page was named")
        return
    asked = preflight(browser(run.scene.ask, run.target, run.scene.page), run.target, run.scene.page)
    seen = run.sender.send(door, asked, "preflight") if asked else None
    if not seen:
        run.notes.checked.append("preflight: a browser sends none for this request")
        return
    allowed = seen.header("access-control-allow-origin")
    told = f"preflight: {outcome_of(seen)}, Access-Control-Allow-Origin: {allowed or 'none'}"
    run.notes.checked.append(told)
    if seen.status is None or not 200 <= seen.status < 300:
        facts = {"status": str(seen.status), "page": run.scene.page, "host": run.target.host}
        clue = Clue(
            "differential.preflight_refused", Certainty.PROVEN, "probe", (told,), facts, seen.request, seen.status
        )
        run.notes.clues.append(clue)


def _axes(run: Run, door: Door, base: Observation) -> None:
    """6. One axis after the other."""
    found: list[Clue] = []
    passed, anonymous = outcome_of(base).passed, None
    for axis in (one for one in Axis if one in run.plan.axes):
        if passed and axis in _ONLY_REFUSED:
            continue
        along = _along(run, door, axis, base, anonymous=anonymous is not None or not run.scene.credential)
        if along is None:
            break
        axial = Axial(base, along, anonymous)
        anonymous = along.get("none", anonymous) if axis is Axis.CREDENTIAL else anonymous
        if along:
            found += axis_clues(axis, axial)
            run.notes.checked.append(axis_summary(axis, axial))
    if found:
        found = _steady(run, door, base, found)
    run.notes.clues += _without_echoes(found)


def _along(run: Run, door: Door, axis: Axis, base: Observation, *, anonymous: bool) -> dict[str, Observation] | None:
    """The answers along one axis; ``None`` where asking has to end."""
    along: dict[str, Observation] = {}
    for variant in variations(run.scene, axis):
        if variant.anonymous and not anonymous:
            continue
        if axis is Axis.SIZE and not outcome_of(base).passed and variant.value != "small":
            continue
        seen = run.sender.send(door, variant.ask, variant.via)
        if seen is None:
            return along or None
        if outcome_of(seen).busy and not outcome_of(base).busy:
            run.notes.not_checked.append(f"the axes from {axis} on: the server began to answer {seen.status}")
            return None
        along[variant.value] = seen
    if axis is Axis.HTTP_VERSION and (second := _http2(run, door)):
        along["2"] = second
    return along


def _http2(run: Run, door: Door) -> Observation | None:
    reason = ""
    if not door.tls or door.forward:
        reason = "it is spoken over TLS only"
    elif not run.way or not run.way.handshake or run.way.handshake.alpn != "h2":
        reason = "the server does not offer it"
    curl = None if reason else curl_with_http2()
    if not curl:
        run.notes.not_checked.append(f"HTTP/2: {reason or 'there is no curl here that speaks it'}")
        return None
    if not run.sender.may(run.scene.ask):
        return None
    seen = exchange_http2(curl, door, run.scene.ask, veil=run.sender.veil, limits=run.sender.limits)
    if seen:
        run.sender.count(replace(seen, via=VIA))
    return seen


def _steady(run: Run, door: Door, base: Observation, found: list[Clue]) -> list[Clue]:
    """The request as given once more: where its outcome changed by itself, a difference proves nothing."""
    again = run.sender.send(door, run.scene.ask, "base again")
    if again and outcome_of(again).key == outcome_of(base).key:
        return found
    said = f"asked again, the request as given got {outcome_of(again)}" if again else "it could not be asked again"
    return [replace(one, certainty=Certainty.POSSIBLE, evidence=(*one.evidence, said)) for one in found]


def _without_echoes(found: list[Clue]) -> list[Clue]:
    """A client's profile says nothing new where one of its headers has been found out."""
    causes = {one.cause for one in found}
    explained = causes & {"differential.user_agent_rule", "differential.origin_rule"}
    return [one for one in found if not (explained and one.cause == "differential.client_profile")]


def _family(run: Run, door: Door, base: Observation) -> None:
    """7. The other address family."""
    for address in run.way.others[:1] if run.way else ():
        seen = run.sender.send(replace(door, address=address), run.scene.ask, f"axis family={address.kind}")
        if not seen:
            return
        ours, other = outcome_of(base), outcome_of(seen)
        said = f"over {door.address.kind}: {ours}; over {address.kind}: {other}"
        run.notes.checked.append(f"address family: {said}")
        if ours.key != other.key and not other.busy:
            facts = {"host": run.target.host, "status": str(base.status), "family": address.kind}
            run.notes.clues.append(
                Clue(
                    "differential.address_family", Certainty.LIKELY, "probe", (said,), facts, base.request, base.status
                )
            )


def _client_proxy(run: Run, base: Observation) -> None:
    if not run.proxy or not run.way or not run.way.door or run.way.door.forward:
        return
    forward = forward_proxy(run.proxy, run.plan.limits)
    if not forward:
        run.notes.not_checked.append("the client's own proxy: its address cannot be used here")
        return
    way = approach(run.target, replace(run.terms, forward=forward))
    if way.door:
        door = replace(way.door, verify=run.way.door.verify)
        if seen := run.sender.send(door, run.scene.ask, "client proxy"):
            run.notes.clues += proxy_clues(run.target, run.proxy, seen, base)


def _echo(run: Run, door: Door, direct: Door | None, base: Observation) -> None:
    """8. What arrives behind each hop."""
    if not run.plan.echo_tickets:
        run.notes.not_checked.append("what arrives behind each proxy: no ticket of `mattegate echo` was given")
        return
    hops = [("through the proxy" if direct else "on the given way", door), *([("straight", direct)] if direct else [])]
    arrived: list[Arrived | None] = []
    for (hop, at), ticket in zip(hops, run.plan.echo_tickets, strict=False):
        arrived.append(_echoed(run, at, ticket, hop, refused=not outcome_of(base).passed))
    if len(arrived) == 2 and arrived[0]:
        run.notes.clues += passed_clues(arrived[0], arrived[1])


def _echoed(run: Run, door: Door, ticket: str, hop: str, *, refused: bool) -> Arrived | None:
    target = f"{run.plan.echo_prefix}{ECHO_PATH}{ticket}"
    ask = replace(run.scene.ask, method="GET", target=target, body=b"", padding=0)
    sent = run.sender.send_raw(door, ask, f"echo {hop}")
    if not sent:
        return None
    arrived = parse_echo(sent[1])
    if not arrived:
        text = f"{hop} the echo was answered {outcome_of(sent[0])} instead of telling what arrived"
        facts = {"hop": hop, "status": str(sent[0].status)}
        run.notes.clues.append(Clue("hop.echo_not_reached", Certainty.POSSIBLE, "probe echo", (text,), facts))
        return None
    run.notes.checked.append(f"echo: {hop} {len(arrived.headers)} headers arrived, from {arrived.peer}")
    clues = hop_clues(run.target, ask, ticket, arrived, hop=hop)
    run.notes.clues += [one for one in clues if refused or one.certainty is Certainty.PROVEN]
    return arrived


def _burst(run: Run, door: Door) -> None:
    """9. The rate limit, with consent."""
    if run.plan.burst <= 1:
        run.notes.not_checked.append("the rate limit: it is only tried with consent, by a burst of requests")
        return
    seen = burst(lambda: run.sender.send(door, run.scene.ask, "burst"), run.plan.burst)
    run.notes.checked.append(f"burst: {len(seen)} requests (never more than {MOST}), {_counted(seen)}")
    if clue := burst_clue(seen):
        run.notes.clues.append(clue)


def _counted(seen: tuple[Observation, ...]) -> str:
    statuses = [str(one.status or "no answer") for one in seen]
    return ", ".join(f"{statuses.count(status)} × {status}" for status in dict.fromkeys(statuses))
