"""What the file system adds to a finding: which folder, file or socket stops the worker, and the smallest mend.

Rules of this file:

1. Only of a configuration that was read from this machine, and as its worker: pasted paths mean nothing here.
2. What nginx could not open is walked as the worker walks it; of a folder without an index page, the pages that it
   looked for are told. So is the Unix socket that a request is passed to, which would be a 502.
3. Where the worker's account had to be taken for granted, nothing here is proven, and that is said.
4. A socket that is not there is told only where it has a folder of its own: what is not started yet makes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final

from mattegate.doctor.answer import Certainty
from mattegate.doctor.clue import Clue
from mattegate.doctor.files.acl import Account, Right
from mattegate.doctor.files.look import ThisMachine as Machine
from mattegate.doctor.files.look import protects_symlinks
from mattegate.doctor.files.report import socket_clues, walk_clues
from mattegate.doctor.files.socket import connecting
from mattegate.doctor.files.walk import Walk, walk
from mattegate.doctor.nginx.files import EVERYWHERE, ThisMachine, is_of_this_machine, native, worker_of
from mattegate.doctor.nginx.request import Outcome
from mattegate.doctor.nginx.review.words import asked, place
from mattegate.doctor.nginx.values import has_variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Prediction, Step, Upstream
    from mattegate.doctor.nginx.state import Surroundings
    from mattegate.doctor.nginx.tree import Tree

_OURS: Final = frozenset({"file_permission", "index"})
"""What refuses by looking at files."""


def file_clues(prediction: Prediction, tree: Tree, around: Surroundings) -> Iterator[Clue]:
    """What stops the worker from opening what this request needs."""
    files = around.files
    if tree.pasted or not isinstance(files, ThisMachine) or files.worker is None:
        return
    guessed = bool(_assumed(tree, files))
    for clue in (*_unopened(prediction, files.worker), *_unconnected(prediction, tree, files.worker)):
        yield replace(clue, certainty=Certainty.LIKELY) if guessed and clue.certainty is Certainty.PROVEN else clue


def taken_for_granted(tree: Tree, predictions: Sequence[Prediction], around: Surroundings) -> Iterator[str]:
    """What was not known about the worker, where a request came down to files."""
    files = around.files
    if tree.pasted or not isinstance(files, ThisMachine):
        return
    by_files = any(step.phase == "file" for prediction in predictions for step in prediction.steps)
    by_socket = any(prediction.upstream and _sockets(prediction.upstream, tree) for prediction in predictions)
    if by_files or by_socket:
        yield from filter(None, [_assumed(tree, files)])


def _assumed(tree: Tree, files: ThisMachine) -> str:
    worker = worker_of(tree.directives)
    if files.worker is None:
        return worker.assumed or "who may read which file: files were looked at as whoever runs this"
    return worker.assumed if worker.account == files.worker else ""


def _unopened(prediction: Prediction, worker: Account) -> Iterator[Clue]:
    hidden = prediction.hidden if prediction.hidden is not None and prediction.hidden.mechanism in _OURS else None
    paths = [native(step.path) for step in _looked_for(prediction.steps, hidden=hidden is not None)]
    mechanism = hidden.mechanism if hidden is not None else prediction.mechanism
    if mechanism == "file_permission":
        yield from _about(prediction, [clue for path in paths[-1:] for clue in walk_clues(_walked(path, worker))])
    elif mechanism == "index":
        yield from _about(prediction, [page for path in paths for page in _pages(prediction, _walked(path, worker))])


def _looked_for(steps: Sequence[Step], *, hidden: bool) -> list[Step]:
    """The files that the refusing location looked for: the last, or the one that an ``error_page`` came in for."""
    found: list[Step] = []
    for step in steps:
        if hidden and step.phase == "error_page":
            break
        if step.phase == "location":
            found.clear()
        if step.phase == "file":
            found.append(step)
    return found


def _walked(path: str, worker: Account) -> Walk:
    return walk(path, worker, Right.READ, Machine(), protected_symlinks=protects_symlinks())


def _pages(prediction: Prediction, walked: Walk) -> Iterator[Clue]:
    """A page that was looked for, as more evidence of the same cause."""
    for clue in walk_clues(walked)[:1]:
        facts = {**clue.facts, "folder": prediction.request.path}
        yield replace(clue, cause="index.forbidden", facts=facts, culprit=(), verified_by=())


def _about(prediction: Prediction, clues: Sequence[Clue], *, status: int | None = None) -> Iterator[Clue]:
    request = asked(prediction.request)
    return (replace(clue, request=request, status=status or prediction.status) for clue in clues)


@dataclass(frozen=True, slots=True)
class _Socket:
    """One Unix socket that a request may be passed to."""

    path: str
    line: Directive
    alone: bool
    """Whether there is no other server to turn to."""


def _unconnected(prediction: Prediction, tree: Tree, worker: Account) -> Iterator[Clue]:
    if prediction.outcome is not Outcome.FORWARDS or prediction.upstream is None:
        return
    for socket in _sockets(prediction.upstream, tree):
        said = connecting(socket.path, worker, Machine(), protected_symlinks=protects_symlinks())
        for clue in _about(prediction, socket_clues(said), status=502):
            if said.walk.stops or str(PurePosixPath(said.walk.at).parent) not in EVERYWHERE:
                yield _at_socket(clue, socket, proven=bool(said.walk.stops))


def _at_socket(clue: Clue, socket: _Socket, *, proven: bool) -> Clue:
    evidence = (*clue.evidence, f"{socket.line.text} ({place(socket.line)})")
    sure = proven and socket.alone
    return replace(clue, evidence=evidence, certainty=Certainty.PROVEN if sure else Certainty.LIKELY)


def _sockets(upstream: Upstream, tree: Tree) -> list[_Socket]:
    """The sockets behind an address: itself, or those of the ``upstream`` block of that name."""
    authority = upstream.address.rpartition("://")[2]
    lines = [line for line in _servers(authority.partition("/")[0], tree) if "down" not in line.args[1:]]
    if authority.startswith("unix:"):
        found = [_Socket(_path(upstream), upstream.directive, alone=True)]
    else:
        found = [_Socket(line.args[0][5:], line, alone=len(lines) == 1) for line in lines if _is_unix(line)]
    return [one for one in found if not has_variables(one.path) and is_of_this_machine(one.path)]


def _path(upstream: Upstream) -> str:
    """Of ``proxy_pass`` the model expanded it, to one byte a character."""
    path = upstream.address.rpartition("://")[2][5:].partition(":")[0]
    return native(path) if upstream.directive.name == "proxy_pass" else path


def _is_unix(line: Directive) -> bool:
    return line.args[0].startswith("unix:")


def _servers(name: str, tree: Tree) -> list[Directive]:
    blocks = [block for top in tree.directives if top.name == "http" for block in top.named("upstream")]
    named = (block for block in blocks if block.args == (name,))
    return [line for block in named for line in block.named("server") if line.args]
