"""Files in the place of the lines that bring them in: ``include``, and the rule files of ModSecurity.

Each is read once for each place, and no file includes itself. Whether nginx would stop at a file that is not there
turns on the folder it starts from, so that is kept apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.finding import MOST_BYTES, MOST_FILES, Lookup, Unread
from mattegate.doctor.nginx.lexer import Problem, read_directives
from mattegate.doctor.nginx.modsecurity.engine import SOURCES
from mattegate.doctor.nginx.modsecurity.files import RuleFiles


class Including:
    """Puts files in the place of ``include``, and keeps the rules that lines of ModSecurity bring in."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._rule_files = RuleFiles(lookup)
        self._prefix = "/"
        self._open: list[tuple[str, str]] = []
        self._bytes = 0
        self.files: list[str] = []
        self.problems: list[Problem] = []
        self.missing: list[Problem] = []
        """Includes that are not there; whether nginx would stop at them turns on the folder it starts from."""
        self.rules: dict[Directive, tuple[Directive, ...]] = {}
        """What the lines that bring in rules of ModSecurity come to; those that could not be read are left out."""

    def begin(self, name: str, text: str, prefix: str) -> None:
        """Read nothing yet but the file that includes the others."""
        self._prefix, self._bytes = prefix, len(text)
        self._open, self.files = [(name, text)], [name]

    def expand(self, directives: Iterable[Directive]) -> Iterable[Directive]:
        """The directives, with what each ``include`` brings in in its place."""
        for directive in directives:
            if directive.name == "include" and len(directive.args) == 1:
                yield from self._included(directive)
            elif directive.block is not None and directive.name != "types":
                yield replace(directive, block=tuple(self.expand(directive.block)))
            else:
                if directive.name in SOURCES:
                    self._read_rules(directive)
                yield directive

    def _read_rules(self, source: Directive) -> None:
        try:
            self.rules[source] = self._rule_files.lines(source)
        except Unread as error:
            says = f"{source.name} ({source.file}:{source.line}): {error.says.removeprefix('include ')}"
            found = self.missing if error.fatal else self.problems
            found.append(Problem(source.file, source.line, says, error.fatal, source.text))

    def _included(self, include: Directive) -> Iterable[Directive]:
        name = include.args[0]
        absolute = name if name.startswith("/") else f"{self._prefix.rstrip('/')}/{name}"
        try:
            files = self._lookup(absolute)
        except Unread as error:
            found = self.missing if error.fatal else self.problems
            found.append(Problem(include.file, include.line, error.says, error.fatal, include.text))
            return
        for file, text in files:
            if (file, text) in self._open:
                self.problems.append(Problem(include.file, include.line, f"{file} includes itself", text=include.text))
                continue
            if len(self.files) >= MOST_FILES or self._bytes + len(text) > MOST_BYTES:
                says = f"include {file}: not read, because there is too much before it"
                self.problems.append(Problem(include.file, include.line, says, fatal=False))
                continue
            yield from self._file(file, text)

    def _file(self, file: str, text: str) -> Iterable[Directive]:
        self._bytes += len(text)
        self.files.append(file)
        self._open.append((file, text))
        directives, problems = read_directives(text, file)
        self.problems += problems
        yield from self.expand(directives)
        self._open.pop()
