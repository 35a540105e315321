"""Judges the verifier by published signing cases: each must be accepted, and everything near it refused.

A case is a folder of texts, given here as a mapping so that nothing is read from a disk: ``context.json`` with key,
scope and instant, and ``header-signed-request.txt`` and ``query-signed-request.txt``. Three counts come of it:

- *valid*: the signed requests as they are;
- *invalid*: each of them with one thing wrong that a signature is there to notice (:data:`WRONGS`);
- *mutations*: each accepted one with one byte of it changed, wherever the change is not another spelling of the same.

The published ``post-sts-header-after`` has its session token added after signing. As a header that is accepted, as a
parameter refused (see ``sigv4.rules``), so one valid presigned case counts as refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import Final

from mattegate.signing.message import Message, Stated
from mattegate.signing.sigv4 import SigV4Rules, read, verify
from mattegate.signing.sigv4.canonical import canonical

Folder = Mapping[str, bytes]
"""The texts of one case by the names of their files."""
Counts = dict[str, int]

FORMS: Final = ("header", "query")
_END: Final = re.compile(rb"\r?\n\r?\n")
BITS: Final = tuple(1 << bit for bit in range(8))
"""Every byte is changed in each of its bits."""


@dataclass(frozen=True, slots=True)
class Case:
    """One signed request and what it takes to verify it."""

    name: str
    form: str
    """``header`` or ``query``."""
    message: Message
    body: bytes
    key_id: str
    secret: bytes = field(repr=False)
    at: float
    """When it arrives: Unix seconds."""
    rules: SigV4Rules

    def accepted(self) -> bool:
        """Whether the verifier takes it."""
        stated = self._stated()
        return stated is not None and self._verified(stated)

    def meaning(self) -> tuple[str, ...]:
        """All that the signature is about; requests of one meaning are spellings of one request."""
        stated = self._stated()
        if stated is None:
            return ()
        payload = stated.digest or sha256(self.body).hexdigest()
        form = canonical(self.message, stated.covered, stated.scheme, payload, self.rules)
        return (stated.key_id, stated.nonce, *stated.particulars.values(), form.text().decode("latin-1"))

    def _stated(self) -> Stated | None:
        stated = read(self.message, self.rules)
        return stated if isinstance(stated, Stated) else None

    def _verified(self, stated: Stated) -> bool:
        secret = self.secret if stated.key_id == self.key_id else None
        digest = sha256(self.body).hexdigest()
        return verify(
            self.message, stated, secret, at=self.at, rules=self.rules, body_sha256=digest, explain=False
        ).good


def sigv4_cases(folders: Mapping[str, Folder]) -> Iterator[Case]:
    """The cases of every folder, by name, in both forms; raises ``ValueError`` for a folder that is not one."""
    for name, folder in sorted(folders.items()):
        for form in FORMS:
            try:
                yield _case(name, form, folder)
            except (KeyError, ValueError, TypeError, AttributeError) as error:
                raise ValueError(f"{name} is no signing case in {form} form: {error}") from error


def run_sigv4(
    folders: Mapping[str, Folder], *, masks: Iterable[int] = BITS, watch: Callable[[str], None] = lambda _name: None
) -> dict[str, dict[str, Counts] | Counts]:
    """Counts of accepted and refused; ``watch`` hears the name of each case as it begins.

    ``masks`` are what each byte is changed by (exclusive or); all of 1 to 255 is every change there is. Raises
    ``ValueError`` as :func:`sigv4_cases`.
    """
    forms = {form: {"valid": _none(), "invalid": _none()} for form in FORMS}
    changed, masks = _none(), tuple(masks)
    for case in sigv4_cases(folders):
        watch(f"{case.name} ({case.form})")
        accepted = _count(forms[case.form]["valid"], case)
        for wrong in WRONGS.values():
            _count(forms[case.form]["invalid"], wrong(case))
        for other in mutations(case, masks) if accepted else ():
            _count(changed, other)
    return {**forms, "mutations": changed}


def mutations(case: Case, masks: Iterable[int] = BITS) -> Iterator[Case]:
    """``case`` with one byte changed in method, path, query, a header's value or the body, and so in its meaning."""
    meaning = case.meaning()
    for other in _changed(case, tuple(masks)):
        if not other.accepted() or other.meaning() != meaning:
            yield other


def _none() -> Counts:
    return {"accepted": 0, "refused": 0}


def _count(counts: Counts, case: Case) -> bool:
    accepted = case.accepted()
    counts["accepted" if accepted else "refused"] += 1
    return accepted


def _changed(case: Case, masks: tuple[int, ...]) -> Iterator[Case]:
    message = case.message
    for method in _bytes_changed(message.method.encode("latin-1"), masks):
        yield replace(case, message=replace(message, method=method.decode("latin-1")))
    for path in _bytes_changed(message.path, masks):
        yield replace(case, message=replace(message, path=path))
    for query in _bytes_changed(message.query, masks):
        yield replace(case, message=replace(message, query=query))
    for at, (name, value) in enumerate(message.headers):
        for other in _bytes_changed(value, masks):
            headers = (*message.headers[:at], (name, other), *message.headers[at + 1 :])
            yield replace(case, message=replace(message, headers=headers))
    for body in _bytes_changed(case.body, masks):
        yield replace(case, body=body)


def _bytes_changed(text: bytes, masks: tuple[int, ...]) -> Iterator[bytes]:
    for at, byte in enumerate(text):
        for mask in masks:
            yield text[:at] + bytes([byte ^ mask]) + text[at + 1 :]


def _late(case: Case) -> Case:
    """One second beyond the window of a header, or the life of an address."""
    stated = read(case.message, case.rules)
    ends = stated.expires if isinstance(stated, Stated) else None
    return replace(case, at=(case.at + case.rules.skew_s if ends is None else ends) + 1)


def _unsigned_parameter(case: Case) -> Case:
    query = case.message.query + (b"&" if case.message.query else b"") + b"added=1"
    return replace(case, message=replace(case.message, query=query))


def _other_host(case: Case) -> Case:
    headers = ((name, value + b".example" if name == b"host" else value) for name, value in case.message.headers)
    return replace(case, message=replace(case.message, headers=tuple(headers)))


def _unsigned_header(case: Case) -> Case:
    headers = (*case.message.headers, (b"x-amz-meta-added", b"1"))
    return replace(case, message=replace(case.message, headers=headers))


WRONGS: Final[Mapping[str, Callable[[Case], Case]]] = MappingProxyType(
    {
        "another secret": lambda case: replace(case, secret=case.secret + b"x"),
        "an unknown key id": lambda case: replace(case, key_id=f"{case.key_id}x"),
        "too late": _late,
        "too early": lambda case: replace(case, at=case.at - case.rules.skew_s - 1),
        "another region": lambda case: replace(case, rules=replace(case.rules, region="elsewhere-1")),
        "another service": lambda case: replace(case, rules=replace(case.rules, service="another")),
        "another method": lambda case: replace(case, message=replace(case.message, method="PATCH")),
        "another path": lambda case: replace(case, message=replace(case.message, path=b"/another" + case.message.path)),
        "another body": lambda case: replace(case, body=case.body + b"x"),
        "another host": _other_host,
        "an added parameter": _unsigned_parameter,
        "an added x-amz header": _unsigned_header,
    }
)
"""What is made wrong of every case, by name."""


def _case(name: str, form: str, folder: Folder) -> Case:
    context = json.loads(folder["context.json"])
    message, body = request(folder[f"{form}-signed-request.txt"])
    credentials = context["credentials"]
    return Case(
        name,
        form,
        message,
        body,
        credentials["access_key_id"],
        credentials["secret_access_key"].encode(),
        datetime.fromisoformat(context["timestamp"]).timestamp(),
        SigV4Rules(context["region"], context["service"], normalize_path=context["normalize"]),
    )


def request(text: bytes) -> tuple[Message, bytes]:
    """Head and body of an HTTP/1.1 request; a folded header line is one space (RFC 9112, section 5.2).

    Raises ``ValueError`` where there is no request line, or a header without a colon.
    """
    head, body = (*_END.split(text, 1), b"")[:2]
    first, *lines = head.splitlines()
    method, rest = first.split(b" ", 1)
    target, _ = rest.rsplit(b" ", 1)
    path, _, query = target.partition(b"?")
    headers: list[tuple[bytes, bytes]] = []
    for line in lines:
        if line[:1] in {b" ", b"\t"} and headers:
            name, value = headers.pop()
            headers.append((name, value + b" " + line.strip()))
        else:
            name, value = line.split(b":", 1)
            headers.append((name.lower(), value.strip()))
    return Message(method.decode("latin-1"), path, query, tuple(headers)), body
