"""Configurations as people paste them, and files that are not what nginx reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from mattegate.doctor.nginx import finding
from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.tree import Tree, read_file, read_text

_SITE = """server {
    listen 80;
    location /api/ {
        deny all;
        proxy_pass http://127.0.0.1:8000;
    }
}"""


def _fenced(text: str) -> str:
    return f"Hi, this is what I have, it doesn't work:\n\n```nginx\n{text}\n```\nAny idea? It's urgent;\n"


def _numbered(text: str) -> str:
    return "\n".join(f"{number:6}\t{line}" for number, line in enumerate(text.split("\n"), 1))


def _grepped(text: str) -> str:
    return "\n".join(f"{number}:{line}" for number, line in enumerate(text.split("\n"), 1))


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}" for line in text.split("\n"))


def _prompted(text: str) -> str:
    return f"root@web01:~# cat /etc/nginx/sites-enabled/default\n{text}\nroot@web01:~# "


def _cut(text: str) -> str:
    return text.replace("    listen 80;", "    listen 80;\n    ...\n    [...]\n    \u2026;\n    ... ssl stuff ...")


def _in_prose(text: str) -> str:
    return f"I don't understand (it worked before):\n{text}\nThanks"


def _in_yaml(text: str) -> str:
    inner = "\n".join(f"    {line}" for line in text.split("\n"))
    return f"kind: ConfigMap\ndata:\n  default.conf: |\n{inner}\n"


def _from_windows(text: str) -> str:
    return "\ufeff" + text.replace("\n", "\r\n")


def _from_a_page(text: str) -> str:
    return text.replace("    ", "\u00a0\u00a0 ")


_WAYS = (_fenced, _numbered, _grepped, _quoted, _prompted, _cut, _in_prose, _in_yaml, _from_windows, _from_a_page)


def _found(tree: Tree, name: str) -> list[Directive]:
    return [line for top in tree.directives for line in top.walk() if line.name == name]


@pytest.mark.parametrize("way", _WAYS)
def test_pasted_text_is_read_for_its_configuration(way: Callable[[str], str]) -> None:
    """Whatever stands around it, the lines are found, and keep the numbers that the text gives them."""
    text = way(_SITE)
    tree = read_text(text)
    assert not tree.problems
    (deny,) = _found(tree, "deny")
    assert "deny all" in text.split("\n")[deny.line - 1]


@pytest.mark.parametrize("broken", [_SITE[:-2], _SITE + "\n}", _SITE.replace("80;", "80")])
def test_what_nginx_refuses_stays_refused(broken: str) -> None:
    """A fault of the configuration itself is not taken for something pasted around it."""
    tree = read_text(broken)
    assert tree.faults or _found(tree, "listen")[0].args != ("80",)


def test_a_template_is_no_fault() -> None:
    """Of a file that is filled in before nginx reads it nobody knows what nginx will say."""
    tree = read_text(_SITE.replace("80", "{{ port|default(80) }}"))
    assert not tree.faults
    assert any("template" in problem.says for problem in tree.unread)


def test_a_piece_does_not_tell_where_its_includes_lie(tmp_path: Path) -> None:
    """``include snippets/x.conf`` of a site's file counts from nginx's folder, not from the site's."""
    site = tmp_path / "site.conf"
    site.write_text("server { include snippets/ssl.conf; }")
    tree = read_file(site)
    assert not tree.faults
    assert "ssl.conf" in tree.unread[0].says


def test_files_that_come_with_nginx_are_no_fault_where_they_lack(tmp_path: Path) -> None:
    """A copy of a configuration has no mime.types beside it."""
    main = tmp_path / "nginx.conf"
    main.write_text("events {} http { include mime.types; }")
    assert not read_file(main).faults


def test_too_large_a_file_is_said_to_be_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is cut off would end in the middle of a line."""
    monkeypatch.setattr(finding, "MOST_BYTES", 20)
    main = tmp_path / "nginx.conf"
    main.write_text("http { server { listen 80; } }")
    with pytest.raises(OSError, match="too large"):
        read_file(main)
