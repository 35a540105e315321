"""A shop whose page makes cut-outs without a key in it: this server holds the key, and gets tokens for the page.

    .venv/bin/mattegate keys create --name shop --file shop.key
    MATTEGATE_TOKENS_ENABLED=true MATTEGATE_TOKENS_ISSUER=http://127.0.0.1:8000 \\
        MATTEGATE_CORS_ALLOWED_ORIGINS=http://localhost:8080 .venv/bin/mattegate serve
    .venv/bin/python examples/browser-token/shop.py --key shop.key

Then open http://localhost:8080. Nothing but the standard library is needed.
"""

from __future__ import annotations

import argparse
import json
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen


class Shop(SimpleHTTPRequestHandler):
    """The page, and ``POST /token`` for it."""

    def __init__(self, *args: object, api: str, key: str, origin: str) -> None:
        self.api, self.key, self.origin = api, key, origin
        super().__init__(*args, directory=str(Path(__file__).parent / "page"))  # type: ignore[arg-type]

    def do_POST(self) -> None:
        """A token for one visitor. A real shop would first see who asks, and how often."""
        if self.path != "/token" or self.headers["Origin"] != self.origin:
            self.send_error(404)
            return
        wanted = {"origin": self.origin, "images": 3, "megapixels": 12, "minutes": 5}
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        try:
            asked = Request(f"{self.api}/v1/browser-tokens", json.dumps(wanted).encode(), headers)  # noqa: S310
            with urlopen(asked) as answer:  # noqa: S310 - the address is the operator's own
                status, body = answer.status, answer.read()
        except HTTPError as refused:  # the API explains why
            status, body = refused.code, refused.read()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


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
