"""The rulebook in force, and earlier ones as long as records name them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from mattegate.serving.admin.parts import Parts
from mattegate.serving.admin.shown import Shown
from mattegate.vocabulary.refusal import Refusal

router = APIRouter(prefix="/rulebook", tags=["rulebook"])


class RulebookShown(Shown):
    """Everything that decisions go by."""

    revision: str = Field(description="The hash of its contents, which records name.")
    current: bool
    rulebook: dict[str, Any]


@router.get("")
async def see_rulebook(parts: Parts) -> RulebookShown:
    """The rulebook in force."""
    rules = parts.gatehouse.rules()
    return RulebookShown(revision=rules.revision, current=True, rulebook=asdict(rules.rulebook))


@router.get("/{revision}")
async def see_revision(parts: Parts, revision: str) -> RulebookShown:
    """The rulebook of a revision."""
    rulebook = await parts.read(parts.records.rulebook, revision)
    if rulebook is None:
        raise Refusal("account.not_found", what="rulebook", name=revision[:100])
    current = parts.gatehouse.rules().revision == revision
    return RulebookShown(revision=revision, current=current, rulebook=asdict(rulebook))
