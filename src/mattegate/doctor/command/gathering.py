"""From what was given to one answer: read, review, probe, match, prove, join.

1. Every input is read; a configuration becomes a tree, everything else observations.
2. The refusals among the observations are asked of the configuration as well: same method, path, host and client.
3. Signatures look at every observation; a refusal that none of them knows is said to be undecided.
4. Where it is asked for, the findings that have a change are tried on a real nginx.
5. The commands that are suggested are fitted to what was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Final

from mattegate.doctor.answer import Answer
from mattegate.doctor.attribution import Evidence, join, with_change, with_proof
from mattegate.doctor.aws.refining import refine
from mattegate.doctor.clue import Clue
from mattegate.doctor.command.next_steps import fitted, given_by
from mattegate.doctor.command.sources import Read, read_source
from mattegate.doctor.described import described
from mattegate.doctor.nginx.edits import describe
from mattegate.doctor.nginx.files import NoFiles, ThisMachine, worker_of
from mattegate.doctor.nginx.fixing import Fix
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import Reviewed, as_json, review_tree
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import Tree
from mattegate.doctor.observation import Observation
from mattegate.doctor.probe.plan import ProbePlan, probe
from mattegate.doctor.prove.proof import CannotProve, prove
from mattegate.doctor.readers.protocol import UNREAD
from mattegate.doctor.signatures import Matcher, signatures
from mattegate.doctor.silence import silent_refusals

_MOST_ASKED: Final = 24
_NOT_SENT: Final = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to do."""

    sources: tuple[str, ...] = ()
    """Files, and ``-`` for standard input."""
    as_name: str = ""
    roots: tuple[Path, ...] = ()
    requests: tuple[Request, ...] = ()
    """Named on the command line."""
    probes: tuple[ProbePlan, ...] = ()
    files: bool = True
    """Whether the paths of a configuration that was read from a file are this machine's."""
    prove: bool = False
    now: float = 0.0


@dataclass(slots=True)
class _Found:
    clues: list[Clue] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)
    not_checked: list[str] = field(default_factory=list)
    undecided: list[str] = field(default_factory=list)
    requests: list[dict[str, object]] = field(default_factory=list)


def examine(wanted: Wanted, stdin: BinaryIO, tell: Callable[[str], None]) -> Answer:
    """One answer from everything that was given. Raises :class:`~mattegate.doctor.command.sources.BadInput`."""
    found = _Found()
    reads = [_read(name, wanted, stdin, tell) for name in wanted.sources]
    observations = [observation for read in reads for observation in _read_of(read, found)]
    for read in reads:
        if read.observations or read.kind == "empty":
            found.checked.append(f"{read.name} ({read.kind})")
        elif read.tree is None:
            found.undecided.append(f"{read.name}: read as {read.kind}, and nothing in it is known")
    observations += _probed(wanted, found, tell)
    trees = [read.tree for read in reads if read.tree is not None]
    if observations and not trees and all(_is_unanswered(seen) for seen in observations):
        found.undecided.append("whether anything refuses: what was given holds no answer and no configuration")
    fixes: list[tuple[Tree, Fix]] = []
    for tree in trees:
        fixes += [(tree, fix) for fix in _review(tree, wanted, observations, found)]
    _match(observations, found)
    found.clues += described(observations)
    found.clues += silent_refusals(observations, [read.kind for read in reads])
    answer = join(Evidence(found.clues, found.checked, found.not_checked, found.undecided, found.requests))
    return fitted(_mended(answer, fixes, wanted, tell), given_by([*zip(wanted.sources, reads, strict=True)]))


def _read(name: str, wanted: Wanted, stdin: BinaryIO, tell: Callable[[str], None]) -> Read:
    tell(f"reading {name}")
    return read_source(name, stdin, as_name=wanted.as_name, roots=wanted.roots)


def _read_of(read: Read, found: _Found) -> Iterator[Observation]:
    """What an input says; what of it could not be read was not checked."""
    for observation in read.observations:
        if observation.format == UNREAD:
            found.not_checked.append(f"{observation.place}: {observation.message}")
        else:
            yield observation


def _probed(wanted: Wanted, found: _Found, tell: Callable[[str], None]) -> Iterator[Observation]:
    for plan in wanted.probes:
        result = probe(plan, lambda seen: tell(f"{seen.method} {seen.path} {seen.via}: {seen.status or seen.message}"))
        found.clues += result.clues
        found.checked += result.checked
        found.not_checked += result.not_checked
        yield from (seen for seen in result.observations if not _is_variation(seen))


def _is_unanswered(seen: Observation) -> bool:
    """Whether it is a request of which nobody says what became of it: copied from a browser, or merely on offer."""
    offered = seen.format == "setting" and seen.fields.get("kind") == "route"
    return offered or (seen.format == "exchange" and seen.status is None and not seen.message)


def _is_variation(seen: Observation) -> bool:
    """Whether it is an odd request of ours: that one is refused is what protection looks like, and no fault.

    What the variations tell is told by the probe's own clues, which compare them with the request as given.
    """
    return seen.via.startswith("axis ")


def _review(tree: Tree, wanted: Wanted, observations: Sequence[Observation], found: _Found) -> Sequence[Fix]:
    here = wanted.files and not tree.pasted
    files = ThisMachine(wanted.roots, worker_of(tree.directives).account) if here else NoFiles()
    around = Surroundings(files=files, now=wanted.now)
    requests = [*wanted.requests, *_asked(observations)][:_MOST_ASKED]
    reviewed: Reviewed = review_tree(tree, requests, around)
    found.clues += reviewed.clues
    found.checked += reviewed.checked
    found.not_checked += reviewed.not_checked
    found.undecided += reviewed.undecided
    found.requests += [as_json(prediction) for prediction in reviewed.predictions]
    return reviewed.fixes


def _asked(observations: Iterable[Observation]) -> Iterator[Request]:
    """The refused requests among the observations, once each."""
    seen: set[tuple[str, str, str, str]] = set()
    for observation in observations:
        key = (observation.method, observation.path, observation.host, observation.client)
        refused = observation.status is None or observation.status >= 400
        if not refused or not observation.method or not observation.path.startswith("/") or key in seen:
            continue
        seen.add(key)
        yield _request(observation)


def _request(seen: Observation) -> Request:
    """A request as it was seen; its client, where nobody saw that, is a stranger."""
    headers = tuple((name, value) for name, value in seen.request_headers if name not in _NOT_SENT and name[:1] != ":")
    request = Request(
        method=seen.method,
        target=seen.path,
        host=seen.host or None,
        headers=headers,
        body_bytes=_length(seen),
        tls={"https": True, "http": False}.get(seen.scheme),
        label=f"as seen in {seen.place}",
    )
    request = request if request.host else replace(request, host="localhost")
    return replace(request, client=seen.client) if seen.client else request


def _length(seen: Observation) -> int:
    """How long the body was, as the caller announced it or as nginx complained of it; 0 where nobody says."""
    said = _TOO_LARGE.search(seen.message)
    length = said[1] if said is not None else seen.request_header("content-length") or ""
    return int(length) if length.isdecimal() and len(length) < 12 else 0


_TOO_LARGE: Final = re.compile(r"client intended to send too large (?:chunked )?body: (\d{1,11}) bytes")


def _match(observations: Sequence[Observation], found: _Found) -> None:
    if not observations:
        return  # to read the signatures takes longer than to review a configuration
    matcher = Matcher(signatures())
    for observation in observations:
        clues = [*refine(observation), *matcher.clues(observation)]
        found.clues += clues
        if not clues and (what := _unexplained(observation)):
            found.undecided.append(f"{observation.place}: {what}")


_TROUBLE: Final = frozenset({"client-error", "console"})
_TROUBLED_LEVELS: Final = frozenset({"error", "err", "crit", "critical", "alert", "emerg", "emergency", "fatal"})


def _unexplained(seen: Observation) -> str:
    """What is wrong in an observation that no signature knows; empty where nothing shows that anything is."""
    if seen.status is not None and seen.status >= 400:
        return f"{seen.request} was answered {seen.status}, and nothing shows by whom"
    if seen.format in _TROUBLE or seen.fields.get("level", "").lower() in _TROUBLED_LEVELS:
        return f"nothing is known of: {seen.message[:200]}"
    return ""


def _mended(answer: Answer, fixes: Sequence[tuple[Tree, Fix]], wanted: Wanted, tell: Callable[[str], None]) -> Answer:
    """The answer with the changes that mend its findings, tried out where that is asked for."""
    for tree, fix in fixes:
        answer = with_change(answer, fix.cause, "\n".join(describe(edit) for edit in fix.edits))
        if wanted.prove:
            tell(f"trying {fix.cause} on a real nginx")
            answer = _proven(answer, tree, fix, here=wanted.files and not tree.pasted)
    return answer


def _proven(answer: Answer, tree: Tree, fix: Fix, *, here: bool) -> Answer:
    try:
        proof = prove(tree.directives, fix.request, fix.edits, files_here=here)
    except CannotProve as error:
        return replace(answer, not_checked=(*answer.not_checked, f"{fix.cause} on a real nginx: {error}"))
    notes = tuple(f"in the experiment: {note}" for note in (*proof.substitutions, *proof.not_checked))
    answer = replace(answer, not_checked=tuple(dict.fromkeys((*answer.not_checked, *notes))))
    if not proof.changes:
        return replace(answer, not_checked=(*answer.not_checked, f"{fix.cause}: {proof.sentence}"))
    return with_proof(answer, fix.cause, proof.sentence)
