"""The rewrite module: ``set``, ``if``, ``break``, ``return`` and ``rewrite``, run in the order they are written.

An ``if`` within a location also becomes the block whose configuration applies, whether its lines concern rewriting or
not; that is why ``return`` in it comes before ``allow``, ``deny`` and every kind of authentication.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mattegate.doctor.nginx.content import looked_up
from mattegate.doctor.nginx.files import FILES, FOLDERS, THERE, Modes
from mattegate.doctor.nginx.locating import HANDLERS
from mattegate.doctor.nginx.regex import Untranslated, search
from mattegate.doctor.nginx.uri import as_bytes_text, escape_args, unescape_redirect
from mattegate.doctor.nginx.values import Undecided, expand
from mattegate.doctor.nginx.variables import Variables

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.scope import Scope
    from mattegate.doctor.nginx.state import State

_LEADS_AWAY: Final = ("http://", "https://", "$scheme")
REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
"""The statuses that ``return`` takes a URL with."""


@dataclass(frozen=True, slots=True)
class Returned:
    """The script ended with an answer."""

    status: int
    directive: Directive
    location: str | None = None
    """Of a redirect."""
    text: bool = False
    """Whether it has a body of its own, so that no ``error_page`` takes its place."""


@dataclass(frozen=True, slots=True)
class Ran:
    """The script ended without one; ``moved``: the URI is another now, and looks for its location."""

    moved: bool = False


class _Stop(Exception):  # noqa: N818 - the end of a script
    """``break``, or a ``rewrite`` with ``last`` or ``break``."""


def run(scope: Scope, state: State) -> Returned | Ran:
    """Run the script of one block. Raises :class:`Undecided`."""
    script = _Script(state)
    try:
        result = script.run(scope, in_location=scope.kind != "server")
    except _Stop:
        result = None
    except Untranslated as error:
        raise Undecided(str(error)) from error
    return result or Ran(script.moved)


class _Script:
    def __init__(self, state: State) -> None:
        self._state = state
        self._lookup = Variables(state)
        self.moved = False

    def run(self, scope: Scope, *, in_location: bool) -> Returned | None:
        """Run the lines that stand in ``scope``."""
        for line in scope.directive.children:
            result = self._line(line, scope, in_location=in_location)
            if result is not None:
                return result
        return None

    def _line(self, line: Directive, scope: Scope, *, in_location: bool) -> Returned | None:
        if line.name == "set" and len(line.args) == 2:
            self._set(line.args[0].removeprefix("$"), self._lookup.expand(line.args[1]))
        elif line.name == "break":
            self._stay()
            raise _Stop
        elif line.name == "return" and line.args:
            return self._return(line)
        elif line.name == "rewrite" and len(line.args) >= 2:
            return self._rewrite(line)
        elif line.name == "if" and line.block is not None:
            return self._if(line, scope, in_location=in_location)
        return None

    def _set(self, name: str, value: str) -> None:
        """``$args`` alone of nginx's own variables about the target can be given another value."""
        if name == "args":
            self._state.args, self._state.untouched = value, False
        else:
            self._state.variables[name] = value

    def _stay(self) -> None:
        """A URI that was moved stays in this location, whose name no longer begins it (ngx_http_script_break_code)."""
        if self.moved:
            self._state.located, self.moved = False, False

    def _if(self, line: Directive, scope: Scope, *, in_location: bool) -> Returned | None:
        if not self._holds(line):
            return None
        self._state.step("rewrite", f"if ({' '.join(line.args)}) holds", line)
        inner = scope.inner(line)
        if in_location:
            self._state.scope = inner
            self._state.taken = next(iter(inner.own(*HANDLERS)), self._state.taken)
        return self.run(inner, in_location=in_location)

    def _holds(self, line: Directive) -> bool:
        args = line.args
        if args[0] in _FILE_TESTS or args[0] in {f"!{test}" for test in _FILE_TESTS}:
            return self._file_test(args[0], self._lookup.expand(args[1]))
        value = self._lookup.expand(args[0])
        if len(args) == 1:
            return value not in {"", "0"}
        operator, operand = args[1], " ".join(args[2:])
        if operator in {"=", "!="}:
            return (value == self._lookup.expand(operand)) is (operator == "=")
        return self._matches(value, operator, operand)

    def _matches(self, value: str, operator: str, pattern: str) -> bool:
        found = search(as_bytes_text(pattern), value, ignore_case=operator.endswith("*"))
        self._capture(found)
        return (found is not None) is not operator.startswith("!")

    def _capture(self, found: re.Match[str] | None) -> None:
        """A pattern that does not match takes the captures of the one before away."""
        if found is None:
            self._state.captures = ()
            return
        self._state.captures = (found[0], *(group or "" for group in found.groups()))
        self._state.variables.update({name: text or "" for name, text in found.groupdict().items()})

    def _file_test(self, test: str, path: str) -> bool:
        kind = looked_up(self._state, path)
        holds = {
            "f": kind in FILES,
            "d": kind in FOLDERS,
            "e": kind in FILES | FOLDERS,
            "x": kind in THERE and self._executable(path),
        }[test[-1]]
        return holds is not test.startswith("!")

    def _executable(self, path: str) -> bool:
        files = self._state.around.files
        known = files.executable(path) if isinstance(files, Modes) else None
        if known is None:
            raise Undecided(f"whether {path} may be executed")
        return known

    def _return(self, line: Directive) -> Returned:
        first = line.args[0]
        if not first.isdecimal():
            return Returned(302, line, self._lookup.expand(first))
        code = int(first)
        if code in REDIRECTS:  # without a URL, the header is there and empty
            return Returned(code, line, self._lookup.expand(line.args[1]) if len(line.args) > 1 else "")
        if len(line.args) == 1:
            return Returned(code, line)
        return Returned(code, line, text=True)

    def _rewrite(self, line: Directive) -> Returned | None:
        pattern, replacement, *flag = line.args
        state = self._state
        found = search(as_bytes_text(pattern), state.uri)
        self._capture(found)
        if found is None:
            return None
        redirect = _redirects(replacement, flag)
        path, args = self._replaced(replacement, redirect=redirect)
        own = replacement.endswith("?") or not state.args
        if redirect:
            code = 301 if "permanent" in flag else 302
            made = unescape_redirect(f"{path}?{args}" if args else path)
            return Returned(code, line, made if own else f"{made}{'&' if args else '?'}{state.args}")
        return self._move(line, path, "&".join(filter(None, (args, "" if own else state.args))), flag)

    def _replaced(self, replacement: str, *, redirect: bool) -> tuple[str, str]:
        """The new path and arguments; captures are escaped again where they become part of a redirect or of arguments.

        The arguments of the request, which follow unless the replacement ends in a question mark, are not among them.
        """
        path, mark, args = replacement.partition("?")
        quoted = self._state.quoted or "+" in self._state.raw.partition("?")[0]

        def escaped(name: str) -> str:
            value = self._lookup(name)
            return escape_args(value) if quoted and name.isdecimal() else value

        head = expand(path, escaped if redirect else self._lookup)
        return head, expand(args.removesuffix("?"), escaped) if mark else ""

    def _move(self, line: Directive, path: str, args: str, flag: list[str]) -> Returned | None:
        state = self._state
        if not path:
            return Returned(500, line)
        state.step("rewrite", f"{state.uri} becomes {path}", line)
        state.uri, state.args, state.moved = path, args, line
        state.internal, state.untouched = True, False
        self.moved = True
        if "break" in flag:
            self._stay()
            raise _Stop
        if "last" in flag:
            raise _Stop
        return None


_FILE_TESTS: Final = frozenset({"-f", "-d", "-e", "-x"})


def _redirects(replacement: str, flag: list[str]) -> bool:
    return replacement.startswith(_LEADS_AWAY) or bool({"redirect", "permanent"} & set(flag))
