"""What made the difference: two ways to the same thing compared, and a request with each of its variations.

An axis is interesting when a variation has another outcome: another status where it is a refusal, or another maker of
it. That an odd request is refused is what protection looks like, and no fault; the fault is a sound request that is
refused where only something beside the point differs. An answer that says "too much" (429, 503) compares with nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.axes import Axis

_BUSY: Final = (429, 503)
_MAKERS: Final = (
    (re.compile(r"<center>nginx|<center>openresty"), "a page of nginx's own"),
    (re.compile(r"<address>Apache|don't have permission to access this resource", re.IGNORECASE), "a page of Apache's"),
    (re.compile(r"Request forbidden by administrative rules"), "HAProxy's own page"),
    (re.compile(r"ERR_[A-Z_]+|squid", re.IGNORECASE), "a page of Squid's"),
    (re.compile(r"cloudfront|cloudflare|akamai|edgesuite", re.IGNORECASE), "a page of the CDN's"),
)
_CDN: Final = re.compile(r"cloudflare|cloudfront|akamaighost|fastly|edgecast|sucuri|imperva|tengine cdn", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a request, as far as two of them can be compared."""

    status: int | None
    maker: str
    """The shape of the answer: ``JSON``, ``a page of nginx's own`` …; where there is none, what the client said."""

    @property
    def passed(self) -> bool:
        """Whether it got through."""
        return self.status is not None and self.status < 400

    @property
    def busy(self) -> bool:
        """Whether it was answered "too much", which says nothing about the request."""
        return self.status in _BUSY

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal outcomes."""
        return ("passed",) if self.passed else (self.status, self.maker)

    def __str__(self) -> str:
        return f"{self.status} ({self.maker})" if self.status is not None else f"no answer ({self.maker})"


def outcome_of(seen: Observation) -> Outcome:
    """What became of it."""
    if seen.status is None:
        return Outcome(None, seen.fields.get("kind", seen.message))
    return Outcome(seen.status, _maker(seen))


def _maker(seen: Observation) -> str:
    if not seen.body.strip():
        return "no body"
    media = (seen.header("content-type") or "").lower()
    if "json" in media:
        return "JSON"
    if media.startswith("image/"):
        return "an image"
    named = next((name for pattern, name in _MAKERS if pattern.search(seen.body)), None)
    return named or ("HTML" if "html" in media else "text")


Seen = Mapping[str, Observation]
"""The answers along one axis, by the variation's value."""


@dataclass(frozen=True, slots=True)
class Axial:
    """The base request's answer and those along one axis."""

    base: Observation
    along: Seen
    anonymous: Observation | None = None

    def differing(self) -> dict[str, Outcome]:
        """The variations whose outcome is another one."""
        ours = outcome_of(self.base)
        others = {value: outcome_of(seen) for value, seen in self.along.items()}
        return {value: other for value, other in others.items() if other.key != ours.key and not other.busy}

    def passing(self) -> dict[str, Outcome]:
        """The variations that got through where the base did not."""
        return {} if outcome_of(self.base).passed else {v: o for v, o in self.differing().items() if o.passed}

    def refused(self) -> dict[str, Outcome]:
        """The variations that were refused where the base got through."""
        return {v: o for v, o in self.differing().items() if not o.passed} if outcome_of(self.base).passed else {}


def axis_clues(axis: Axis, axial: Axial) -> Iterator[Clue]:
    """What one axis tells."""
    if not outcome_of(axial.base).busy:
        yield from _JUDGES[axis](axial)


def axis_summary(axis: Axis, axial: Axial) -> str:
    """One line for what was checked: what the axis changed."""
    differing = axial.differing()
    listed = "; ".join(f"{value}: {outcome}" for value, outcome in differing.items())
    base = outcome_of(axial.base)
    count = "1 variation" if len(axial.along) == 1 else f"{len(axial.along)} variations"
    return f"{axis}: {count}, " + (f"against {base}: {listed}" if listed else "the outcome stays the same")


def _clue(cause: str, certainty: Certainty, axial: Axial, said: Mapping[str, Outcome], **facts: str) -> Clue:
    base = axial.base
    evidence = (f"the request as given: {outcome_of(base)}", *(f"{value}: {one}" for value, one in said.items()))
    told = {"status": str(base.status), "host": base.host, "works": ", ".join(said), **facts}
    return Clue(cause, certainty, "probe differential", evidence, told, base.request, base.status)


def _credential(axial: Axial) -> Iterator[Clue]:
    passing = {value: one for value, one in axial.passing().items() if value != "none"}
    if passing:
        yield _clue("differential.credential_scheme", Certainty.PROVEN, axial, passing)
        return
    none = axial.along.get("none")
    if none is None or axial.base.status not in (401, 403):
        return
    without = outcome_of(none)
    if without.key == outcome_of(axial.base).key:
        said = {"without any credential": without}
        yield _clue("differential.credential_not_seen", Certainty.POSSIBLE, axial, said)
    elif without.status == 401 and axial.base.status == 403:
        said = {"without any credential": without}
        yield _clue("differential.credential_judged", Certainty.LIKELY, axial, said)


def _spelling(axial: Axial) -> Iterator[Clue]:
    passing = {value: one for value, one in axial.passing().items() if "_" not in value}
    if not passing:
        return
    # a name without its underscores gets through: what nginx drops by default, and others too
    hyphens = any("-" in value for value in passing)
    cause = "differential.underscore_header" if hyphens and _sent_underscore(axial) else "differential.header_spelling"
    yield _clue(cause, Certainty.PROVEN, axial, passing)


def _sent_underscore(axial: Axial) -> bool:
    return any("_" in name for name, _ in axial.base.request_headers)


def _user_agent(axial: Axial) -> Iterator[Clue]:
    refused = {value: one for value, one in axial.refused().items() if value != "empty"}
    said = axial.passing() or refused
    if said:
        yield _clue("differential.user_agent_rule", Certainty.LIKELY, axial, said, agents=", ".join(said))


def _origin(axial: Axial) -> Iterator[Clue]:
    if "none" in axial.passing():
        yield _clue("differential.origin_rule", Certainty.PROVEN, axial, {"without Origin": axial.passing()["none"]})
        return
    refused = axial.refused()
    for value in ("page", "own"):
        if value in refused:
            certainty = Certainty.PROVEN if value == "page" else Certainty.LIKELY
            said = {f"with the Origin of the {value}": refused[value]}
            yield _clue("differential.origin_rule", certainty, axial, said)
            return


def _host(axial: Axial) -> Iterator[Clue]:
    base = axial.anonymous if axial.anonymous is not None else axial.base
    compared = Axial(base, axial.along)
    answers = {value: one for value, one in compared.passing().items() if compared.along[value].status == 200}
    if answers and axial.base.status in (400, 403, 404, 421):
        yield _clue("differential.host_rule", Certainty.POSSIBLE, compared, answers)


def _method(axial: Axial) -> Iterator[Clue]:
    if axial.base.status not in (403, 405):
        return
    others = {v: o for v, o in axial.differing().items() if v == "GET" and o.status not in (401, 403, 501)}
    if others:  # an application may have its reasons, such as CSRF; a server's own page has fewer
        certainty = Certainty.LIKELY if "own" in outcome_of(axial.base).maker else Certainty.POSSIBLE
        yield _clue("differential.method_rule", certainty, axial, others, method=axial.base.method)


def _path(axial: Axial) -> Iterator[Clue]:
    if axial.base.status not in (403, 404, 405):
        return
    passing = {
        value: one for value, one in axial.passing().items() if axial.along[value].status not in (301, 302, 307, 308)
    }
    if passing:
        served = any(
            one.maker == "JSON" for one in passing.values()
        )  # a page may well be a site's answer to everything
        certainty = Certainty.LIKELY if axial.base.status == 404 and served else Certainty.POSSIBLE
        yield _clue("differential.path_rule", certainty, axial, passing)


def _forwarded(axial: Axial) -> Iterator[Clue]:
    passing = axial.passing()
    if passing and axial.base.status in (401, 403, 404):
        yield _clue("differential.forwarded_for_trusted", Certainty.PROVEN, axial, passing)


def _http_version(axial: Axial) -> Iterator[Clue]:
    said = axial.passing() or {value: one for value, one in axial.refused().items() if value == "2"}
    if said:
        yield _clue("differential.http_version", Certainty.LIKELY, axial, said)


def _profile(axial: Axial) -> Iterator[Clue]:
    said = axial.passing() or axial.refused()
    if said:
        yield _clue("differential.client_profile", Certainty.POSSIBLE, axial, said, clients=", ".join(said))


def _size(axial: Axial) -> Iterator[Clue]:
    """Up to 9 MB is what pictures have; a refusal of 11 MB is a limit that does its work."""
    if axial.base.status == 413 and "small" in axial.passing():
        yield _clue("differential.size_limit", Certainty.PROVEN, axial, axial.passing(), size="as given")
        return
    refused = {value: one for value, one in axial.refused().items() if value != "11 MB" and _about_size(one)}
    if not refused:
        return
    smallest, outcome = next(iter(refused.items()))
    limit = outcome.status == 413 or outcome.status is None
    certainty = Certainty.LIKELY if smallest == "1.5 MB" and outcome.status == 413 else Certainty.POSSIBLE
    cause = "differential.size_limit" if limit else "differential.size_rule"
    yield _clue(cause, certainty, axial, refused, size=smallest)


def _about_size(one: Outcome) -> bool:
    return one.status in (None, 400, 403, 406, 413)


_JUDGES: Final[dict[Axis, Callable[[Axial], Iterator[Clue]]]] = {
    Axis.PROFILE: _profile,
    Axis.CREDENTIAL: _credential,
    Axis.SPELLING: _spelling,
    Axis.USER_AGENT: _user_agent,
    Axis.ORIGIN: _origin,
    Axis.HOST: _host,
    Axis.METHOD: _method,
    Axis.PATH: _path,
    Axis.FORWARDED: _forwarded,
    Axis.HTTP_VERSION: _http_version,
    Axis.SIZE: _size,
}


EXPERIMENTS: Final = {
    "without the credential": "differential.credential_lost",
    "with its own Host": "differential.app_host_rule",
    "with X-Forwarded-For": "differential.app_forwarded_rule",
    "with the shortened path": "differential.path_stripped",
}
"""What a proxy may have changed on the way, and the cause where the direct way then gets the very same refusal."""


def door_clues(through: Observation, direct: Observation, experiments: Seen) -> Iterator[Clue]:
    """The public way and the direct way, same request; ``experiments`` are more direct ones, each with one change."""
    outside, inside = outcome_of(through), outcome_of(direct)
    said = (f"through {through.host}: {outside}", f"straight to the server, same request and Host: {inside}")
    facts = {"status": str(through.status), "host": through.host, "direct": str(direct.status)}
    if outside.passed or outside.busy or inside.busy:
        return
    if inside.status is None:
        certainty = Certainty.PROVEN if through.status in (502, 503, 504) else Certainty.POSSIBLE
        facts["failure"] = direct.message
        yield _door("differential.direct_unreachable", certainty, said, facts, through)
    elif outside.key == inside.key:
        yield _door("differential.app_refuses_both", Certainty.LIKELY, said, facts, through)
    else:
        yield from _explained(through, said, facts, experiments)


def _explained(through: Observation, said: tuple[str, ...], facts: dict[str, str], experiments: Seen) -> Iterator[Clue]:
    ours = outcome_of(through)
    alike = {name: outcome_of(seen) for name, seen in experiments.items() if outcome_of(seen).key == ours.key}
    certainty = Certainty.LIKELY if len(alike) == 1 else Certainty.POSSIBLE
    for name, outcome in alike.items():
        more = (*said, f"straight to the server, {name}: {outcome}, the same as through the proxy")
        told = {**facts, "path": experiments[name].path}
        yield _door(EXPERIMENTS[name], certainty, more, told, through)
    if not alike:
        tried = tuple(f"straight to the server, {name}: {outcome_of(seen)}" for name, seen in experiments.items())
        yield _door(_refuser(through), Certainty.LIKELY, (*said, *tried), facts, through)


def _refuser(through: Observation) -> str:
    """Who in front of the server it was, as far as its answer tells."""
    server = f"{through.header('server') or ''} {through.header('via') or ''}"
    if through.status in (502, 504):
        return "differential.proxy_cannot_reach"
    if through.status == 413:
        return "differential.size_limit"
    if _CDN.search(server) or "CDN" in outcome_of(through).maker:
        return "differential.cdn_refuses"
    if "nginx" in outcome_of(through).maker:
        return "differential.nginx_refuses"
    return "differential.refused_before_app"


def _door(
    cause: str, certainty: Certainty, said: tuple[str, ...], facts: Mapping[str, str], through: Observation
) -> Clue:
    return Clue(cause, certainty, "probe differential", said, facts, through.request, through.status)
