"""What a request has to bring and must not exceed: passwords, certificates, the word of another server, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.doctor.nginx.request import Certificate, Prediction
from mattegate.doctor.nginx.review.refusals.told import Made, facts_about

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope


def by_password(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """``auth_basic``: no password came, or a wrong one."""
    return "auth_basic.required", facts_about(prediction, line, status), (line,)


def by_password_file(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """``auth_basic_user_file``: nobody can be let in without it."""
    file = line.args[0] if line is not None else ""
    return "auth_basic.file_missing", facts_about(prediction, line, status, file=file), (line,)


def by_question(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """``auth_request``: another server was asked, and did not say 2xx."""
    uri = line.args[0] if line is not None and line.args else ""
    answered = status if status in {401, 403} else "something else than 2xx, 401 and 403"
    return "auth_request.denies", facts_about(prediction, line, status, answered=answered, uri=uri), (line,)


def by_certificate(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """``ssl_verify_client``: none came, or one that is not trusted."""
    shown = prediction.request.certificate is not Certificate.NONE
    return "client_cert.rejected" if shown else "client_cert.required", facts_about(prediction, line, status), (line,)


def by_body(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """``client_max_body_size``, with the size that a picture in base64 would need."""
    said = line is not None and line.name == "client_max_body_size"
    limit = line.args[0] if said and line is not None else "1m, the default"
    wanted = f"{-(-prediction.request.body_bytes * 4 // 3) // (1 << 20) + 1}m"
    facts = facts_about(prediction, line, status, bytes=prediction.request.body_bytes, limit=limit, wanted=wanted)
    return "body.too_large", facts, (line or prediction.location or prediction.server,)


def by_head(prediction: Prediction, _: Scope, status: int | None, line: Directive | None) -> Made:
    """``large_client_header_buffers``: the address or the headers do not fit."""
    limit = " ".join(line.args) if line is not None else "4 8k, the default"
    return "headers.too_large", facts_about(prediction, line, status, limit=limit), (line or prediction.server,)
