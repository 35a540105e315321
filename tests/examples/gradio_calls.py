"""What a program with Gradio's own client sees: ``python gradio_calls.py URL HEADERS PHOTO`` prints it as JSON.

Run by the interpreter of the Gradio environment, so it imports nothing of ours.
"""

from __future__ import annotations

import json
import sys
from typing import Any


def main() -> None:
    """Call every act of the example once."""
    from gradio_client import Client, handle_file  # type: ignore[import-not-found]  # noqa: PLC0415

    url, headers, photo = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3]
    try:
        client = Client(url, headers=headers, verbose=False, analytics_enabled=False)
        job = client.submit(3, api_name="/count")
        job.result(timeout=30)
        told: dict[str, Any] = {
            "whoami": client.predict(api_name="/whoami"),
            "pieces": job.outputs(),
            "mirrored": client.predict(handle_file(photo), api_name="/mirror"),
        }
    except Exception as error:  # noqa: BLE001 - whatever the client makes of a refusal is what is asked for
        told = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
