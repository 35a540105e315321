"""What the modules of the access phase say of a request, before ``satisfy`` joins it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive


class Say(Enum):
    """What one module says."""

    PASSES = "passes"
    NO_SAY = "no say"
    REFUSES = "refuses"


@dataclass(frozen=True, slots=True)
class Word:
    """What one module says, and by which line."""

    say: Say
    mechanism: str = ""
    status: int = 0
    directive: Directive | None = None


NO_SAY: Final = Word(Say.NO_SAY)
