"""A child process that answers in lines of JSON."""

from __future__ import annotations

import os
import sys

import pytest

from bench.child import Child
from bench.problems import Unmeasurable

_ECHO = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    if asked.get("leave"):
        sys.exit(3)
    if not asked.get("silence"):
        print(json.dumps({"error": "no"} if asked.get("fail") else {"heard": asked}), flush=True)
"""


def child(limit_s: float = 20) -> Child:
    """A driver that echoes, fails, leaves or keeps silent as it is asked."""
    return Child([sys.executable, "-c", _ECHO], env=os.environ, limit_s=limit_s)


def test_questions_are_answered_in_order() -> None:
    """Also one that is far longer than a pipe's buffer."""
    with child() as asked:
        long = "x" * 300_000
        assert asked.ask({"n": 1}) == {"heard": {"n": 1}}
        assert asked.ask({"text": long}) == {"heard": {"text": long}}


@pytest.mark.parametrize(
    ("question", "sentence"),
    [({"fail": True}, "no"), ({"leave": True}, "ended with status 3"), ({"silence": True}, "did not answer within")],
)
def test_what_cannot_be_measured_says_why(question: dict[str, object], sentence: str) -> None:
    """An error, an end and a silence are each told as a sentence."""
    with child(limit_s=2) as asked, pytest.raises(Unmeasurable, match=sentence):
        asked.ask(question)
