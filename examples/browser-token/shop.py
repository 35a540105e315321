"""A shop whose page makes cut-outs without a key in it: this server holds the key, and gets tokens for the page.

    .venv/bin/mattegate keys create --name shop --tier free --file shop.key
    MATTEGATE_TOKENS_ENABLED=true MATTEGATE_TOKENS_ISSUER=http://127.0.0.1:8000 \\
        MATTEGATE_CORS_ALLOWED_ORIGINS=http://localhost:8080 .venv/bin/mattegate serve
    .venv/bin/python examples/browser-token/shop.py --key shop.key

Then open http://localhost:8080. Nothing but the standard library is needed. What goes wrong reaches the page as JSON
with a title and a detail, as the API's own refusals do, so that it can show either.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen


class Shop(SimpleHTTPRequestHandler):
    """The page, and ``POST /token`` for it."""

    def __init__(self, *args: object, api: str, key: str, origin: str) -> None:
        self.api, self.key, self.origin = api, key, origin
        super().__init__(*args, directory=str(Path(__file__).parent / "page"))  # type: ignore[arg-type]

    def do_POST(self) -> None:
        """A token for one visitor, and where it works. A real shop would first see who asks, and how often."""
        if self.path != "/token":
            self._answer(404, _problem("Nothing is here", "Tokens are at /token."))
        elif self.headers["Origin"] != self.origin:
            told = f"Tokens are for pages of {self.origin} alone; open the shop there."
            self._answer(403, _problem("Not a page of this shop", told))
        else:
            self._answer(*self._token())

    def _token(self) -> tuple[int, dict[str, object]]:
        wanted = {"origin": self.origin, "images": 3, "megapixels": 12, "minutes": 5}
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        asked = Request(f"{self.api}/v1/browser-tokens", json.dumps(wanted).encode(), headers)  # noqa: S310
        try:
            with urlopen(asked, timeout=10) as answer:  # noqa: S310 - the address is the operator's own
                return answer.status, {**json.load(answer), "api": self.api}
        except HTTPError as refused:  # the API explains why
            return refused.code, json.load(refused)
        except (URLError, TimeoutError):
            return 502, _problem("No token to be had", "The shop's server cannot reach the API.")

    def _answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(body)


def _problem(title: str, detail: str) -> dict[str, object]:
    return {"title": title, "detail": detail}


def main() -> None:
    """Serve the page until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", type=Path, required=True, help="the file that holds the API key")
    parser.add_argument("--api", default="http://127.0.0.1:8000")
    parser.add_argument("--port", type=int, default=8080)
    given = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", given.port), SimpleHTTPRequestHandler)
    origin = f"http://localhost:{server.server_address[1]}"
    server.RequestHandlerClass = partial(Shop, api=given.api, key=given.key.read_text().strip(), origin=origin)
    sys.stdout.write(f"{origin}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
