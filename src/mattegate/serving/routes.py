"""The paths of the data plane, each under the prefix of the settings."""

from __future__ import annotations

from typing import Final

CUTOUT_PATHS: Final = ("/v1/remove-bg", "/remove-bg", "/remove", "/remove-background")
"""The path that makes cut-outs, and its aliases."""

REASONS_PATH: Final = "/docs/reasons"
"""The page that every problem's ``type`` points into."""
