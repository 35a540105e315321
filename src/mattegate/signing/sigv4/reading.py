"""What a head states about its signature, before any secret is looked up.

Reading judges form only: whether everything is there, once, and well spelled. Whether it is timely and meant for us is
for ``checking``. The signature serves as nonce, by its hash: it has one spelling, and covers the date and all else.
"""

from __future__ import annotations

import re
from typing import Final

from mattegate.signing.message import Message, Stated, Verdict, one_time
from mattegate.signing.refused import Refused, ambiguous, malformed
from mattegate.signing.sigv4 import header, presigned
from mattegate.signing.sigv4.faults import MOST, shown
from mattegate.signing.sigv4.parts import Parts
from mattegate.signing.sigv4.payload import SHA256_HEX, cover
from mattegate.signing.sigv4.rules import ALGORITHM, SigV4Rules
from mattegate.signing.sigv4.stamps import http_instant, instant, stamp

_CREDENTIAL: Final = re.compile("/".join([rf"([!-.0-~]{{1,{MOST}}})"] * 5))
"""Key id, day, region, service and terminator; printable, without slashes."""
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]{1,256}")
"""A field name in lower case (RFC 9110, section 5.1)."""
_MOST_NAMES: Final = 128
_MISSING: Final = Verdict("signature.missing", {"aws": "Missing Authentication Token"})


def read(message: Message, rules: SigV4Rules) -> Stated | Verdict | None:
    """What the signature states; ``None`` where there is none, a verdict where it cannot be read. Never raises."""
    authorizations, in_query = header.authorizations(message), presigned.is_presigned(message.query)
    if not authorizations and not in_query:
        return None
    try:
        if len(authorizations) + in_query > 1:
            raise ambiguous("signature, in 'Authorization' or 'X-Amz-Algorithm' parameters,")
        found = header.parts(message, authorizations[0]) if authorizations else presigned.parts(message)
        return _stated(found, message, rules)
    except Refused as refused:
        return refused.verdict


def unsigned(message: Message) -> Verdict:
    """What to tell a request that had to be signed and in which ``read`` found no signature.

    With an ``Authorization`` of another kind (a bearer token, a bare key) AWS names what it misses in there.
    """
    if not message.values(b"authorization"):
        return _MISSING
    dated = bool(message.values(b"x-amz-date") or message.values(b"date"))
    return header.incomplete(["Credential", "Signature", "SignedHeaders"], dated=dated).verdict


def _stated(found: Parts, message: Message, rules: SigV4Rules) -> Stated:
    """In the order in which AWS judges: date, headers, credential, signature."""
    created = _created(found)
    covered = _covered(found.signed_headers)
    key_id, day, region, service, terminator = _credential(found.credential)
    if not SHA256_HEX.fullmatch(found.signature):
        raise malformed("Signature", "must be 64 lower-case hexadecimal digits", found.signature)
    life = None if found.expires is None else _life(found.expires, rules)
    body, digest = cover(message, found.payload, rules)
    scope = {"day": day, "region": region, "service": service, "terminator": terminator}
    return Stated(
        found.scheme,
        key_id,
        created,
        None if life is None else created + life,
        nonce=one_time(found.signature),
        algorithm=ALGORITHM,
        covered=covered,
        body=body,
        digest=digest,
        particulars={"date": stamp(created), **scope},
    )


def _created(found: Parts) -> float:
    created = instant(found.date)
    if created is None and found.dated_by == "Date":
        created = http_instant(found.date)
    if created is None:
        told = shown(found.date)
        aws = f"Date must be in ISO-8601 'basic format'. Got '{told}'. See http://en.wikipedia.org/wiki/ISO_8601"
        raise Refused("signature.date_format", stated=told, where=found.dated_by, aws=aws)
    return created


def _covered(signed_headers: str) -> tuple[str, ...]:
    names = tuple(signed_headers.split(";"))
    if len(names) > _MOST_NAMES or not all(map(_NAME.fullmatch, names)):
        raise malformed(
            "SignedHeaders", "must be names of headers, in lower case, with semicolons between", signed_headers
        )
    if list(names) != sorted(set(names)):
        raise malformed("SignedHeaders", "must be sorted, each name once", signed_headers)
    return names


def _credential(text: str) -> tuple[str, ...]:
    found = _CREDENTIAL.fullmatch(text)
    if not found:
        aws = "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term"
        raise Refused("signature.credential", stated=f"{len(text)} bytes", aws=aws)
    return found.groups()


def _life(text: str, rules: SigV4Rules) -> int:
    life = int(text) if text.isascii() and text.isdigit() and len(text) <= 9 else 0
    if not 0 < life <= rules.max_expires_s:
        aws = f"X-Amz-Expires must be a number of seconds, more than 0 and at most {rules.max_expires_s}"
        raise Refused("signature.expires", stated=shown(text), most_s=rules.max_expires_s, aws=aws)
    return life
