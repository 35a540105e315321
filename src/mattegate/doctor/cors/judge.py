"""What becomes of a request that is answered so: whether the browser goes on, what script gets, who must change what.

Pure: a request and the answers come in, a judgement goes out; nothing is asked here. The order of the checks is that of
the Fetch standard: of a preflight first the CORS check, then the status, then the methods, then the headers; of the
answer itself the CORS check alone. Where a check fails, the judgement names the fault that is at the root: a preflight
that was refused with 403 lacks CORS headers too, but they are not what to mend first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from mattegate.doctor.cors import console
from mattegate.doctor.cors.check import REDIRECTS, Answer, Fault, cors_check, facts, listed
from mattegate.doctor.cors.fetch import Credentials, Dialect, Initiator, PageRequest, preflight_reasons
from mattegate.doctor.cors.preflight import preflight_fault
from mattegate.doctor.cors.remark import Remark, is_blocked_as_mixed, remarks

__all__ = ["Answer", "Judgement", "Remark", "Stage", "judge_answer", "judge_exchange", "judge_page", "judge_preflight"]

_READABLE: Final = frozenset(
    {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
)
_UNREADABLE: Final = frozenset({"set-cookie", "set-cookie2"})


class Stage(StrEnum):
    """How far a request got."""

    PAGE = "page"
    """The browser sends nothing at all."""
    PREFLIGHT = "preflight"
    """The browser asked first, and stopped there: the request itself was never sent."""
    ANSWER = "answer"
    """The request was sent and processed; script is kept from the answer."""
    REDIRECT = "redirect"
    """The answer leads elsewhere, and the browser goes there."""
    DONE = "done"
    """Script has the answer."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What becomes of one request."""

    allowed: bool
    """Whether script gets the answer; of a redirect, whether the browser follows it."""
    sent: bool
    """Whether the request itself left the browser: then the server has processed it, whatever script gets to see."""
    stage: Stage
    preflight: tuple[str, ...] = ()
    """Why the browser asks first; empty where it does not."""
    code: str = ""
    """A cause's; empty where nothing stands in the way."""
    says: str = ""
    """One sentence: what happens."""
    complaint: str = ""
    """Chromium's name of the error, a key of :data:`.console.CHROMIUM`; empty where CORS is not what stops it."""
    console: str = ""
    """What Chromium's console says of it, or the standard's reading in its words."""
    change: str = ""
    """Who must change what."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What fills the cause's sentences."""
    status: int | None = None
    """What script reads as status; ``None`` where it reads none."""
    readable: tuple[str, ...] = ()
    """The names of the answer's headers that script can read."""
    follows: str = ""
    """Where a redirect leads, as its ``Location`` says."""
    remarks: tuple[Remark, ...] = ()


def judge_exchange(
    request: PageRequest, preflight: Answer | None, actual: Answer | None, *, dialect: Dialect = Dialect.CHROMIUM
) -> Judgement:
    """What becomes of a request that is answered so; ``None`` where no answer comes (connection closed, time out).

    The preflight's answer is looked at only where the browser asks first.
    """
    stopped = judge_page(request) or judge_preflight(request, preflight, dialect=dialect)
    if stopped:
        return stopped
    return judge_answer(request, actual, preflight=preflight, dialect=dialect)


def judge_page(request: PageRequest) -> Judgement | None:
    """The judgement where the browser sends nothing at all; ``None`` where it goes on."""
    if not is_blocked_as_mixed(request):
        return None
    return Judgement(
        allowed=False,
        sent=False,
        stage=Stage.PAGE,
        code="cors.mixed_content",
        says=f"the browser sends nothing, because the page is https and {request.url} is not",
        console=f"Mixed Content: The page at '{request.origin}/' was loaded over HTTPS, but requested an insecure "
        f"resource '{request.url}'. This request has been blocked; the content must be served over HTTPS.",
        change="the API's address in the page: https, behind a certificate that browsers trust",
        facts=facts(request),
    )


def judge_preflight(
    request: PageRequest, answer: Answer | None, *, dialect: Dialect = Dialect.CHROMIUM
) -> Judgement | None:
    """The judgement where the browser stops at the preflight; ``None`` where it goes on or does not ask."""
    reasons = preflight_reasons(request, dialect)
    if not reasons:
        return None
    fault = preflight_fault(request, answer, dialect)
    if fault is None:
        return None
    return _stopped(request, fault, Stage.PREFLIGHT, reasons, remarks(request, answer, dialect))


def judge_answer(
    request: PageRequest,
    answer: Answer | None,
    *,
    preflight: Answer | None = None,
    dialect: Dialect = Dialect.CHROMIUM,
) -> Judgement:
    """What script gets of the answer to a request that was sent; ``preflight`` is what let it pass, where known."""
    reasons = preflight_reasons(request, dialect)
    noted = remarks(request, preflight if reasons else None, dialect)
    fault = _answer_fault(request, answer, preflight if reasons else None)
    if fault or answer is None:
        return _stopped(request, fault or unanswered(request), Stage.ANSWER, reasons, noted)
    location = answer.header("location")
    if answer.status in REDIRECTS and location is not None:
        says = f"the browser follows the {answer.status} to {location}"
        return Judgement(
            allowed=True,
            sent=True,
            stage=Stage.REDIRECT,
            preflight=reasons,
            says=says,
            facts=facts(request),
            follows=location,
            remarks=noted,
        )
    return Judgement(
        allowed=True,
        sent=True,
        stage=Stage.DONE,
        preflight=reasons,
        says=f"script gets the answer, {answer.status}",
        facts=facts(request),
        status=answer.status,
        readable=_readable(request, answer),
        remarks=noted,
    )


def _stopped(
    request: PageRequest, fault: Fault, stage: Stage, reasons: tuple[str, ...], remarks: tuple[Remark, ...]
) -> Judgement:
    """What script does not get; behind a preflight that failed, the request itself was never sent."""
    return Judgement(
        allowed=False,
        sent=stage is not Stage.PREFLIGHT,
        stage=stage,
        preflight=reasons,
        code=fault.code,
        says=fault.says,
        complaint=fault.complaint,
        console=_console(request, fault),
        change=fault.change,
        facts=fault.facts,
        remarks=remarks,
    )


def _answer_fault(request: PageRequest, answer: Answer | None, preflight: Answer | None) -> Fault | None:
    if answer is None:
        return unanswered(request)
    if not request.cross_origin:
        return None
    checked = cors_check(request, answer)
    if checked is None:
        return _redirect_fault(request, answer)
    facts = {**checked.facts, "status": str(answer.status)}
    code = _root(checked, answer, preflight)
    return Fault(code, checked.complaint, _processed(request, answer, checked), checked.change, facts)


def _root(checked: Fault, answer: Answer, preflight: Answer | None) -> str:
    if checked.code != "cors.no_allow_origin":
        return checked.code
    if answer.status in REDIRECTS:
        return "cors.redirect_blocked"
    if answer.status >= 400:
        return "cors.error_without_headers"
    return "cors.only_in_preflight" if preflight else "cors.no_allow_origin"


def _processed(request: PageRequest, answer: Answer, checked: Fault) -> str:
    return f"{request.method} was sent and answered {answer.status}, but script is kept from it: {checked.says}"


def _redirect_fault(request: PageRequest, answer: Answer) -> Fault | None:
    location = answer.header("location")
    if answer.status not in REDIRECTS or location is None or not _has_userinfo(location):
        return None
    return Fault(
        "cors.redirect_blocked",
        "RedirectContainsCredentials",
        "the redirect's Location contains a user name, which browsers follow to no other origin",
        "whatever answers the redirect: a Location without user name and password",
        facts(request, status=str(answer.status), location=location),
    )


def _has_userinfo(location: str) -> bool:
    try:
        return "@" in urlsplit(location).netloc
    except ValueError:
        return False


def unanswered(request: PageRequest) -> Fault:
    return Fault(
        "cors.unanswered",
        "",
        f"{request.method} was sent and no answer came",
        f"whatever takes connections for {request.target}",
        facts(request),
    )


def _console(request: PageRequest, fault: Fault) -> str:
    if not fault.complaint:
        return ""
    xhr = request.initiator is Initiator.XHR
    said = console.sentence(fault.complaint, fault.hint, xhr=xhr)
    return f"Access to {request.initiator} at '{request.url}' from origin '{request.origin}' {console.BLOCKED}{said}"


def _readable(request: PageRequest, answer: Answer) -> tuple[str, ...]:
    names = {name.lower() for name, _ in answer.headers} - _UNREADABLE
    if request.cross_origin:
        exposed = {name.lower() for name in listed(answer, "access-control-expose-headers") or ()}
        starred = "*" in exposed and request.credentials is not Credentials.INCLUDE
        names = names if starred else names & (_READABLE | exposed)
    return tuple(sorted(names))
