"""The whole review of a configuration: what each request gets, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mattegate.doctor.answer import Certainty, Culprit
from mattegate.doctor.nginx import foreign
from mattegate.doctor.nginx.fixing import Fix, fix_of
from mattegate.doctor.nginx.listening import first_name
from mattegate.doctor.nginx.model import Model
from mattegate.doctor.nginx.request import Outcome, Prediction, Request
from mattegate.doctor.nginx.review.arriving import losses
from mattegate.doctor.nginx.review.circling import circle
from mattegate.doctor.nginx.review.either import refused_either_way
from mattegate.doctor.nginx.review.filesystem import file_clues, taken_for_granted
from mattegate.doctor.nginx.review.firewalled import MECHANISMS, shown
from mattegate.doctor.nginx.review.limiting import limits
from mattegate.doctor.nginx.review.pages import page_clues
from mattegate.doctor.nginx.review.refusals.absence import shadow
from mattegate.doctor.nginx.review.refusals.access import bypass, proxy_admitted
from mattegate.doctor.nginx.review.refusals.mechanism import hidden_status, refusal
from mattegate.doctor.nginx.review.standing import standing
from mattegate.doctor.nginx.review.unasked import unasked
from mattegate.doctor.nginx.review.unreadable import unread
from mattegate.doctor.nginx.review.usual import MOST_SERVERS, usual_requests, without_calls
from mattegate.doctor.nginx.review.words import asked, place
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.values import UNKNOWN

if TYPE_CHECKING:
    from mattegate.doctor.clue import Clue
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.tree import Tree


@dataclass(frozen=True, slots=True)
class Reviewed:
    """What a review found."""

    clues: tuple[Clue, ...]
    predictions: tuple[Prediction, ...]
    checked: tuple[str, ...]
    not_checked: tuple[str, ...]
    undecided: tuple[str, ...]
    """What stands in the way of a word on the requests."""
    fixes: tuple[Fix, ...] = ()
    """Changes that mend what was found, each with the request that shows it."""


def review_tree(tree: Tree, requests: Sequence[Request] = (), around: Surroundings | None = None) -> Reviewed:
    """Review a configuration for these requests; for the usual ones where there are none."""
    around = around or Surroundings()
    model = Model(tree)
    asked_for = bool(requests)
    clues = list(standing(tree, model.http, model.servers))
    predictions: list[Prediction] = []
    fixes: list[Fix] = []
    named = [r if r.host is not None else replace(r, host=first_name(model.servers)) for r in requests]
    if not tree.faults:
        tried = around if asked_for else without_calls(model, around)
        for request in named or usual_requests(model, tried):
            prediction = model.predict(request, tried)
            predictions.append(prediction)
            found = [
                *_clues(model, tree, prediction, tried, asked_for=asked_for),
                *file_clues(prediction, tree, around),
            ]
            clues += found
            fixes += [fix for clue in found if (fix := fix_of(clue, prediction)) is not None]
    return Reviewed(
        clues=tuple(_once(clues)),
        predictions=tuple(predictions),
        checked=tuple(dict.fromkeys(asked(prediction.request) for prediction in predictions)),
        not_checked=tuple(
            dict.fromkeys(
                (
                    *([] if asked_for else _not_tried(model)),
                    *_not_checked(model, tree, predictions),
                    *taken_for_granted(tree, predictions, around),
                )
            )
        ),
        undecided=tuple(dict.fromkeys(_undecided(tree, predictions, asked_for=asked_for))),
        fixes=tuple({fix.cause: fix for fix in reversed(fixes)}.values()),
    )


def _clues(
    model: Model, tree: Tree, prediction: Prediction, around: Surroundings, *, asked_for: bool
) -> Iterator[Clue]:
    assert model.http is not None
    found = (
        refusal(prediction, model.http),
        hidden_status(prediction),
        shadow(prediction),
        bypass(prediction),
        proxy_admitted(prediction),
        circle(model, prediction, around),
    )
    clues = [clue for clue in found if clue is not None]
    either = refused_either_way(model, prediction, around)
    beside = refusal(either, model.http) if either is not None else None
    if asked_for:
        yield from (_as_far_as_read(clue, prediction, tree) for clue in clues)
        yield from (replace(clue, certainty=Certainty.LIKELY) for clue in (beside,) if clue is not None)
    else:
        yield from filter(None, (unasked(clue, prediction, model, tree, around) for clue in clues))
        if beside is not None and either is not None:
            yield from filter(None, (unasked(beside, either, model, tree, around),))
    yield from losses(prediction)
    yield from limits(prediction, model.http)
    yield from page_clues(model, prediction.request, around)


_BY_DEFAULT = frozenset({"body_size", "header_size", "uri_size"})
_BY_ANOTHER_LINE = frozenset({"resolver_missing"})
"""Refusals for want of a line that may stand anywhere around."""


def _as_far_as_read(clue: Clue, prediction: Prediction, tree: Tree) -> Clue:
    """A default that refuses is sure only where no file is left unread that could say otherwise."""
    default = prediction.decided_by is None and prediction.mechanism in _BY_DEFAULT
    settled = prediction.mechanism in _BY_ANOTHER_LINE and not tree.whole
    if not settled and not (unread(tree) and (default or prediction.mechanism in _BY_ANOTHER_LINE)):
        return clue
    return replace(clue, certainty=Certainty.POSSIBLE)


def _once(clues: Sequence[Clue]) -> Iterator[Clue]:
    """The same cause by the same line is told for the first request that shows it."""
    seen: set[object] = set()
    for clue in clues:
        key = (clue.cause, clue.culprit)
        if key not in seen:
            seen.add(key)
            yield clue


def _not_tried(model: Model) -> Iterator[str]:
    """The servers that are too many to try where nobody named a request."""
    left = len(model.servers) - MOST_SERVERS
    if left > 0:
        yield f"{left} more servers: name a request and its host to have one of them looked at"


def _not_checked(model: Model, tree: Tree, predictions: Sequence[Prediction]) -> Iterator[str]:
    for problem in tree.unread:
        yield problem.says
    if model.http is not None and not tree.faults:
        yield from (f"{says} ({place(line)})" for says, line in foreign.strangers(model.http))
    for prediction in predictions:
        told = {says for says, _ in prediction.doubts}
        yield from (f"{asked(prediction.request)}: {what}" for what in prediction.unknown if what not in told)
        yield from (f"{says} ({place(line)})" for says, line in prediction.doubts)


def _undecided(tree: Tree, predictions: Sequence[Prediction], *, asked_for: bool) -> Iterator[str]:
    """A request that could not be followed to its end, a firewall on its way, or a part that was not read."""
    open_ends = [prediction.outcome is Outcome.UNDECIDED for prediction in predictions if _is_a_call(prediction)]
    for prediction in predictions:
        ended = prediction.outcome is not Outcome.UNDECIDED
        if not ended and (asked_for or (all(open_ends) and _is_a_call(prediction))):
            yield from (f"{asked(prediction.request)}: {what}" for what in prediction.unknown)
        if prediction.outcome is not Outcome.ANSWERS or (prediction.status or 0) < 400:
            yield from (f"{says} ({place(line)})" for says, line in prediction.doubts)
    yield from unread(tree)


def _is_a_call(prediction: Prediction) -> bool:
    """Whether it is what a client of the API sends; of the others, files decide."""
    return prediction.request.method == "POST"


def _decided(prediction: Prediction, line: Directive) -> Culprit:
    """The line that decides; a rule of ModSecurity without its many labels."""
    return shown(line) if prediction.mechanism in MECHANISMS else Culprit(line.file, line.line, line.text)


def as_json(prediction: Prediction) -> dict[str, Any]:
    """One request of the answer's ``requests``."""
    line, upstream = prediction.decided_by, prediction.upstream
    return {
        "request": asked(prediction.request),
        "host": prediction.request.host,
        "client": prediction.client or prediction.request.client,
        "outcome": str(prediction.outcome),
        "status": prediction.status,
        "mechanism": prediction.mechanism,
        "decided_by": _decided(prediction, line).as_json() if line is not None else None,
        "location": prediction.location.text if prediction.location is not None else None,
        "upstream": {
            "address": upstream.address,
            "method": upstream.method,
            "uri": upstream.uri,
            "headers": [[name, None if value == UNKNOWN else value] for name, value in upstream.headers],
        }
        if upstream is not None
        else None,
        "headers": [[name, None if UNKNOWN in value else value] for name, value in prediction.headers],
        "steps": [f"{step.phase}: {step.says}" for step in prediction.steps],
        "unknown": list(prediction.unknown),
    }
