"""A review of a configuration alone as the doctor's one answer."""

from __future__ import annotations

from collections.abc import Sequence

from mattegate.doctor.answer import Answer
from mattegate.doctor.attribution import Evidence, join
from mattegate.doctor.nginx.request import Request
from mattegate.doctor.nginx.review.run import as_json, review_tree
from mattegate.doctor.nginx.state import Surroundings
from mattegate.doctor.nginx.tree import Tree


def review(tree: Tree, requests: Request | Sequence[Request] = (), around: Surroundings | None = None) -> Answer:
    """Review it for one request, several, or the usual ones."""
    reviewed = review_tree(tree, (requests,) if isinstance(requests, Request) else requests, around)
    return join(
        Evidence(
            clues=reviewed.clues,
            checked=reviewed.checked,
            not_checked=reviewed.not_checked,
            undecided=reviewed.undecided,
            requests=tuple(as_json(prediction) for prediction in reviewed.predictions),
        )
    )
