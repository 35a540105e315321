"""Reads the presigned form: the signature as parameters of the query.

Names of parameters are spelled exactly as AWS spells them; another case is told as missing. The payload's hash may be
stated in the header ``x-amz-content-sha256`` or the parameter of that name, both of which the signature covers.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.signing.message import Message
from mattegate.signing.refused import Refused, ambiguous
from mattegate.signing.sigv4.canonical import parameters
from mattegate.signing.sigv4.faults import unsupported
from mattegate.signing.sigv4.header import single
from mattegate.signing.sigv4.parts import Parts
from mattegate.signing.sigv4.payload import CONTENT_SHA256
from mattegate.signing.sigv4.rules import ALGORITHM, QUERY_FORM

_REQUIRED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
)
_OPTIONAL: Final = ("X-Amz-Content-Sha256", "X-Amz-Security-Token")
PARAMETERS: Final = frozenset((*_REQUIRED, *_OPTIONAL))
"""What a presigned address has beside the parameters of its own request."""
_TELLTALE: Final = re.compile(rb"(?:^|&)x-amz-(?:algorithm|credential|signature)=", re.IGNORECASE)


def is_presigned(query: bytes) -> bool:
    """Whether the query has a signature, or a part of one."""
    return _TELLTALE.search(query) is not None


def parts(message: Message) -> Parts:
    """What the parameters say; raises :class:`Refused`."""
    given = _parameters(message.query)
    if missing := [name for name in _REQUIRED if not given.get(name)]:
        sentences = [f"AWS query-string parameters must include '{name}'." for name in missing]
        aws = " ".join((*sentences, "Re-examine the query-string parameters."))
        raise Refused("signature.incomplete", missing=", ".join(missing), aws=aws)
    if given["X-Amz-Algorithm"] != ALGORITHM:
        raise unsupported(given["X-Amz-Algorithm"])
    return Parts(
        QUERY_FORM,
        given["X-Amz-Credential"],
        given["X-Amz-SignedHeaders"],
        given["X-Amz-Signature"],
        given["X-Amz-Date"],
        "X-Amz-Date",
        _payload(message, given),
        given["X-Amz-Expires"],
    )


def _parameters(query: bytes) -> dict[str, str]:
    given: dict[str, str] = {}
    for raw_name, raw_value in parameters(query):
        name = raw_name.decode("latin-1")
        if name not in PARAMETERS:
            continue
        if name in given:
            raise ambiguous(f"'{name}' parameter")
        given[name] = raw_value.decode("latin-1")
    return given


def _payload(message: Message, given: dict[str, str]) -> str | None:
    header, parameter = single(message, CONTENT_SHA256), given.get("X-Amz-Content-Sha256")
    if header is not None and parameter is not None:
        raise ambiguous("'X-Amz-Content-Sha256', as a header and as a parameter,")
    return parameter if header is None else header
