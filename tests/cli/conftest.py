"""Fixtures of the command line's tests."""

from __future__ import annotations

from tests.cli.at_home import at

__all__ = ["at"]
