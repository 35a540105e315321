"""Where a browser stops at the preflight: the checks of *CORS-preflight fetch*, in the order in which they come."""

from __future__ import annotations

from mattegate.doctor.cors.check import REDIRECTS, Answer, Fault, cors_check, facts, listed
from mattegate.doctor.cors.fetch import Credentials, Dialect, PageRequest, is_safelisted_method, unsafe_header_names


def preflight_fault(request: PageRequest, answer: Answer | None, dialect: Dialect) -> Fault | None:
    """The check that this answer to a preflight fails first; ``None`` where the browser goes on."""
    if answer is None:
        return Fault(
            "cors.preflight_unanswered",
            "",
            "the preflight gets no answer, so the request itself is never sent",
            f"whatever takes connections for {request.target}: answer OPTIONS",
            facts(request),
        )
    if answer.status in REDIRECTS:
        return _preflight_redirect(request, answer)
    checked = cors_check(request, answer)
    if not answer.ok:
        return _preflight_status(request, answer, checked)
    if checked:
        return _in_preflight(request, checked)
    return _method_fault(request, answer, dialect) or _header_fault(request, answer, dialect)


def _preflight_redirect(request: PageRequest, answer: Answer) -> Fault:
    location = answer.header("location") or ""
    return Fault(
        "cors.preflight_redirect",
        "PreflightDisallowedRedirect",
        f"the preflight is answered {answer.status}, and browsers follow no redirect of one: nothing else is sent",
        f"the page: ask {location or 'the final address'} at once; or the server: no redirect for OPTIONS",
        facts(request, status=str(answer.status), location=location),
    )


def _preflight_status(request: PageRequest, answer: Answer, checked: Fault | None) -> Fault:
    return Fault(
        "cors.preflight_status",
        f"Preflight{checked.complaint}" if checked else "PreflightInvalidStatus",
        f"the preflight is answered {answer.status} and not 2xx, so the request itself is never sent",
        f"whatever answers {answer.status} to OPTIONS: {_why_refused(answer.status)}",
        {**(checked.facts if checked else facts(request)), "status": str(answer.status)},
    )


def _why_refused(status: int) -> str:
    if status in (401, 403, 407):
        return "a preflight never carries a key or cookies, so CORS must be handled before authentication and rules"
    if status in (404, 405, 501):
        return "handle OPTIONS on this path, which is routed for other methods only"
    return "answer OPTIONS with 204 and the CORS headers"


def _in_preflight(request: PageRequest, checked: Fault) -> Fault:
    code = "cors.preflight_no_allow_origin" if checked.code == "cors.no_allow_origin" else checked.code
    says = checked.says.replace("the answer", "the preflight's answer", 1)
    return Fault(code, f"Preflight{checked.complaint}", says, checked.change, {**facts(request), **checked.facts})


def _malformed(request: PageRequest, answer: Answer, what: str) -> Fault:
    header = f"Access-Control-Allow-{what}"
    value = answer.header(header) or ""
    return Fault(
        "cors.list_malformed",
        f"InvalidAllow{what}PreflightResponse",
        f"the preflight's {header} is not a list of names with commas between them: {value!r}",
        f"whatever answers the preflight: write {header} as names with commas between them",
        facts(request, header=header, value=value),
    )


def _method_fault(request: PageRequest, answer: Answer, dialect: Dialect) -> Fault | None:
    methods = listed(answer, "access-control-allow-methods")
    if methods is None:
        return _malformed(request, answer, "Methods")
    if listed(answer, "access-control-allow-headers") is None:
        return _malformed(request, answer, "Headers")
    starred = "*" in methods and request.credentials is not Credentials.INCLUDE
    if is_safelisted_method(request.method) or request.method in methods or starred:
        return None
    # With an upload listener and no list at all, the standard takes the method as listed; Chromium 156 does not.
    forced = request.upload_listener and dialect is Dialect.STANDARD
    if forced and answer.header("access-control-allow-methods") is None:
        return None
    return Fault(
        "cors.method_not_allowed",
        "MethodDisallowedByPreflightResponse",
        f"the preflight's answer does not allow {request.method}{_star_note(methods)}",
        f"whatever answers the preflight: add {request.method} to Access-Control-Allow-Methods",
        facts(request, value=request.method, allowed=answer.header("access-control-allow-methods") or "none"),
    )


def _header_fault(request: PageRequest, answer: Answer, dialect: Dialect) -> Fault | None:
    allowed = listed(answer, "access-control-allow-headers") or frozenset()
    missing = _missing_headers(request, frozenset(name.lower() for name in allowed), dialect)
    if not missing:
        return None
    return Fault(
        "cors.header_not_allowed",
        "HeaderDisallowedByPreflightResponse",
        f"the preflight's answer does not allow the header {', '.join(missing)}{_star_note(allowed)}",
        f"whatever answers the preflight: add {', '.join(missing)} to Access-Control-Allow-Headers",
        facts(
            request,
            value=missing[0],
            headers=", ".join(missing),
            allowed=answer.header("access-control-allow-headers") or "none",
        ),
    )


def _missing_headers(request: PageRequest, listed: frozenset[str], dialect: Dialect) -> tuple[str, ...]:
    starred = "*" in listed and request.credentials is not Credentials.INCLUDE
    covers_authorization = starred and dialect is Dialect.CHROMIUM
    return tuple(
        name
        for name in unsafe_header_names(request, dialect)
        if name not in listed and not (covers_authorization if name == "authorization" else starred)
    )


def _star_note(listed: frozenset[str]) -> str:
    return ", for `*` means every name only where no credentials are sent" if "*" in listed else ""
