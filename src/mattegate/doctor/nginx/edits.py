"""Changes to a configuration, as data: what is taken out, put in or changed, how to apply it, how to show it.

Rules of this file: pure; a change names the directive it is about; a directive that was included in several places is
one line of one file, so a change to it happens in all of them; nothing here runs or reads anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from mattegate.doctor.nginx.directive import Directive

DEEPEST: Final = 64
"""Blocks within blocks."""


class BadEdit(Exception):  # noqa: N818 - the state of what was given
    """A change names nothing, or more than one thing; the message is a sentence."""


class Where(StrEnum):
    """Where something new goes, seen from a directive that is there."""

    BEFORE = "before"
    AFTER = "after"
    FIRST = "first"
    """As the first of its block."""
    LAST = "last"
    """As the last of its block."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Takes a directive out, with its block."""

    target: Directive


@dataclass(frozen=True, slots=True)
class Replace:
    """Puts other directives in the place of one."""

    target: Directive
    by: tuple[Directive, ...]


@dataclass(frozen=True, slots=True)
class Insert:
    """Puts directives next to one, or into its block."""

    target: Directive
    where: Where
    new: tuple[Directive, ...]


@dataclass(frozen=True, slots=True)
class ChangeArgs:
    """Gives a directive other arguments; its block stays."""

    target: Directive
    args: tuple[str, ...]


Edit = Remove | Replace | Insert | ChangeArgs


def new(name: str, *args: str, block: tuple[Directive, ...] | None = None) -> Directive:
    """A directive that stands in no file yet; an edit gives it the place it is put at."""
    return Directive(name, args, "", 0, block)


def find(directives: Sequence[Directive], file: str, line: int, name: str = "") -> Directive:
    """The directive at a place. Raises :class:`BadEdit` where there is none, or several that differ."""
    found = [each for each in walk(directives) if (each.file, each.line) == (file, line) and name in {"", each.name}]
    if not found:
        raise BadEdit(f"{file}:{line} holds no {name or 'directive'}")
    if any(_key(other) != _key(found[0]) for other in found):
        names = ", ".join(sorted({other.name for other in found}))
        raise BadEdit(f"{file}:{line} holds more than one directive: {names}")
    return found[0]


def walk(directives: Sequence[Directive]) -> list[Directive]:
    """All directives in their order. Raises :class:`BadEdit` where they are nested too deep."""
    found: list[Directive] = []
    todo = [(each, 1) for each in reversed(directives)]
    while todo:
        directive, depth = todo.pop()
        if depth > DEEPEST:
            raise BadEdit(f"{directive.file}:{directive.line}: blocks are nested deeper than {DEEPEST}")
        found.append(directive)
        todo.extend((child, depth + 1) for child in reversed(directive.children))
    return found


def apply(directives: tuple[Directive, ...], edits: Sequence[Edit]) -> tuple[Directive, ...]:
    """The configuration with every change made, in their order. Raises :class:`BadEdit`."""
    for edit in edits:
        wanted = _key(edit.target)
        if all(_key(each) != wanted for each in walk(directives)):
            raise BadEdit(f"{edit.target.file}:{edit.target.line} no longer holds {edit.target.text!r}")
        directives = _changed(directives, wanted, lambda found, edit=edit: _outcome(edit, found))  # type: ignore[misc]
        walk(directives)
    return directives


def describe(edit: Edit) -> str:
    """The change as a small unified diff, as the lines would be spelled."""
    place = edit.target
    old = [] if isinstance(edit, Insert) else _lines(replace(place, block=None), opened=place.block)
    made, at = _described(edit)
    head = f"@@ -{place.line}{_span(old)} +{at}{_span(made)} @@"
    gone = [f"-{line}" for line in old]
    return "\n".join([f"--- {place.file}", f"+++ {place.file}", head, *gone, *(f"+{line}" for line in made)])


def _described(edit: Edit) -> tuple[list[str], int]:
    line = edit.target.line
    match edit:
        case Remove():
            return [], line
        case Replace(by=directives):
            return _all_lines(directives), line
        case ChangeArgs(args=args):
            return _lines(replace(edit.target, args=args, block=None), opened=edit.target.block), line
        case Insert(where=where, new=directives):
            return _all_lines(directives), line + (where is not Where.BEFORE)


def _span(lines: list[str]) -> str:
    return "" if len(lines) == 1 else f",{len(lines)}"


def _all_lines(directives: Sequence[Directive]) -> list[str]:
    return [line for each in directives for line in _lines(replace(each, block=None), opened=each.block)]


def _lines(head: Directive, *, opened: tuple[Directive, ...] | None, indent: str = "") -> list[str]:
    words = head.text.removesuffix(";")
    if head.name == "if" and head.args:
        words = f"if ({words.removeprefix('if ')})"
    if opened is None:
        return [f"{indent}{words};"]
    inside = [
        line
        for child in opened
        for line in _lines(replace(child, block=None), opened=child.block, indent=indent + "    ")
    ]
    return [f"{indent}{words} {{", *inside, f"{indent}}}"]


_Key = tuple[str, int, str, tuple[str, ...]]


def _key(directive: Directive) -> _Key:
    """What makes a directive the same one before and after something in its block was changed."""
    return directive.file, directive.line, directive.name, directive.args


def _changed(
    directives: tuple[Directive, ...], wanted: _Key, change: Callable[[Directive], tuple[Directive, ...]]
) -> tuple[Directive, ...]:
    result: list[Directive] = []
    for each in directives:
        if _key(each) == wanted:
            result.extend(change(each))
        elif each.block:
            result.append(replace(each, block=_changed(each.block, wanted, change)))
        else:
            result.append(each)
    return tuple(result)


def _outcome(edit: Edit, found: Directive) -> tuple[Directive, ...]:
    match edit:
        case Remove():
            return ()
        case Replace(by=directives):
            return _placed(directives, found)
        case ChangeArgs(args=args):
            return (replace(found, args=args),)
        case Insert(where=where, new=directives):
            return _inserted(found, where, _placed(directives, found))


def _inserted(found: Directive, where: Where, made: tuple[Directive, ...]) -> tuple[Directive, ...]:
    if where is Where.BEFORE:
        return (*made, found)
    if where is Where.AFTER:
        return (found, *made)
    if found.block is None:
        raise BadEdit(f"{found.file}:{found.line}: {found.name} has no block to put something into")
    return (replace(found, block=(*made, *found.block) if where is Where.FIRST else (*found.block, *made)),)


def _placed(directives: Sequence[Directive], at: Directive) -> tuple[Directive, ...]:
    """What is new stands where it was put, so that nginx's complaint about it finds a line."""
    return tuple(
        replace(
            each,
            file=each.file or at.file,
            line=each.line or at.line,
            block=None if each.block is None else _placed(each.block, at),
        )
        for each in directives
    )
