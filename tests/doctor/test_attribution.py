"""Clues become findings."""

from __future__ import annotations

from mattegate.doctor.answer import Certainty, Culprit, Verdict
from mattegate.doctor.attribution import Evidence, join, with_change, with_proof
from mattegate.doctor.clue import Clue

LINE = (Culprit("site.conf", 3, "deny all;"),)


def _clue(cause: str, certainty: Certainty, origin: str, **more: object) -> Clue:
    return Clue(cause, certainty, origin, (f"{origin} says so",), **more)  # type: ignore[arg-type]


def test_two_ways_of_knowing_make_a_possible_cause_likely() -> None:
    """A log and a model that each call a cause possible agree; two signatures are one way of knowing."""
    log = _clue("access.rule_denies", Certainty.POSSIBLE, "signature nginx.page", request="POST /v1")
    model = _clue("access.rule_denies", Certainty.POSSIBLE, "nginx model", request="POST /v1")
    other = _clue("access.rule_denies", Certainty.POSSIBLE, "signature nginx.log", request="POST /v1")
    assert join(Evidence([log, model])).findings[0].certainty is Certainty.LIKELY
    assert join(Evidence([log, other])).findings[0].certainty is Certainty.POSSIBLE


def test_the_same_cause_is_told_once_with_all_its_evidence() -> None:
    """Evidence from a log and the line from the model stand in one finding."""
    log = _clue("access.rule_denies", Certainty.PROVEN, "signature nginx.error", request="POST /v1", status=403)
    model = _clue("access.rule_denies", Certainty.PROVEN, "nginx model", request="POST /v1 (as seen)", culprit=LINE)
    answer = join(Evidence([log, model]))
    assert len(answer.findings) == 1
    assert answer.findings[0].evidence == ("signature nginx.error says so", "nginx model says so")
    assert (answer.findings[0].culprit, answer.findings[0].status) == (LINE, 403)


def test_different_lines_and_requests_stay_apart() -> None:
    """Two rules that refuse two requests are two findings."""
    other = (Culprit("site.conf", 9, "deny all;"),)
    clues = [
        _clue("access.rule_denies", Certainty.PROVEN, "nginx model", request="POST /a", culprit=LINE),
        _clue("access.rule_denies", Certainty.PROVEN, "nginx model", request="POST /b", culprit=other),
        _clue("access.rule_denies", Certainty.PROVEN, "nginx model", request="POST /c", culprit=LINE),
    ]
    assert len(join(Evidence(clues)).findings) == 3


def test_an_answer_from_further_inside_speaks_against_an_outer_cause() -> None:
    """Where the application itself refused, an outer refusal with the same status loses a step, and is still told."""
    outer = _clue("access.rule_denies", Certainty.LIKELY, "nginx model", request="POST /v1", status=403)
    inner = _clue("gate.credential", Certainty.PROVEN, "signature mattegate.problem", request="POST /v1", status=403)
    answer = join(Evidence([outer, inner]))
    assert [finding.cause for finding in answer.findings] == ["gate.credential", "access.rule_denies"]
    assert answer.findings[1].certainty is Certainty.POSSIBLE
    assert "api-key" in answer.findings[1].evidence[-1]


def test_no_finding_is_clean_only_where_something_was_checked() -> None:
    """Nothing looked at, or something undecided, is no clean bill."""
    assert join(Evidence(checked=["POST /v1"])).verdict is Verdict.CLEAN
    assert join(Evidence()).verdict is Verdict.UNDECIDED
    assert join(Evidence(checked=["POST /v1"], undecided=["what Lua does"])).verdict is Verdict.UNDECIDED


def test_an_experiment_proves_and_a_change_is_shown() -> None:
    """What a real nginx showed stands beside the finding, with the change that was tried."""
    answer = join(Evidence([_clue("access.rule_denies", Certainty.LIKELY, "nginx model")]))
    told = with_proof(
        with_change(answer, "access.rule_denies", "-deny all;"), "access.rule_denies", "real nginx: 403 → 200"
    )
    finding = told.findings[0]
    assert (finding.certainty, finding.change, finding.verified_by) == (
        Certainty.PROVEN,
        "-deny all;",
        ("real nginx: 403 → 200",),
    )


def test_a_fact_that_is_missing_keeps_its_name() -> None:
    """A finding does not fail for want of a word."""
    assert "<rule>" in join(Evidence([_clue("access.rule_denies", Certainty.PROVEN, "nginx model")])).findings[0].title


def test_facts_in_commands_cannot_leave_their_quotes() -> None:
    """A hostile path stands escaped in the command that is to be copied."""
    facts = {"uri": "/a';reboot;'$(id)`id`\n", "upstream": "http://127.0.0.1"}
    clue = _clue("proxy_pass.prefix_stripped", Certainty.LIKELY, "nginx model", facts=facts)
    command = join(Evidence([clue])).findings[0].next
    assert command.count("'") == 4
    assert not set(";$`\n(") & set(command.partition("http")[2])
