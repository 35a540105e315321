"""Closed-form matting: the best edges that arithmetic alone can find, for whoever can wait for them.

The matte becomes a trimap (surely subject, surely not, unknown), and the unknown is solved for, so that alpha is
locally linear in colour everywhere (Levin, Lischinski and Weiss, "A Closed-Form Solution to Natural Image Matting",
2008). The solver is PyMatting, an optional part, imported only when somebody asks for it.

Rules of this file: trimap, size and failure are ours, the solving is not. A failure is never silent: the edges are
refined the fast way instead, and a note says so.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import Any, Final, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from mattegate.cutout.cells import LARGEST_CELL, box_around, shrunk
from mattegate.cutout.picture import RGB, Plane
from mattegate.cutout.refine import guided
from mattegate.cutout.refine.edges import refine_edges
from mattegate.vocabulary.refusal import Refusal

Solved: TypeAlias = NDArray[np.float64]
Solver: TypeAlias = Callable[[Solved, Solved], Solved]
"""From colours ``(rows, columns, 3)`` and a trimap of 0, 1/2 and 1, ``(rows, columns)``, to alpha, all on 0 to 1.

Raises ``ValueError`` where it finds no solution.
"""

NOT_SOLVED: Final = "closed-form matting found no solution for this picture; its edges were refined instead"
NOTHING_SURE: Final = "closed-form matting needs both sure subject and sure background; edges were refined instead"

_SURE_SUBJECT: Final = 240
_SURE_BACKGROUND: Final = 10
"""The levels beyond which the matte is believed; rembg's defaults."""
_UNKNOWN: Final = 128
_UNSURE: Final = 1 / 100
"""Share of the longer side by which both sure regions are made smaller; rembg takes 10 pixels at every size."""
_PIXELS: Final = 1_000_000
"""As many are solved at most, which takes PyMatting some 600 MB; larger pictures are solved on cells and enlarged by
the guided filter."""
_ENLARGING_RADIUS: Final = 2
_FILL: Final = 8
"""How many times the matrix its incomplete factor may fill (3 is usual): PyMatting would reserve 4 GB at once."""
_EFFORT: Final = {"rtol": 1e-5, "maxiter": 1000}
"""Seven steps are usual; alpha has 8 bits in the end."""


def refine_matting(rgb: RGB, matte: Plane, *, solve: Solver | None = None) -> tuple[Plane, tuple[str, ...]]:
    """The matte with its edges solved for, and notes for the caller.

    ``rgb`` is ``(height, width, 3)`` uint8, ``matte`` and the result ``(height, width)`` uint8. Without ``solve`` it is
    PyMatting that solves.

    Raises :class:`Refusal` ``option.extra_missing`` where PyMatting is needed and not installed.
    """
    solve = solve or closed_form()
    trimap = trimap_of(matte)
    unknown = (trimap == _UNKNOWN).view(np.uint8)
    if not unknown.any():
        return trimap, ()
    if np.ptp(trimap) < 255:
        return refine_edges(rgb, matte), (NOTHING_SURE,)
    rows, columns = box_around(unknown, margin=_ENLARGING_RADIUS * LARGEST_CELL)
    refined = trimap.copy()
    try:
        _write_solution(solve, rgb[rows, columns], trimap[rows, columns], refined[rows, columns])
    except ValueError:
        return refine_edges(rgb, matte), (NOT_SOLVED,)
    return refined, ()


def trimap_of(matte: Plane) -> Plane:
    """255 where the subject is sure, 0 where the background is, 128 between them and near both."""
    side = 2 * max(1, round(max(matte.shape) * _UNSURE)) + 1
    kernel = np.ones((side, side), np.uint8)
    trimap = np.full_like(matte, _UNKNOWN)
    trimap[cv2.erode(cv2.inRange(matte, _SURE_SUBJECT, 255), kernel) > 0] = 255
    trimap[cv2.erode(cv2.inRange(matte, 0, _SURE_BACKGROUND), kernel) > 0] = 0
    return trimap


def closed_form() -> Solver:
    """PyMatting's solver, bounded in memory and steps.

    Raises :class:`Refusal` ``option.extra_missing`` where PyMatting is not installed.
    """
    try:
        from pymatting import estimate_alpha_cf, ichol  # noqa: PLC0415 - takes seconds, and is optional
    except ImportError:
        raise Refusal("option.extra_missing", option="refine=matting", extra="matting") from None

    def factor(matrix: Any) -> object:
        return ichol(matrix, max_nnz=_FILL * matrix.nnz)

    def solve(colours: Solved, trimap: Solved) -> Solved:
        with redirect_stdout(io.StringIO()):  # PyMatting prints when its first factor fails, and then tries others
            alpha = estimate_alpha_cf(colours, trimap, preconditioner=factor, cg_kwargs=_EFFORT)
        return np.asarray(alpha, np.float64)

    return solve


def _write_solution(solve: Solver, rgb: RGB, trimap: Plane, refined: Plane) -> None:
    """Solve on as few cells as are allowed, and write alpha into the unknown pixels of ``refined``."""
    cell = max(1, math.ceil(math.sqrt(trimap.size / _PIXELS)))
    colours, sure = shrunk(rgb, cell), shrunk(trimap, cell)
    known = (sure <= 0) | (sure >= 1)
    alpha = solve(colours.astype(np.float64), np.where(known, sure, 0.5).astype(np.float64)).astype(np.float32)
    unknown = trimap == _UNKNOWN
    if cell == 1:
        refined[unknown] = np.rint(alpha.clip(0, 1) * 255).astype(np.uint8)[unknown]
        return
    enlarged = refined.copy()
    model = guided.fit(colours, alpha, radius=_ENLARGING_RADIUS, gain=0)
    guided.apply(model, rgb, (~known).astype(np.uint8), cell, enlarged)
    refined[unknown] = enlarged[unknown]
