"""What a location and its server are meant for, by their own names.

Where nobody named a request, a refusal is a fault only where what it refuses is plainly meant to arrive.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.locating import find
from mattegate.doctor.nginx.regex import Untranslated

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Prediction

ROUTE: Final = "/v1/remove-bg"
"""The product's own."""
UPLOAD_ROUTES: Final = (ROUTE, "/v1.0/removebg", "/api/remove", "/v1/remove", "/api/v1/remove", "/api/v1/remove-bg")
"""Routes at which well-known background-removal servers take pictures."""
AGENTS: Final = ("curl/8.5.0", "python-requests/2.32.3")
"""The programs that call an API most."""
_UPLOADS: Final = re.compile(r"upload|remove-?bg|rembg|rmbg|matting|cut-?out", re.IGNORECASE)
"""No word for what is only looked at: pictures of a site lie below /images."""
_API: Final = re.compile(r"(?:^|[/^(|])(?:api|v\d+)(?:[/|)$]|$)")
_CALL: Final = re.compile(r"/(?:[\w.-]+/)*(?:api|v\d+)/")
_PROGRAMS: Final = re.compile(r"(?:^|[.-])(?:api|rembg|rmbg|remove-?bg|matting|cutouts?)(?=[.-]|$)")
_OTHER_CLIENTS: Final = re.compile(r"(?:^|\.)www\.")


def place_of(prediction: Prediction) -> Directive | None:
    """The location of a request; of one that the server refuses before it looks for any, the one it was going to."""
    scope = prediction.scope
    if scope is None or scope.kind != "server":
        return prediction.location
    try:
        found = find(scope, prediction.request.path).scope
    except Untranslated:
        return None
    return found.directive if found.kind == "location" else None


def for_uploads(place: Directive | None) -> bool:
    """Whether a location is named after what is uploaded there."""
    return place is not None and any(_UPLOADS.search(arg) for arg in place.args)


def takes_pictures(place: Directive | None) -> bool:
    """Whether a location is one of the routes at which pictures are known to arrive."""
    return place is not None and bool(place.args) and place.args[-1].rstrip("/") in UPLOAD_ROUTES


def for_callers(place: Directive | None) -> bool:
    """Whether a location is named as that of an API."""
    return for_uploads(place) or (place is not None and any(_API.search(arg) for arg in place.args))


def for_programs(prediction: Prediction) -> bool:
    """Whether the server is named as one whose callers are programs and no browsers."""
    names = [name for line in prediction.server.named("server_name") for name in line.args] if prediction.server else []
    return any(map(_PROGRAMS.search, names)) and not any(map(_OTHER_CLIENTS.search, names))


def is_call(path: str) -> bool:
    """Whether a path lies below an API's: what ends in ``.png`` there is a result and no file of the site."""
    return bool(_CALL.match(path))


def passes_on(place: Directive | None) -> bool:
    """Whether a location has a ``proxy_pass`` of its own."""
    return place is not None and any(True for _ in place.named("proxy_pass"))
