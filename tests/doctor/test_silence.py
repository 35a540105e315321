"""What the error log does not say."""

from __future__ import annotations

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.observation import Observation, Place
from mattegate.doctor.silence import silent_refusals


def _access(status: int, upstream: str = "", path: str = "/v1/remove-bg") -> Observation:
    fields = {"upstream_status": upstream} if upstream else {}
    return Observation("access", Place("access.log", 3), method="POST", path=path, status=status, fields=fields)


def _error(path: str) -> Observation:
    return Observation(
        "nginx-error", Place("error.log", 1), method="POST", path=path, message="access forbidden by rule"
    )


@pytest.mark.parametrize(
    ("seen", "kinds", "certainties"),
    [
        ([_access(403)], ["access", "nginx-error"], [Certainty.POSSIBLE]),
        ([_access(403, "-")], ["access", "empty"], [Certainty.LIKELY]),
        ([_access(403, "403")], ["access", "nginx-error"], []),
        ([_access(403)], ["access"], []),
        ([_access(200)], ["access", "nginx-error"], []),
        ([_access(401, "-")], ["access", "nginx-error"], []),
        ([_access(403), _error("/v1/remove-bg?x=1")], ["access", "nginx-error"], []),
        ([_access(403), _error("/other")], ["access", "nginx-error"], [Certainty.POSSIBLE]),
    ],
)
def test_a_refusal_without_a_line_was_made_by_what_writes_none(
    seen: list[Observation], kinds: list[str], certainties: list[Certainty]
) -> None:
    """Only where an error log was given, nginx itself may have answered, and the log has no line for the path."""
    clues = list(silent_refusals(seen, kinds))
    assert [clue.certainty for clue in clues] == certainties
    assert {clue.cause for clue in clues} <= {"return.forbids"}
