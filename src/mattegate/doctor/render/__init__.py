"""Renderers: one :class:`~mattegate.doctor.answer.Answer` for a terminal, a page, an issue, a machine or the public.

Rules of this room:

1. It reads answers and gives back text; it opens nothing, prints nothing and decides nothing.
2. What is told is decided once (``told``, ``way``, ``words``); each format only lays it out and escapes for itself.
3. Every answer is taken for hostile: whatever stands in it, the outcome is bounded, and safe in its format.
"""

from __future__ import annotations

from mattegate.doctor.render.drawing import as_svg
from mattegate.doctor.render.machine import as_json
from mattegate.doctor.render.markdown import as_markdown
from mattegate.doctor.render.page import as_page
from mattegate.doctor.render.share import shareable
from mattegate.doctor.render.text import as_text

__all__ = ["as_json", "as_markdown", "as_page", "as_svg", "as_text", "shareable"]
