"""The model against real nginx: random configurations, random requests, and no wrong certain answer.

A disagreement prints the smallest configuration that still shows it. Here belongs what counts as agreement.
"""

from __future__ import annotations

import collections
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from mattegate.doctor.nginx.model import predict
from mattegate.doctor.nginx.request import Outcome, Prediction, Request, Upstream
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import read_text
from tests.doctor.nginx.generator import Case, Config, Generator, shrunk
from tests.doctor.nginx.rig import Arrival, NotStarted, Reply, Rig, standing_rig, worker_files

_UNKNOWN = "\x00"
_SHOWN = 12
"""How many disagreements are shrunk and printed."""
_OWN_HEADERS = frozenset({"location", "www-authenticate", "allow"})
"""Headers of the answer that the model must name whenever nginx makes them; others only where ``add_header`` does."""


@dataclass
class Tally:
    """What came of many cases."""

    cases: int = 0
    undecided: int = 0
    invalid: int = 0
    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    abstentions: collections.Counter[str] = field(default_factory=collections.Counter)
    wrong: list[tuple[Case, Request, str]] = field(default_factory=list)

    @property
    def report(self) -> str:
        """In a few lines."""
        rate = self.undecided / max(self.cases, 1)
        counted = f"{self.cases} cases, {len(self.wrong)} wrong, {self.undecided} undecided ({rate:.1%})"
        lines = [
            f"{counted}, {self.invalid} configurations that nginx refuses",
            "outcomes: " + ", ".join(f"{name} {count}" for name, count in self.outcomes.most_common()),
        ]
        kinds = collections.Counter(_kind(difference) for _, _, difference in self.wrong)
        lines += [f"wrong {count}: {kind}" for kind, count in kinds.most_common()]
        return "\n".join([*lines, *(f"undecided {count}: {why}" for why, count in self.abstentions.most_common(15))])


def _addressed(rig: Rig, request: Request) -> Request:
    """The request with a real port in place of an index."""
    return replace(request, port=rig.tls_port if request.port == -1 else rig.ports[request.port or 0])


def _disagreement(rig: Rig, text: str, request: Request) -> tuple[Prediction, str]:
    """What the model says, and how reality differs; empty where it does not."""
    around = Surroundings(files=worker_files(rig.site.folder))
    prediction = predict(read_text(text), request, around)
    reply = rig.send(request)
    arrivals = list(rig.upstream.arrivals)
    return prediction, _difference(prediction, reply, arrivals)


def _difference(prediction: Prediction, reply: Reply, arrivals: list[Arrival]) -> str:
    seen = f"real: status {reply.status}, upstream {arrivals[0].method + ' ' + arrivals[0].target if arrivals else '-'}"
    if prediction.outcome in {Outcome.UNDECIDED, Outcome.SERVES} or _asks_a_service(prediction):
        return ""
    if prediction.outcome is Outcome.DROPS:
        return "" if reply.status is None else f"model: drops; {seen}"
    if prediction.outcome is Outcome.FORWARDS:
        return _forward_difference(prediction, reply, arrivals, seen)
    asked_elsewhere = prediction.mechanism == "auth_request"  # that subrequest may be proxied, too
    if (arrivals and not asked_elsewhere) or reply.status != prediction.status:
        return f"model: answers {prediction.status} by {prediction.mechanism}; {seen}"
    return _header_difference(prediction, reply)


def _asks_a_service(prediction: Prediction) -> bool:
    """Whether ``auth_request`` went to a stub that was told to refuse, where the model takes it to say 200."""
    asked = any("taken to say" in step.says for step in prediction.steps)
    return asked and prediction.request.header("X-Stub-Status") is not None


def _forward_difference(prediction: Prediction, reply: Reply, arrivals: list[Arrival], seen: str) -> str:
    if prediction.upstream is None:
        return f"model: forwards nothing; {seen}"
    if not arrivals:
        return f"model: forwards {prediction.upstream.method} {prediction.upstream.uri}; {seen}"
    answer = _header_difference(prediction, reply) if reply.status == 200 else ""
    differences = [_upstream_difference(prediction.upstream, arrival) for arrival in arrivals]
    return answer if "" in differences else differences[0]  # subrequests and error pages may be proxied as well


def _upstream_difference(said: Upstream, arrival: Arrival) -> str:
    if said.method != arrival.method:
        return f"model: method {said.method}; real: {arrival.method}"
    if said.uri is not None and said.uri != arrival.target:
        return f"model: uri {said.uri!r}; real: {arrival.target!r}"
    expected, real = _by_name(said.headers), _by_name(arrival.headers)
    for name in sorted(expected.keys() | real.keys()):
        if _UNKNOWN in expected.get(name, []) or (name == "content-length" and name not in expected):
            continue  # the length follows from the body, which the model does not see
        if expected.get(name) != real.get(name):
            return f"model: upstream header {name} = {expected.get(name)}; real: {real.get(name)}"
    return ""


def _header_difference(prediction: Prediction, reply: Reply) -> str:
    expected = _by_name(prediction.headers)
    real = _by_name((name, value) for name, value in reply.headers if _judged(name))
    for name in sorted(expected.keys() | real.keys()):
        if _UNKNOWN in expected.get(name, []) or (name not in real and not _judged(name)):
            continue
        if expected.get(name) != real.get(name):
            return f"model: answer header {name} = {expected.get(name)}; real: {real.get(name)} (status {reply.status})"
    return ""


def _judged(name: str) -> bool:
    lower = name.lower()
    return lower in _OWN_HEADERS or lower.startswith(("access-control-", "x-seen", "x-other", "x-verify"))


def _by_name(headers: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in headers:
        found.setdefault(name.lower(), []).append(value.strip(" "))
    return found


def _tally(rig: Rig, seeds: Iterator[int], *, cases: int, per_config: int) -> Tally:
    tally = Tally()
    while tally.cases < cases:
        case = Generator(next(seeds)).case(per_config)
        text = rig.filled(case.config.text)
        try:
            rig.start(text)
        except NotStarted:
            tally.invalid += 1
            continue
        for request in case.requests:
            _judge(rig, tally, case, _addressed(rig, request), text)
    return tally


def _judge(rig: Rig, tally: Tally, case: Case, request: Request, text: str) -> None:
    prediction, difference = _disagreement(rig, text, request)
    tally.cases += 1
    tally.outcomes[prediction.outcome.value] += 1
    if prediction.outcome in {Outcome.UNDECIDED, Outcome.SERVES}:
        tally.undecided += 1
        tally.abstentions[prediction.unknown[0] if prediction.unknown else "no reason given"] += 1
    elif difference:
        tally.wrong.append((case, request, difference))


def _smallest(rig: Rig, case: Case, request: Request) -> str:
    """The smallest configuration on which model and nginx still disagree in the same way, and how."""
    rig.start(rig.filled(case.config.text))
    kind = _kind(_disagreement(rig, rig.filled(case.config.text), request)[1])

    def disagrees(config: Config, request: Request = request) -> bool:
        text = rig.filled(config.text)
        try:
            rig.start(text)
            return _kind(_disagreement(rig, text, request)[1]) == kind
        except (NotStarted, OSError):
            return False

    config = shrunk(case.config, disagrees)
    request = _plainest(request, lambda plainer: disagrees(config, plainer))
    rig.start(rig.filled(config.text))
    difference = _disagreement(rig, rig.filled(config.text), request)[1]
    shown = "".join(line.rendered("  ") for line in config.lines)
    return f"seed {case.seed}: {difference}\n{_written(request)}\n{shown}"


def _plainest(request: Request, disagrees: Callable[[Request], bool]) -> Request:
    """The request without what the disagreement does not need."""
    for plainer in (
        replace(request, body_bytes=0, chunked=False),
        replace(request, body_bytes=0, chunked=False, method="GET"),
        replace(request, body_bytes=0, chunked=False, method="GET", http_version="1.1"),
    ):
        request = plainer if disagrees(plainer) else request
    for header in request.headers:
        rest = list(request.headers)
        rest.remove(header)
        plainer = replace(request, headers=tuple(rest))
        request = plainer if disagrees(plainer) else request
    return request


def _kind(difference: str) -> str:
    """What two disagreements have in common, so that one of each kind is shown."""
    said, _, real = difference.partition("; real")
    status = re.match(r": status \w+", real)
    return re.sub(r"(forwards) .*| = .*|(uri|method) .*", r"\1\2", said) + (status[0] if status else "")


def _written(request: Request) -> str:
    plain = Request()
    members = {name: getattr(request, name) for name in Request.__slots__}
    return "request: " + ", ".join(
        f"{name}={value!r}" for name, value in members.items() if value != getattr(plain, name)
    )


def _prove(cases: int, *, first_seed: int, per_config: int) -> None:
    with standing_rig() as rig:
        seeds = iter(range(first_seed, first_seed + 100_000))
        tally = _tally(rig, seeds, cases=cases, per_config=per_config)
        print("\n" + tally.report)
        kinds = {_kind(difference): (case, request) for case, request, difference in reversed(tally.wrong)}
        shown = "\n".join(_smallest(rig, *wrong) for wrong in list(kinds.values())[:_SHOWN])
    failed = f"{tally.report}\n{shown}" if tally.wrong else ""
    assert not failed, failed
    assert tally.undecided < 0.05 * tally.cases, tally.report


def test_model_agrees_with_nginx_on_a_sample() -> None:
    """Four hundred requests over fifty random configurations get from nginx what the model says, all of it."""
    _prove(400, first_seed=1_000, per_config=8)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_model_agrees_with_nginx_on_thousands() -> None:
    """Six thousand requests over random configurations get from nginx what the model says, all of it."""
    _prove(6_000, first_seed=1_000_000, per_config=10)
