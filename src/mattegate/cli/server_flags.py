"""Flags of commands that ask a server: where it is, and what proves who asks.

A secret is read from a file and never from the line, where every user of the machine could see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from mattegate.client import ApiKey, Credential, HmacSigning, MessageSigning, SigV4Signing, Together
from mattegate.client.request import Server
from mattegate.signing.key_material import HmacSecret, KeyMaterialError, PrivateKey, load_private_key
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.rulebook import SignatureRules

SCHEMES: Final = ("hmac", "sigv4", "rfc9421")
_MOST: Final = 16_384
"""Bytes of a key or secret file; far more than any key."""
_PANEL: Final = "The server"


def _flag(help_text: str, *names: str, metavar: str | None = None) -> object:
    return typer.Option(*names, help=help_text, metavar=metavar, rich_help_panel=_PANEL, show_default=False)


@dataclass(frozen=True, slots=True)
class CredentialFlags:
    """What proves who asks."""

    key_file: Annotated[Path | None, _flag("A file with an API key.", metavar="FILE")] = None
    signing_id: Annotated[str, _flag("The id of a signing key.", metavar="ID")] = ""
    signing_secret_file: Annotated[
        Path | None, _flag("A file with its secret, or with a private key in PEM.", metavar="FILE")
    ] = None
    scheme: Annotated[str, _flag("How to sign: hmac, sigv4 or rfc9421. Left out: hmac; with PEM: rfc9421.")] = ""
    region: Annotated[str, _flag("Of sigv4: the server's signatures.region.")] = "local"
    service: Annotated[str, _flag("Of sigv4: the server's signatures.service.")] = "mattegate"
    tag: Annotated[str, _flag("Of rfc9421: the server's signatures.tag.")] = ""
    component: Annotated[
        list[str] | None, _flag("Of rfc9421: what is covered; repeatable. Left out: @method, @authority and @path.")
    ] = None

    @property
    def rules(self) -> SignatureRules:
        """The server's rules, as far as these flags tell them."""
        return SignatureRules(
            region=self.region, service=self.service, components=self._components, tag=self.tag
        )  # fmt: skip

    def credential(self) -> Credential:
        """What the flags stand for. Raises :class:`Refusal` ``file.*``, and :class:`typer.BadParameter`."""
        found: list[Credential] = []
        if self.key_file is not None:
            found.append(ApiKey(_ascii(_content(self.key_file), "--key-file")))
        if self.signing_id or self.signing_secret_file:
            found.append(self._signing())
        if not found:
            raise typer.BadParameter("say who asks: --key-file FILE, or --signing-id ID --signing-secret-file FILE")
        return found[0] if len(found) == 1 else Together(tuple(found))

    def _signing(self) -> Credential:
        if not self.signing_id or self.signing_secret_file is None:
            raise typer.BadParameter("--signing-id and --signing-secret-file belong together")
        content = _content(self.signing_secret_file)
        private = content.startswith(b"-----BEGIN")
        scheme = self.scheme or ("rfc9421" if private else "hmac")
        if scheme not in SCHEMES:
            raise typer.BadParameter(f"--scheme is one of {', '.join(SCHEMES)}")
        if private and scheme != "rfc9421":
            raise typer.BadParameter(f"a private key signs by rfc9421, not by {scheme}")
        try:
            key = load_private_key(content) if private else HmacSecret(content)
        except KeyMaterialError as error:
            raise typer.BadParameter(f"--signing-secret-file: {error}") from None
        return self._by(scheme, key)

    def _by(self, scheme: str, key: HmacSecret | PrivateKey) -> Credential:
        if scheme == "rfc9421" or isinstance(key, PrivateKey):
            return MessageSigning(self.signing_id, key, self._components, self.tag)
        if scheme == "sigv4":
            return SigV4Signing(self.signing_id, key.secret, self.region, self.service)
        return HmacSigning(self.signing_id, key)

    @property
    def _components(self) -> tuple[str, ...]:
        return tuple(self.component) if self.component else SignatureRules().components


def server_of(url: str) -> Server:
    """Where the server is. Raises :class:`typer.BadParameter`."""
    try:
        return Server.of(url)
    except ValueError as error:
        raise typer.BadParameter(f"{url!r}: {error}") from None


def _content(file: Path) -> bytes:
    """Of a small file, without white space around it."""
    try:
        with file.open("rb") as stream:
            return stream.read(_MOST).strip()
    except FileNotFoundError:
        raise Refusal("file.not_found", path=str(file)) from None
    except OSError as error:
        raise Refusal("file.unreadable", path=str(file), problem=error.strerror) from error


def _ascii(content: bytes, flag: str) -> str:
    try:
        text = content.decode("ascii")
    except UnicodeDecodeError:
        raise typer.BadParameter(f"{flag}: what stands in the file is no key") from None
    if not text or not text.isprintable():
        raise typer.BadParameter(f"{flag}: what stands in the file is no key")
    return text
