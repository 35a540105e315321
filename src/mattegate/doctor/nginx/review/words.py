"""Small words that clues are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mattegate.doctor.answer import Certainty, Culprit
from mattegate.doctor.clue import Clue

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Request

ORIGIN = "nginx model"


def culprit(*directives: Directive | None) -> tuple[Culprit, ...]:
    """The lines that decide; blocks that nobody wrote are left out."""
    return tuple(Culprit(d.file, d.line, d.text) for d in directives if d is not None and d.line)


def place(directive: Directive | None) -> str:
    """``file:line``."""
    return f"{directive.file}:{directive.line}" if directive is not None else "the configuration"


def rule(directive: Directive | None) -> str:
    """The line as it is written."""
    return directive.text if directive is not None else "nginx's default"


def asked(request: Request) -> str:
    """``METHOD /path``, with what the variant is about."""
    words = f"{request.method} {request.path}"
    return f"{words} ({request.label})" if request.label else words


def facts_of(directive: Directive | None, request: Request, **more: object) -> dict[str, str]:
    """What every cause's sentences may name."""
    return {
        "rule": rule(directive),
        "place": place(directive),
        "path": request.path,
        "method": request.method,
        "host": request.host or "",
        "client": request.client,
        **{name: str(value) for name, value in more.items()},
    }


def clue_of(cause: str, certainty: Certainty, *lines: Directive, **facts: object) -> Clue:
    """What lines show by themselves, whatever is asked; the first of them is the rule that the sentences name."""
    said = {"rule": lines[0].text, "place": place(lines[0])} | {name: str(value) for name, value in facts.items()}
    evidence = tuple(f"{line.text} ({place(line)})" for line in lines)
    return Clue(cause, certainty, ORIGIN, evidence, said, culprit=culprit(*lines))
