"""Changes to a configuration."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mattegate.doctor.nginx.directive import Directive
from mattegate.doctor.nginx.edits import (
    BadEdit,
    ChangeArgs,
    Insert,
    Remove,
    Replace,
    Where,
    apply,
    describe,
    find,
    new,
    walk,
)
from tests.doctor.prove.laboratory import line, tree

CONF = """server {
    listen 80;
    location / {
        deny 10.0.0.0/8;
        allow all; proxy_pass http://a;
    }
}
"""


def _texts(directives: tuple[Directive, ...]) -> list[str]:
    return [each.text for each in walk(directives) if each.block is None]


def test_each_kind_of_change() -> None:
    """Taken out, replaced, put next to something or into it, given other arguments."""
    conf = tree(CONF)
    deny, location = find(conf, "nginx.conf", 4), find(conf, "nginx.conf", 3, "location")
    assert _texts(apply(conf, [Remove(deny)])) == ["listen 80;", "allow all;", "proxy_pass http://a;"]
    assert _texts(apply(conf, [Replace(deny, (new("satisfy", "any"),))]))[1] == "satisfy any;"
    assert _texts(apply(conf, [Insert(deny, Where.BEFORE, (new("internal"),))]))[1:3] == [
        "internal;",
        "deny 10.0.0.0/8;",
    ]
    assert _texts(apply(conf, [Insert(deny, Where.AFTER, (new("internal"),))]))[1:3] == [
        "deny 10.0.0.0/8;",
        "internal;",
    ]
    assert _texts(apply(conf, [Insert(location, Where.FIRST, (new("internal"),))]))[1] == "internal;"
    assert _texts(apply(conf, [Insert(location, Where.LAST, (new("internal"),))]))[-1] == "internal;"
    assert _texts(apply(conf, [ChangeArgs(deny, ("all",))]))[1] == "deny all;"
    moved = apply(conf, [ChangeArgs(location, ("=", "/x"))])
    assert line(moved, "location = /x").children == location.children
    assert conf == tree(CONF)


def test_changes_follow_each_other() -> None:
    """A change of a block's inside does not hide the block from the next change."""
    conf = tree(CONF)
    deny, location = find(conf, "nginx.conf", 4), find(conf, "nginx.conf", 3, "location")
    made = apply(
        conf, [Remove(deny), Insert(location, Where.FIRST, (new("deny", "all"),)), ChangeArgs(location, ("/x",))]
    )
    assert _texts(made) == ["listen 80;", "deny all;", "allow all;", "proxy_pass http://a;"]
    assert line(made, "deny all").line == 3


def test_a_line_that_holds_nothing_or_too_much() -> None:
    """A change must name one thing."""
    conf = tree(CONF)
    with pytest.raises(BadEdit, match="holds no directive"):
        find(conf, "nginx.conf", 9)
    with pytest.raises(BadEdit, match="more than one directive: allow, proxy_pass"):
        find(conf, "nginx.conf", 5)
    assert find(conf, "nginx.conf", 5, "allow").args == ("all",)
    deny = find(conf, "nginx.conf", 4)
    with pytest.raises(BadEdit, match="no longer holds"):
        apply(conf, [Remove(deny), Remove(deny)])
    with pytest.raises(BadEdit, match="no block"):
        apply(conf, [Insert(deny, Where.FIRST, (new("internal"),))])
    deep = deny
    for _ in range(10_000):
        deep = Directive("location", ("/",), "f", 1, (deep,))
    with pytest.raises(BadEdit, match="deeper"):
        apply((deep,), [Remove(deny)])


def test_a_file_that_is_included_twice_is_changed_in_both_places() -> None:
    """One line of one file is one thing, wherever it is included."""
    rule = Directive("deny", ("all",), "acl.conf", 1)
    servers = tuple(Directive("server", (), "nginx.conf", n, (rule,)) for n in (1, 2))
    assert all(each.block == () for each in apply(servers, [Remove(find(servers, "acl.conf", 1))]))


def test_a_change_is_shown_as_a_little_diff() -> None:
    """The lines as they would be spelled."""
    conf = tree(CONF)
    deny, location = find(conf, "nginx.conf", 4), find(conf, "nginx.conf", 3, "location")
    assert describe(ChangeArgs(deny, ("10.1.0.0/16",))) == (
        "--- nginx.conf\n+++ nginx.conf\n@@ -4 +4 @@\n-deny 10.0.0.0/8;\n+deny 10.1.0.0/16;"
    )
    assert describe(Remove(deny)).endswith("@@ -4 +4,0 @@\n-deny 10.0.0.0/8;")
    header = new("add_header", "X-A", "a b", "always")
    assert describe(Insert(deny, Where.AFTER, (header,))).endswith('@@ -4,0 +5 @@\n+add_header X-A "a b" always;')
    assert describe(Remove(location)).splitlines()[3:] == [
        "-location / {", "-    deny 10.0.0.0/8;", "-    allow all;", "-    proxy_pass http://a;", "-}",
    ]  # fmt: skip
    test = new("if", "$request_method", "=", "OPTIONS", block=(new("return", "204"),))
    assert describe(Replace(deny, (test,))).splitlines()[4:] == [
        "+if ($request_method = OPTIONS) {", "+    return 204;", "+}",
    ]  # fmt: skip


def test_changes_need_nothing_that_runs_programs() -> None:
    """Whoever only suggests a change does not load what runs experiments."""
    code = "import sys, mattegate.doctor.nginx.edits; print({'subprocess', 'ssl', 'ctypes'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": "src"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"
