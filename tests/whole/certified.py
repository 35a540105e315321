"""What stories of client certificates share: authorities, whoever they certify, and how curl shows a certificate."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mattegate.config.settings import Settings
from mattegate.ledger.desk_keys import Terms
from mattegate.ledger.opening import open_accounts
from tests.signing.authority import Authority, Issued
from tests.whole.apis import Api
from tests.whole.proxies import Answer, curl

WHOAMI = "/v1/whoami"


@dataclass
class House:
    """Two authorities of which one is trusted, and files for all that they issued."""

    folder: Path
    trusted: Authority
    below: Authority
    stranger: Authority
    written: int = 0

    @property
    def store(self) -> Path:
        """The trust store's file."""
        return self.folder / "clients-ca.pem"

    @property
    def lists(self) -> Path:
        """The file of revocations."""
        return self.folder / "clients-crl.pem"

    def files(self, issued: Issued) -> tuple[str, ...]:
        """curl's options to show a certificate."""
        self.written += 1
        certificate, key = issued.write(self.folder, f"client{self.written}")
        return ("--cert", str(certificate), "--key", str(key))

    def server_settings(self) -> dict[str, Any]:
        """TLS for localhost."""
        certificate, key = self.trusted.server().write(self.folder, "server")
        return {"tls_certificate": str(certificate), "tls_key": str(key)}

    def certificate_settings(self, mode: str, **more: Any) -> dict[str, Any]:
        """Which certificates are asked for."""
        return {"mode": mode, "trust_store": str(self.store), "revocation_lists": [str(self.lists)], **more}


def founded(folder: Path) -> House:
    """A house whose trust store holds one authority, and whose list revokes nothing yet."""
    root = Authority("clients of the house")
    made = House(folder, root, Authority("below", issuer=root), Authority("stranger"))
    made.store.write_bytes(root.pem)
    made.lists.write_bytes(root.revocations())
    return made


def bind(api: Api, name: str, *matches: str, **terms: Any) -> None:
    """Let certificates stand for a new identity."""
    with open_accounts(Settings(home=api.home)) as accounts:
        identity = accounts.desk.create_identity(name, tier="vip", actor="cli:test", scopes=("*",))
        for match in matches:
            accounts.desk.create_certificate_key(identity.view.id, actor="cli:test", terms=Terms(**terms), match=match)


def ask(house: House, api: Api, path: str = WHOAMI, *arguments: str, shown: Issued | None = None) -> Answer:
    """One request, with the server's certificate checked."""
    authority = house.folder / "server-ca.pem"
    authority.write_bytes(house.trusted.pem)
    files = house.files(shown) if shown else ()
    port = api.url.rpartition(":")[2]
    return curl("--cacert", str(authority), *files, *arguments, f"https://localhost:{port}{path}")


_NGINX = """
server {{
  listen 127.0.0.1:{port} ssl;
  ssl_certificate {certificate}; ssl_certificate_key {key};
  ssl_client_certificate {store}; ssl_verify_client {verify}; ssl_verify_depth 4;
  location / {{
    proxy_pass {upstream};
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-SSL-Client-Cert $ssl_client_escaped_cert;
    proxy_set_header Client-Cert "";
  }}
}}
"""


def nginx_for(house: House, api: Api, port: int, verify: str) -> str:
    """A server for localhost that asks for certificates and passes on what it is shown."""
    certificate, key = house.trusted.server().write(house.folder, "nginx")
    return _NGINX.format(
        port=port, certificate=certificate, key=key, store=house.store, verify=verify, upstream=api.url
    )


def through(house: House, port: int, *arguments: str, shown: Issued | None = None, path: str = WHOAMI) -> Answer:
    """One request through the proxy on ``port``."""
    authority = house.folder / "server-ca.pem"
    authority.write_bytes(house.trusted.pem)
    files = house.files(shown) if shown else ()
    return curl("--cacert", str(authority), *files, *arguments, f"https://localhost:{port}{path}")


def binary(issued: Issued) -> str:
    """A certificate as RFC 9440 writes it."""
    return ":" + base64.b64encode(issued.der).decode() + ":"
