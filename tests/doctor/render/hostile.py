"""Answers that somebody with bad intentions had a hand in."""

from __future__ import annotations

from typing import Final

from mattegate.doctor.answer import Answer, Certainty, Culprit, Finding, Layer, Verdict

EVIL: Final = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "</code></pre></svg></style><h1 onmouseover=alert(1)>x</h1>",
    "` `` ``` ```` | a | b |",
    "[click](javascript:alert(1)) ![x](http://198.51.100.9/x.png) <http://198.51.100.9/>",
    "@everybody #1 https://198.51.100.9/track www.tracker.invalid",
    "\x1b[2J\x1b]0;owned\x07 \x9b31m bell\x07 \u202egnitrevni\u202c \u2066x\u2069 \u200bzero\ufeff \x00",
    "# heading\n\n- item\n1. one\n> quote\n---\n```\ncode",
    "Authorization: Bearer sk_prod_9f8e7d6c5b4a32101122",
    "&lt;b&gt; &amp; ]]> <!-- -->",
    "\U000e0041\U000e0042 \ud800 \u2028 line",
    "العربية 中文字符，很长的一句话。",
)
"""One of each way to break out of a terminal, an issue, a page or a picture."""


def evil_finding(text: str) -> Finding:
    """Everything that can be said by somebody else says ``text``."""
    lines = (Culprit(text, 3, text), Culprit(text, 0, f"{text};"))
    return Finding(
        layer=Layer.NGINX_ACCESS, cause="access.rule_denies", certainty=Certainty.PROVEN, title=text, request=text,
        status=403, culprit=lines, evidence=(text, text * 2), remedy=text, next=text,
        tell_apart=text, verified_by=(text,), facts=dict.fromkeys(("rule", "client", "place"), text),
    )  # fmt: skip


def evil_answer(text: str) -> Answer:
    """An answer in which every text is ``text``."""
    line = {"file": text, "line": 3, "text": text}
    request = {"request": text, "host": text, "client": text, "outcome": "forwards", "mechanism": text, "status": 403}
    told = {
        "decided_by": line,
        "upstream": {"uri": text, "headers": [[text, text]]},
        "steps": [text],
        "unknown": [text],
    }
    return Answer(Verdict.FAULT, (evil_finding(text),), (text,), (text,), (request | told,), (text,))


ALL_EVIL: Final = Answer(
    Verdict.FAULT,
    findings=tuple(evil_finding(text) for text in EVIL),
    checked=EVIL,
    not_checked=EVIL,
    requests=tuple(request for text in EVIL for request in evil_answer(text).requests),
)
HUGE: Final = Answer(
    Verdict.FAULT,
    findings=(evil_finding("word " * 30_000), *(evil_finding(f"finding {number}") for number in range(10_000))),
    checked=tuple(f"check {number}" for number in range(10_000)),
    not_checked=("x" * 300_000,),
    requests=tuple({"request": f"GET /{number}", "status": 403} for number in range(10_000)),
)
