"""Holds what was asked against what is described: the routes of an API description, and the :mod:`.containers`.

Nothing is said of a request that succeeded, and nothing of a description alone: a port on the loopback address is right
behind a proxy. A description may be older than what runs, so that nothing here is ever proven.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.containers import container_clues
from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.openapi import Hit, Route, openapi_answer, routes_of

_MISSED: Final = frozenset({403, 404, 405})
"""What a gateway answers where it finds no route; some say 403."""
_CAUSES: Final[Mapping[Hit, tuple[str, Certainty]]] = MappingProxyType(
    {
        Hit.METHOD_MISSING: ("route.method_missing", Certainty.LIKELY),
        Hit.PREFIX_MISSING: ("route.prefix_missing", Certainty.LIKELY),
        Hit.PREFIX_DOUBLED: ("route.prefix_doubled", Certainty.LIKELY),
        Hit.PREFIX_UNKNOWN: ("route.prefix_unknown", Certainty.POSSIBLE),
        Hit.SLASH: ("route.path_spelling", Certainty.LIKELY),
        Hit.CASE: ("route.path_spelling", Certainty.LIKELY),
        Hit.UNKNOWN: ("route.not_described", Certainty.POSSIBLE),
    }
)


def described(observations: Iterable[Observation]) -> Iterator[Clue]:
    """What descriptions say of the requests that failed; nothing where no description was given."""
    seen = tuple(observations)
    routes = routes_of(seen)
    services = [one for one in seen if one.format == "setting" and one.fields.get("kind") in ("service", "container")]
    asked: set[tuple[str, str, int | None]] = set()
    for one in seen:
        key = (one.method, one.host + one.path, one.status)
        if one.format == "setting" or key in asked:
            continue
        asked.add(key)
        yield from _route_clue(one, routes)
        yield from container_clues(one, services)


def _route_clue(seen: Observation, routes: tuple[Route, ...]) -> Iterator[Clue]:
    preflight = seen.method == "OPTIONS"
    if not routes or seen.status not in _MISSED or not seen.method or not seen.path or preflight:
        return
    answer = openapi_answer(routes, seen.method, seen.path)
    if answer.hit not in _CAUSES:
        return
    cause, certainty = _CAUSES[answer.hit]
    called = seen.path.partition("?")[0]
    near = (
        f"the description has {' '.join(answer.methods)} {answer.path}"
        if answer.path
        else "the description has no such path"
    )
    yield Clue(
        cause=cause,
        certainty=certainty,
        origin="API description",
        evidence=(f"{seen.place}: {seen.request} was answered {seen.status}; {near}",),
        facts={
            "called": called,
            "wanted": answer.called or answer.path,
            "method": seen.method,
            "methods": ", ".join(answer.methods),
        },
        request=seen.request,
        status=seen.status,
    )
