"""Reads ``Authorization: AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…``.

The parameters come in any order and with or without spaces after the commas, as AWS takes them; none may be missing,
doubled or of another name. Everything that is missing is told at once, the date too.
"""

from __future__ import annotations

from typing import Final

from mattegate.signing.message import Message
from mattegate.signing.refused import Refused, ambiguous, malformed
from mattegate.signing.sigv4.faults import unsupported
from mattegate.signing.sigv4.parts import Parts
from mattegate.signing.sigv4.payload import CONTENT_SHA256
from mattegate.signing.sigv4.rules import ALGORITHM, HEADER_FORM

_PARAMETERS: Final = ("Credential", "Signature", "SignedHeaders")
_DATE: Final = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."


def authorizations(message: Message) -> tuple[bytes, ...]:
    """The ``Authorization`` headers of this family of schemes, of whatever algorithm."""
    return tuple(value for value in message.values(b"authorization") if value[:5].upper() == b"AWS4-")


def parts(message: Message, authorization: bytes) -> Parts:
    """What the header and its companions say; raises :class:`Refused`."""
    algorithm, _, rest = authorization.decode("latin-1").partition(" ")
    if algorithm != ALGORITHM:
        raise unsupported(algorithm)
    given = _parameters(rest)
    date, dated_by = _date(message)
    missing = [name for name in _PARAMETERS if not given.get(name)]
    if missing or date is None:
        raise incomplete(missing, dated=date is not None)
    return Parts(
        HEADER_FORM,
        given["Credential"],
        given["SignedHeaders"],
        given["Signature"],
        date,
        dated_by,
        single(message, CONTENT_SHA256),
    )


def incomplete(missing: list[str], *, dated: bool) -> Refused:
    """Every missing part by its name; without a date and otherwise whole, that alone is the reason."""
    if not missing:
        return Refused("signature.date_missing", missing="X-Amz-Date", aws=_DATE)
    sentences = [f"Authorization header requires '{name}' parameter." for name in missing]
    absent = missing if dated else [*missing, "X-Amz-Date"]
    aws = " ".join(sentences if dated else [*sentences, _DATE])
    return Refused("signature.incomplete", missing=", ".join(absent), aws=aws)


def single(message: Message, name: str) -> str | None:
    """The value of a header that counts once; raises :class:`Refused` where it is there twice."""
    found = message.values(name.encode())
    if len(found) > 1:
        raise ambiguous(f"'{name}' header")
    return found[0].strip().decode("latin-1") if found else None


def _parameters(rest: str) -> dict[str, str]:
    given: dict[str, str] = {}
    for part in rest.split(",") if rest.strip(" ") else ():
        name, equals, value = part.strip(" ").partition("=")
        if name in given:
            raise ambiguous(f"'{name}' parameter in the Authorization header")
        if not equals or name not in _PARAMETERS:
            raise malformed("Authorization", f"takes {', '.join(_PARAMETERS)}, each with an equals sign", part)
        given[name] = value
    return given


def _date(message: Message) -> tuple[str | None, str]:
    """The date and the header that says it; ``X-Amz-Date`` comes first."""
    own = single(message, "x-amz-date")
    return (own, "X-Amz-Date") if own is not None else (single(message, "date"), "Date")
