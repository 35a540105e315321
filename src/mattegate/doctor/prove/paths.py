"""Folders, files, passwords and keys of a configuration: private ones of the experiment take their place.

Nothing here is read but what may be (``standins``); a path that could lead outside of the private folder is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mattegate.doctor.nginx.directive import spelled
from mattegate.doctor.nginx.uri import BadTarget, parse_target
from mattegate.doctor.prove import standins
from mattegate.doctor.prove.ground import Unrenderable
from mattegate.doctor.prove.page import place
from mattegate.doctor.prove.standins import Folder, Names, Placeholder

if TYPE_CHECKING:
    from mattegate.doctor.nginx.directive import Directive
    from mattegate.doctor.nginx.request import Request
    from mattegate.doctor.prove.ground import Ground
    from mattegate.doctor.prove.page import Page


class Paths:
    """The stand-ins of one configuration."""

    def __init__(self, page: Page, every: Sequence[Directive], request: Request, ground: Ground) -> None:
        self._page, self._every, self._request, self._ground = page, every, request, ground
        self._folders: list[Folder] = []
        self._names: list[str] = []
        self.placeholders: dict[str, Placeholder] = {}
        """By their paths."""
        self.certificates = False
        """Whether any are needed."""

    def folder(self, directive: Directive, around: Directive) -> None:
        """``root`` and ``alias``, in the block around them."""
        if len(directive.args) != 1:
            self._page.plain(directive)
            return
        location = around if around.name == "location" else None
        path, dollar, rest = directive.args[0].partition("$")
        if directive.name == "root":
            self._page.write(f"root {spelled(self._stand_in(path))};", directive)
            return
        base, slash, end = path.rpartition("/")
        exact = location is not None and location.args[:1] == ("=",) and not dollar
        if exact:
            self._page.write(f"alias {spelled(self._stand_in(path, exact=True))};", directive)
        else:
            tail = slash + end + dollar + rest if dollar else slash if path.endswith("/") else ""
            self._page.write(f"alias {spelled(self._stand_in(base if tail else path) + tail)};", directive)

    def _stand_in(self, original: str, *, exact: bool = False, assumed: bool = True) -> str:
        original = original.rstrip("/") or "/"
        known = (each for each in self._folders if (each.original, each.exact) == (original, exact))
        folder = next(known, None)
        if folder is None:
            folder = Folder(len(self._folders) + 1, original, exact, assumed)
            self._folders.append(folder)
        path = f"{self._ground.folder}/{folder.path}"
        self._page.names.append((path, original))
        return path

    def tested(self, path: str, directive: Directive) -> str:
        """The path of a test for a file. Raises :class:`Unrenderable`."""
        if ".." in path:
            raise Unrenderable(f"{place(directive)} tests for a path that climbs")
        if re.match(r"\$\{?(document_root|realpath_root|request_filename)\b", path):
            return path
        if not path.startswith("/"):
            raise Unrenderable(f"{place(directive)} tests for a file whose path is not known")
        before, dollar, rest = path.partition("$")
        if not dollar:
            return self._stand_in(path, exact=True, assumed=False)
        base, _, end = before.rpartition("/")
        return f"{self._stand_in(base)}/{end}${rest}"

    def file_names(self, directive: Directive) -> None:
        """``index`` and ``try_files``: names below the root."""
        self._names.extend(arg for arg in directive.args if not arg.startswith(("=", "@")))
        self._page.plain(directive)

    def uri(self, directive: Directive) -> None:
        """``rewrite`` and ``error_page``: paths that requests may end at."""
        uris = directive.args[1:2] if directive.name == "rewrite" else directive.args[-1:]
        self._names.extend(uri for uri in uris if not uri.startswith(("@", "http:", "https:")))
        self._page.plain(directive)

    def passwords(self, directive: Directive) -> None:
        """``auth_basic_user_file``."""
        original = directive.args[0] if directive.args else ""
        content, sentence = standins.passwords(
            original,
            self._request,
            named=original in self._ground.password_files,
            here=self._ground.files_here and "$" not in original,
        )
        path = f"passwords/{len(self.placeholders)}"
        if content is not None:
            self.placeholders[path] = Placeholder(path, content)
        self._page.say(f"auth_basic_user_file {sentence}")
        self._page.names.append((f"{self._ground.folder}/{path}", original))
        self._page.write(f"auth_basic_user_file {spelled(f'{self._ground.folder}/{path}')};", directive)

    def tls_file(self, directive: Directive, stand_in: str) -> None:
        """A certificate or key: one that is made for the experiment."""
        self.certificates = True
        self._page.say("certificates and keys: made for this experiment")
        self._page.write(f"{directive.name} {spelled(f'{self._ground.folder}/tls/{stand_in}')};", directive)

    def fill(self) -> None:
        """Put files into the folders, as far as the request and the configuration ask for any."""
        names = self._asked_for()
        user = next((each.args[0] for each in self._every if each.name == "user" and each.args), "")
        html = Folder(0, "the default root", False)
        for folder in (html, *self._folders):
            worker = user if self._ground.files_here and folder.number else None
            made, sentence = standins.placeholders(folder, names, worker=worker)
            for each in made:
                path = each.path.replace("files/0", "html", 1) if folder.number == 0 else each.path
                self.placeholders[path] = replace(each, path=path)
            if folder.number:
                self._page.say(sentence)

    def _asked_for(self) -> Names:
        try:
            path = parse_target(self._request.target).path
        except BadTarget:
            path = "/"
        path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        indexes = [each.args for each in self._every if each.name == "index" and each.args]
        first = ["index.html", *(args[0] for args in indexes)]
        folders = [f"{tail}/" for tail in standins.names_asked(path)] if path.endswith("/") else []
        literal = [name for name in self._names if "$" not in name and not name.endswith("/")]
        configured = [*first, *(folder + name for folder in folders for name in first), *literal]
        derived = [re.sub(r"\$\{?(uri|document_uri)\b\}?", path, name) for name in self._names if "uri" in name]
        all_indexes = [name for args in indexes for name in args]
        return Names(
            tuple(standins.usable([*standins.names_asked(path), *derived, *all_indexes])),
            tuple(standins.usable(configured)),
        )
