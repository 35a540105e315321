"""Why a figure could not be taken."""

from __future__ import annotations


class Unmeasurable(Exception):  # noqa: N818 - an outcome that is reported beside the figures, not an error
    """The sentence stands in the report in place of the figure."""
