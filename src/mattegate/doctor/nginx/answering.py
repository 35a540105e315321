"""A review of a configuration as the doctor's one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mattegate.doctor.attribution import Evidence, join
from mattegate.doctor.nginx.review.run import Reviewed, as_json, review_tree

if TYPE_CHECKING:
    from mattegate.doctor.answer import Answer
    from mattegate.doctor.nginx.request import Request
    from mattegate.doctor.nginx.state import Surroundings
    from mattegate.doctor.nginx.tree import Tree


def evidence_of(reviewed: Reviewed) -> Evidence:
    """What a review adds to the evidence."""
    return Evidence(
        clues=reviewed.clues,
        checked=reviewed.checked,
        not_checked=reviewed.not_checked,
        undecided=reviewed.undecided,
        requests=tuple(as_json(prediction) for prediction in reviewed.predictions),
    )


def review(
    tree: Tree, requests: Request | Sequence[Request] | None = None, around: Surroundings | None = None
) -> Answer:
    """Review a configuration for one request, several, or the usual ones."""
    wanted = () if requests is None else requests if isinstance(requests, Sequence) else (requests,)
    return join(evidence_of(review_tree(tree, wanted, around)))
