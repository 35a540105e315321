"""Reads the examples of RFC 9421 (appendix B) from their Markdown: keys, messages, signature bases.

A case is what its section says: the message ``test-request`` or ``test-response`` with the section's signature (B.2),
or a whole signed message (B.3 and B.4). One is meant to fail where the words before it say it is "NOT still valid".
Lines are folded as in RFC 8792. One thing is set right: the ``Content-Digest`` of ``test-response`` is in some texts
not the one of its own body, while the signature base of B.2.4 has the right one.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from mattegate.signing import content_digest
from mattegate.signing.key_material import HmacSecret, PublicKey, load_public_key
from mattegate.signing.message import Message

_BLOCK: Final = re.compile(r"^~~~[^\n]*\n(.*?)^~~~$", re.MULTILINE | re.DOTALL)
_NOTE: Final = re.compile(r"NOTE: '\\' line wrapping[^\n]*\n\n")
_FOLD: Final = re.compile(r"\\\n[ \t]*")
_KEY_NAME: Final = re.compile(r"as\s+`(test-[\w-]+)")
_PEM: Final = re.compile(r"-----BEGIN (?:RSA )?PUBLIC KEY-----.*?-----END (?:RSA )?PUBLIC KEY-----", re.DOTALL)
_NOT_VALID: Final = re.compile(r"NOT still\s+valid")


@dataclass(frozen=True, slots=True)
class Example:
    """One signed message."""

    group: str
    """``B.2``, ``B.3`` or ``B.4``."""
    message: Message
    status: int | None
    """Of a response."""
    base: str
    """The signature base that the text prints."""
    valid: bool


@dataclass(frozen=True, slots=True)
class Examples:
    """Everything that is in the text."""

    keys: Mapping[str, HmacSecret | PublicKey]
    cases: tuple[Example, ...]


@dataclass(frozen=True, slots=True)
class _Block:
    """A fenced block, unfolded, and the words before it."""

    words: str
    text: str

    @property
    def signed(self) -> bool:
        return "\nSignature-Input:" in f"\n{self.text}"

    @property
    def base(self) -> bool:
        return '"@signature-params":' in self.text


def read_examples(text: str) -> Examples:
    """Raises ``ValueError`` where ``text`` has not the sections of the appendix."""
    sections = dict(_sections(text, "## "))
    try:
        keys, tests = sections["Example Keys"], sections["Test Cases"]
        others = {"B.3": sections["TLS-Terminating Proxies"], "B.4": sections["HTTP Message Transformations"]}
    except KeyError as error:
        raise ValueError(f"there is no section {error}") from None
    whole = (case for group, section in others.items() for case in _whole_messages(group, section))
    return Examples(dict(_keys(keys)), (*_test_cases(tests), *whole))


def _sections(text: str, mark: str) -> Iterator[tuple[str, str]]:
    for part in re.split(rf"^{mark}", text, flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        yield title.partition("{")[0].strip(), rest


def _blocks(section: str) -> Iterator[_Block]:
    end = 0
    for found in _BLOCK.finditer(section):
        yield _Block(section[end : found.start()], _FOLD.sub("", _NOTE.sub("", found[1])))
        end = found.end()


def _keys(section: str) -> Iterator[tuple[str, HmacSecret | PublicKey]]:
    for _, part in _sections(section, "### "):
        name = _KEY_NAME.search(part)
        if name is None:
            raise ValueError("a key has no name")
        pem = _PEM.search(part)
        secret = next(_blocks(part)).text
        yield name[1], load_public_key(pem[0].encode()) if pem else HmacSecret(b64decode(secret))


def _test_cases(section: str) -> Iterator[Example]:
    request, response = (_parsed(block.text) for block in list(_blocks(section))[:2])
    for _, part in _sections(section, "### "):
        blocks = list(_blocks(part))
        base = next(block.text for block in blocks if block.base)
        fields = next(block.text for block in blocks if block.signed)
        message, status = response if "@status" in base else request
        signed = replace(message, headers=(*message.headers, *_headers(fields)))
        yield Example("B.2", signed, status, base.strip(), valid=True)


def _whole_messages(group: str, section: str) -> Iterator[Example]:
    blocks = list(_blocks(section))
    base = next(block.text for block in blocks if block.base).strip()
    for block in blocks:
        if block.signed:
            message, status = _parsed(block.text)
            yield Example(group, message, status, base, valid=not _NOT_VALID.search(block.words))


def _parsed(text: str) -> tuple[Message, int | None]:
    head, _, body = text.partition("\n\n")
    start, _, fields = head.partition("\n")
    headers = _headers(fields)
    first, second, *_ = start.split(" ")
    if first.startswith("HTTP/"):
        return Message("", b"", b"", _digested(headers, body.strip().encode())), int(second)
    path, _, query = second.partition("?")
    host = next(value.decode() for name, value in headers if name == b"host")
    return Message(first, path.encode(), query.encode(), headers, authority=host), None


def _headers(text: str) -> tuple[tuple[bytes, bytes], ...]:
    pairs = (line.partition(":") for line in text.splitlines() if ":" in line)
    return tuple((name.lower().encode(), value.strip().encode()) for name, _, value in pairs)


def _digested(headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> tuple[tuple[bytes, bytes], ...]:
    name, value = content_digest.field(body, ("sha-512",))
    return tuple((given, value if given == name else old) for given, old in headers)
