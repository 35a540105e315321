"""The first half of a run: the client's environment, the way to a door, and the request as given (steps 1 to 3)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import unquote, urlsplit

from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.approach import Terms, Way, approach, versions
from mattegate.doctor.probe.axes import Scene
from mattegate.doctor.probe.clock import clock_clue, skew_of
from mattegate.doctor.probe.dns import look_up
from mattegate.doctor.probe.environment import environment_clues, proxy_clues, proxy_use, shown
from mattegate.doctor.probe.exchange import Ask, Door, ForwardProxy, Limits
from mattegate.doctor.probe.given import USER_AGENT, ProbePlan, base_ask, parted, secrets
from mattegate.doctor.probe.replies import may_follow, plain_http_clue, redirect_clues, redirect_target, reply_clues
from mattegate.doctor.probe.sending import Notes, Sender
from mattegate.doctor.probe.target import BadTarget, Scope, Target, parse_target
from mattegate.doctor.probe.tls import asked_clue, context
from mattegate.doctor.probe.veil import Veil


@dataclass(slots=True)
class Run:
    """One run: what it works with."""

    plan: ProbePlan
    scene: Scene
    notes: Notes
    sender: Sender
    terms: Terms
    way: Way | None = None
    proxy: str = ""
    """The client's own proxy, where a client here takes one."""

    @property
    def target(self) -> Target:
        """The address that was given."""
        return self.scene.target

    @property
    def varied(self) -> bool:
        """Whether the request may be repeated."""
        return self.scene.ask.method in self.plan.vary


def run_of(plan: ProbePlan, notes: Notes) -> Run:
    """A run of a plan. Raises :class:`BadTarget`."""
    _check_files(plan)
    target = parse_target(plan.url)
    headers, credential = parted(plan)
    page = parse_target(plan.page).origin if plan.page else ""
    scene = Scene(target, base_ask(plan, target, headers, credential).checked(), credential, page)
    veil = Veil(secrets(plan, credential))
    terms = Terms(plan.limits, plan.client_certificate, plan.ca, plan.allow_metadata)
    return Run(plan, scene, notes, Sender(notes, veil, plan.limits, plan.bounds), terms)


def _check_files(plan: ProbePlan) -> None:
    try:
        context(verify=True, shown=plan.client_certificate, ca=plan.ca)
    except OSError as error:
        raise BadTarget(f"the certificates that were given cannot be loaded: {error}") from error


def environment(run: Run) -> None:
    """1. What the client's environment makes of the address."""
    use = proxy_use(run.target, run.plan.environ)
    run.proxy = use.any
    run.notes.clues += environment_clues(run.target, use)
    text = f"clients here go through the proxy {shown(use.any)}" if use.any else "no proxy applies to this address"
    run.notes.checked.append(f"proxy variables: {text}")


def reach(run: Run) -> Observation | None:
    """2 and 3. Up to a door, and the request as given."""
    way = run.way = _approached(run)
    run.notes.checked += way.checked
    if not way.door:
        run.notes.clues += way.clues
        _plain_http(run, way)
        run.notes.not_checked.append("HTTP: it was not reached")
        return None
    run.notes.clues += way.clues
    if way.door.tls and not way.door.forward:
        spoken = ", ".join(versions(way.door, run.terms)) or "neither TLS 1.2 nor 1.3 alone"
        run.notes.checked.append(f"TLS: it speaks {spoken}")
    _withhold(run, way.door)
    address = way.door.address
    run.scene = replace(run.scene, address=address.text, public=address.scope is Scope.PUBLIC)
    seen = run.sender.send(way.door, run.scene.ask, "proxy" if run.plan.direct else "base")
    if seen:
        _first_answer(run, way, seen)
    return seen


def _approached(run: Run) -> Way:
    """Straight there; by the client's own proxy where only that leads there."""
    way = approach(run.target, run.terms)
    if way.door or not run.proxy:
        return way
    forward = forward_proxy(run.proxy, run.plan.limits)
    if not forward:
        return way
    run.notes.checked.append("straight there is no way, which is common where clients have to use a proxy")
    return approach(run.target, replace(run.terms, forward=forward))


def forward_proxy(text: str, limits: Limits) -> ForwardProxy | None:
    """A proxy as the environment writes it; ``None`` where it is none that can be spoken to here."""
    parts = urlsplit(text if "//" in text else f"http://{text}")
    try:
        host, port = parts.hostname, parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not host:
        return None
    found = look_up(host, port, timeout=limits.connect_s).addresses
    credentials = unquote(f"{parts.username}:{parts.password or ''}") if parts.username else ""
    return ForwardProxy(host, port, found[0], credentials) if found else None


def _plain_http(run: Run, way: Way) -> None:
    """A port that does not speak TLS: does it speak HTTP?"""
    opened = next((one for one in way.openings if one.open), None)
    if not opened or not way.handshake or way.handshake.failure not in ("plain_http", "other", "closed"):
        return
    ask = Ask("HEAD", "/", (("Host", run.target.authority), ("User-Agent", USER_AGENT), ("Connection", "close")))
    seen = run.sender.send(Door(opened.address, opened.port), ask, "plain http")
    clue = plain_http_clue(run.target, seen) if seen else None
    if clue:
        run.notes.clues.append(clue)


def _withhold(run: Run, door: Door) -> None:
    """No secret to somebody whose certificate proves nothing."""
    if door.verify or not run.scene.credential or run.plan.send_credential_unverified:
        return
    if door.address.scope is Scope.LOOPBACK:
        return
    run.notes.not_checked.append("the credential: it was not sent, because the certificate does not prove who gets it")
    run.scene = replace(run.scene, ask=run.scene.anonymous, credential=None)


def _first_answer(run: Run, way: Way, seen: Observation) -> None:
    run.notes.clues += reply_clues(run.target, seen)
    if way.door and way.door.forward:
        run.notes.clues += proxy_clues(run.target, run.proxy, seen, None)
    if way.handshake and not run.plan.client_certificate and (clue := asked_clue(run.target, way.handshake, seen)):
        run.notes.clues.append(clue)
    if clue := clock_clue(seen):
        run.notes.clues.append(clue)
    elif skew := skew_of(seen):
        run.notes.checked.append(f"clock: the server's is {skew}")
    _redirect(run, seen)


def _redirect(run: Run, seen: Observation) -> None:
    location = seen.header("location") or ""
    other = redirect_target(run.target, seen, location)
    if not other:
        return
    run.notes.clues += redirect_clues(run.scene, seen, other)
    if not may_follow(run.target, other) or "****" in location:
        run.notes.not_checked.append(f"the redirect to {other.origin} was not followed: it is another host")
        return
    way = approach(other, run.terms)
    if way.door and run.varied and (way.door.verify or not run.scene.credential):
        ask = replace(run.scene.ask, target=other.path).with_header("Host", other.authority)
        run.sender.send(way.door, ask, "redirect")
    run.notes.not_checked.append(f"what lies behind the redirect: probe {other.bare} itself")
