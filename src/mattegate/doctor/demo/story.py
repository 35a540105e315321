"""One story: the symptom, the three steps of the well-known recipe, the doctor, its change, and what it changed.

The recipe's steps: ask the application itself, read the logs, try the client's side. The doctor is given the files that
are there by then, by the words of its own command line.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, Final

from mattegate.doctor.answer import Answer
from mattegate.doctor.command.arguments import parser, wanted_of
from mattegate.doctor.command.gathering import Wanted, examine
from mattegate.doctor.command.sources import BadInput
from mattegate.doctor.cors.live import Hop
from mattegate.doctor.demo import asking, logs
from mattegate.doctor.demo.asking import Caller, from_the_gate
from mattegate.doctor.demo.logs import Mark, Silent
from mattegate.doctor.demo.rewriting import file_text
from mattegate.doctor.demo.scenarios import HOST, Scenario
from mattegate.doctor.demo.scenery import LOOPBACK, Gate, Nginx, NoScenery, Scenery
from mattegate.doctor.demo.step import Ending, Exchange, Kind, Step
from mattegate.doctor.nginx.edits import apply, describe
from mattegate.doctor.nginx.files import ThisMachine
from mattegate.doctor.nginx.fixing import Fix
from mattegate.doctor.nginx.review.run import review_tree
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import Tree, read_file
from mattegate.doctor.observation import Observation

_GATE_LOG: Final = "gate.log"
_NOTHING: Final = ("nothing",)


class NoEnding(Exception):  # noqa: N818 - how a story went
    """A story cannot go on; the message is a sentence."""


def tell(scenario: Scenario, scenery: Scenery, told: Callable[[Step], None]) -> Ending:
    """Let a story happen, each step told as it comes."""
    steps: list[Step] = []
    try:
        nginx = Nginx(scenery.folder / scenario.name, scenery.program)
        with nginx.running(_site(scenario, nginx, scenery.gate)):
            for step in _Story(scenario, scenery.gate, nginx).steps():
                steps.append(step)
                told(step)
    except (BadInput, NoEnding, NoScenery, Silent) as error:
        return Ending(scenario, False, str(error), tuple(steps))
    last = steps[-1]
    return Ending(scenario, bool(last.result["well"]), "" if last.result["well"] else last.says, tuple(steps))


def _site(scenario: Scenario, nginx: Nginx, gate: Gate) -> str:
    fillings = {"PORT": str(nginx.port), "GATE": gate.address, "PASSWORDS": str(nginx.passwords)}
    return scenario.site(fillings)


@dataclass(slots=True)
class _Story:
    """What is known as the story goes on."""

    scenario: Scenario
    gate: Gate
    nginx: Nginx
    caller: Caller = field(init=False)

    def __post_init__(self) -> None:
        self.caller = Caller(self.scenario, self.gate.key)

    def steps(self) -> Iterator[Step]:
        gate_log, access_log = Mark.end_of(self.gate.log), Mark.end_of(self.nginx.access_log)
        refused = self.caller.ask(self.nginx.port)
        yield self._symptom(refused)
        direct = self.caller.ask(self.gate.port)
        yield self._direct(refused, direct)
        yield self._logs(direct, gate_log, access_log)
        yield self._client(refused)
        wanted = self._wanted(gate_log)
        answer = examine(wanted, BytesIO(), lambda _: None)
        yield self._doctor(answer)
        tree, fix = self._fix(answer, wanted)
        yield self._change(tree, fix)
        yield self._outcome(direct)

    def _symptom(self, refused: Observation) -> Step:
        site = self.nginx.site.read_text("utf-8")
        return Step(
            Kind.SYMPTOM,
            self.scenario.title,
            (
                Exchange(f"D={self.nginx.folder}; cat $D/site.conf", tuple(f"  {line}" for line in site.splitlines())),
                Exchange(self.caller.command(self.nginx.port), asking.in_words(refused)),
            ),
            "",
            {**asking.as_json(refused), "site": site},
        )

    def _direct(self, refused: Observation, direct: Observation) -> Step:
        return Step(
            Kind.DIRECT,
            "Step 1: ask the application itself, with the same Host and headers",
            (Exchange(self.caller.command(self.gate.port), asking.in_words(direct)),),
            _compared(refused, direct),
            asking.as_json(direct),
        )

    def _logs(self, direct: Observation, gate_log: Mark, access_log: Mark) -> Step:
        own = direct.header("x-request-id") or ""
        at_gate = logs.of_the_gate(gate_log.await_line(lambda line: own in line), but=own)
        passed = access_log.await_line(bool)
        errors = Mark(self.nginx.error_log, 0).lines()
        return Step(
            Kind.LOGS,
            "Step 2: read the logs of nginx and of the application",
            (
                Exchange("tail $D/error.log", tuple(errors) or _NOTHING),
                Exchange("tail $D/access.log", tuple(passed)),
                Exchange("tail $D/../gate/access.jsonl", tuple(map(logs.in_words, at_gate)) or _NOTHING),
            ),
            _read(errors, at_gate),
            {"error_log": errors, "access_log": passed, "gate": at_gate},
        )

    def _client(self, refused: Observation) -> Step:
        hop = self._as_page()
        return Step(
            Kind.CLIENT,
            "Step 3: try the client's side, as a browser would",
            (Exchange(self.caller.page_command(self.nginx.port), asking.page_in_words(hop)),),
            _as_browser(hop, refused),
            asking.page_as_json(hop),
        )

    def _as_page(self) -> Hop:
        hop = self.caller.ask_as_page(self.nginx.port)
        self._settle(hop.actual.header("x-request-id") if hop.actual is not None else None)
        return hop

    def _settle(self, request_id: str | None) -> None:
        """Wait for the gate's line, so that it is not taken for a later request's."""
        if request_id:
            Mark(self.gate.log, 0).await_line(lambda line: request_id in line)

    # --- the doctor -----------------------------------------------------------------------------------------------

    def _words(self) -> list[str]:
        """What the doctor is asked, as it would be typed."""
        scenario, folder = self.scenario, self.nginx.folder
        words = ["nginx", str(self.nginx.conf), "--request", f"{scenario.method} {scenario.path}", "--host", HOST]
        words += ["--header", "Authorization: Bearer KEY", "--client-ip", LOOPBACK]
        words += ["--header", f"Origin: {scenario.page}"] if scenario.page else []
        words += ["--body-bytes", str(self.caller.body_bytes)] if self.caller.body_bytes else []
        words += ["--error-log", str(self.nginx.error_log)] if self.nginx.error_log.stat().st_size else []
        return [*words, "--access-log", str(self.nginx.access_log), "--access-log", str(folder / _GATE_LOG)]

    def _wanted(self, gate_log: Mark) -> Wanted:
        """The same for the doctor, with the gate's log of this story beside nginx's."""
        lines = "".join(f"{line}\n" for line in gate_log.lines())
        (self.nginx.folder / _GATE_LOG).write_text(lines, "utf-8")
        command, *words = self._words()
        return wanted_of(parser(command).parse_args(words), os.environ)

    def _doctor(self, answer: Answer) -> Step:
        line = shlex.join(["mattegate", "doctor", *self._words()]).replace(f"{self.nginx.folder}/", "$D/")
        best = next((each for each in answer.findings if each.change), None)
        says = f"Which layer: {best.layer}. Which cause: {best.cause}." if best else ""
        return Step(Kind.DOCTOR, "Ask the doctor", (Exchange(line, ()),), says, answer.as_json(), answer)

    def _fix(self, answer: Answer, wanted: Wanted) -> tuple[Tree, Fix]:
        """The change of the best finding that has one."""
        tree = read_file(self.nginx.conf)
        reviewed = review_tree(tree, wanted.requests, Surroundings(files=ThisMachine(), now=wanted.now))
        fixes = {fix.cause: fix for fix in reviewed.fixes}
        cause = next((finding.cause for finding in answer.findings if finding.change), "")
        if cause not in fixes:
            raise NoEnding("the doctor proposes no change that is small and safe enough to be made without a person")
        return tree, fixes[cause]

    def _change(self, tree: Tree, fix: Fix) -> Step:
        site = str(self.nginx.site)
        if any(edit.target.file != site for edit in fix.edits):
            raise NoEnding(f"the change is about another file than {site}")
        self.nginx.site.write_text(file_text(apply(tree.directives, fix.edits), site), "utf-8")
        said = self.nginx.test()
        self.nginx.reload()
        diff = [f"  {line}" for edit in fix.edits for line in describe(edit).splitlines()[2:]]
        return Step(
            Kind.CHANGE,
            "Make the change that the doctor proposes, and reload nginx",
            (
                Exchange("edit $D/site.conf", tuple(diff)),
                Exchange("nginx -t -p $D -c $D/nginx.conf && kill -HUP $(cat $D/nginx.pid)", (said,)),
            ),
            "",
            {
                "cause": fix.cause,
                "diff": [describe(edit) for edit in fix.edits],
                "site": self.nginx.site.read_text("utf-8"),
            },
        )

    def _outcome(self, direct: Observation) -> Step:
        if self.scenario.page:
            return self._page_outcome()
        answer = self.caller.ask(self.nginx.port)
        self._settle(answer.header("x-request-id"))
        well = from_the_gate(answer) and answer.status == direct.status
        return self._ended(
            self.caller.command(self.nginx.port), asking.in_words(answer), asking.as_json(answer), well=well
        )

    def _page_outcome(self) -> Step:
        hop = self._as_page()
        shown, result = asking.page_in_words(hop), asking.page_as_json(hop)
        return self._ended(self.caller.page_command(self.nginx.port), shown, result, well=hop.judgement.allowed)

    def _ended(self, command: str, shown: tuple[str, ...], result: dict[str, Any], *, well: bool) -> Step:
        good = "The page reads the answer." if self.scenario.page else "This answer is the application's own."
        says = good if well else "The change does not mend it."
        return Step(Kind.OUTCOME, "The same request again", (Exchange(command, shown),), says, {**result, "well": well})


def _compared(refused: Observation, direct: Observation) -> str:
    """What the answer of the application itself says of the other one."""
    if from_the_gate(refused):
        if refused.status == direct.status:
            return "The same answer on both ways: the application is reached, and lets the request in."
        return (
            "The refusal is the application's, and it does not refuse this: something on the way changes the request."
        )
    if (direct.status or 0) < 400:
        return "So the application lets it in: the refusal is made in front of it."
    return f"The application has another answer, {direct.status}: the {refused.status} is made in front of it."


def _read(errors: list[str], at_gate: list[dict[str, Any]]) -> str:
    """What the logs say together."""
    if at_gate:
        return f"The request reached the application, which answered {at_gate[0]['status']}."
    reached = "The request never reached the application"
    if errors:
        return f"{reached}, and nginx's error log has a line."
    return f"{reached}, and nginx's error log is silent: not every refusal of nginx leaves a line at its usual level."


def _as_browser(hop: Hop, refused: Observation) -> str:
    """What a browser's view adds."""
    if not hop.judgement.allowed:
        return "So it is the browser that keeps the answer from the page: CORS."
    if hop.judgement.status == refused.status:
        return "A browser gets the same: it is not the client."
    return f"A browser gets {hop.judgement.status}: the client matters."
