"""A changed configuration as the text of a file again. Comments are gone: a tree does not hold them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mattegate.doctor.nginx.directive import Directive, spelled

_INDENT = "    "


def file_text(directives: Sequence[Directive], file: str) -> str:
    """What of a whole configuration stands in one of its files, written out."""
    return "".join(f"{line}\n" for each in _outermost(directives, file) for line in _lines(each, ""))


def _outermost(directives: Iterable[Directive], file: str) -> Iterator[Directive]:
    """The directives of a file that stand in no other of the same file, wherever they were included."""
    for each in directives:
        if each.file == file:
            yield each
        else:
            yield from _outermost(each.children, file)


def _lines(directive: Directive, indent: str) -> Iterator[str]:
    if directive.name.endswith("_by_lua_block"):
        yield f"{indent}{' '.join([directive.name, *map(spelled, directive.args[:-1])])} {{{directive.args[-1]}}}"
        return
    head = indent + _head(directive)
    if directive.block is None:
        yield f"{head};"
        return
    yield f"{head} {{"
    for child in directive.block:
        yield from _lines(child, indent + _INDENT)
    yield f"{indent}}}"


def _head(directive: Directive) -> str:
    words = " ".join(map(spelled, directive.args))
    if directive.name == "if":
        words = f"({words})"
    return f"{spelled(directive.name)} {words}".rstrip()
