"""The one table from the gate's own layers to the layers on the way of a request.

The gate names the part of it that refused (:mod:`mattegate.vocabulary.reasons`); an answer of the doctor names the
place on the way. A whole reason stands here only where it is refused at another place than the rest of its layer. The
command line's own layers are here too, for whoever hands in what it printed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from mattegate.doctor.answer import Layer

GATE_LAYERS: Final[Mapping[str, Layer]] = MappingProxyType(
    {
        "request": Layer.APP,
        "transport": Layer.TLS_MTLS,
        "host": Layer.HOST,
        "network": Layer.POLICY,
        "flood": Layer.RATE_LIMIT,
        "origin": Layer.CORS_RESPONSE,
        "origin.header_not_allowed": Layer.CORS_PREFLIGHT,
        "credential": Layer.API_KEY,
        "signature": Layer.SIGNATURE,
        "token": Layer.JWT,
        "authorizer": Layer.AUTHORIZER,
        "replay": Layer.SIGNATURE,
        "policy": Layer.POLICY,
        "rate": Layer.RATE_LIMIT,
        "quota": Layer.QUOTA,
        "idempotency": Layer.APP,
        "route": Layer.ROUTE,
        "upload": Layer.UPLOAD,
        "capacity": Layer.APP,
        "engine": Layer.APP,
        "model": Layer.APP,
        "option": Layer.APP,
        "file": Layer.FILESYSTEM,
        "record": Layer.APP,
        "account": Layer.APP,
        "admin": Layer.AUTHORIZER,
        "home": Layer.APP,
        "backup": Layer.APP,
        "dependency": Layer.APP,
        "internal": Layer.APP,
    }
)


def gate_layer(reason: str) -> Layer:
    """The layer of a reason such as ``credential.missing`` or of a gate layer; the application's if it is not known."""
    return GATE_LAYERS.get(reason) or GATE_LAYERS.get(reason.partition(".")[0], Layer.APP)
