"""``doctor cors``: ask as a browser would, and judge as a browser does."""

from __future__ import annotations

from mattegate.doctor.answer import Answer
from mattegate.doctor.attribution import Evidence, join
from mattegate.doctor.command.arguments import Usage
from mattegate.doctor.cors.fetch import BadPageRequest, Credentials, Initiator, PageRequest
from mattegate.doctor.cors.live import Hop, Plain, ask
from mattegate.doctor.cors.report import cors_clues
from mattegate.doctor.nginx.request import Headers


def ask_as_page(
    url: str, origin: str, method: str, headers: Headers, *, include: bool, upload_listener: bool
) -> Answer:
    """What a page of ``origin`` gets from ``url``. Raises :class:`Usage` for what no browser would send."""
    try:
        request = PageRequest(
            url,
            origin,
            method,
            headers,
            Credentials.INCLUDE if include else Credentials.SAME_ORIGIN,
            upload_listener=upload_listener,
            initiator=Initiator.XHR if upload_listener else Initiator.FETCH,
        )
    except BadPageRequest as error:
        raise Usage(str(error)) from error
    hops = ask(request, Plain())
    clues = [clue for hop in hops for clue in cors_clues(hop.judgement, status=_status(hop))]
    return join(
        Evidence(
            clues=[clue for clue in clues if not hops[-1].judgement.allowed or clue.certainty != "possible"],
            checked=[_said(hop) for hop in hops],
            requests=[_shown(hop) for hop in hops],
        )
    )


def _status(hop: Hop) -> int | None:
    seen = hop.actual or hop.preflight
    return seen.status if seen is not None else None


def _said(hop: Hop) -> str:
    judged = hop.judgement
    asked = f"preflight because of {', '.join(judged.preflight)}" if judged.preflight else "no preflight"
    ends = judged.says or "script gets the answer"
    return f"{hop.request.method} {hop.request.url} from {hop.request.origin}: {asked}; {ends}"


def _shown(hop: Hop) -> dict[str, object]:
    judged = hop.judgement
    return {
        "request": f"{hop.request.method} {hop.request.url} from {hop.request.origin}",
        "status": _status(hop),
        "preflight": hop.preflight.status if hop.preflight is not None else None,
        "preflight_because": list(judged.preflight),
        "sent": judged.sent,
        "readable": judged.allowed,
        "readable_headers": list(judged.readable),
        "console": judged.console,
    }
