"""Who a server's workers are, from what a machine says of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.doctor.files.account import Ours, UnknownAccount, Written, named, nginx_worker
from mattegate.doctor.files.acl import Account

PASSWD = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\nnobody:x:65534:65534::/:/bin/false\n"
GROUPS = "root:x:0:\nwww-data:x:33:\nmodels:x:900:www-data,matte\nnobody:x:65534:\n"
MACHINE = Written(PASSWD, GROUPS)


def test_the_user_directive_names_the_workers() -> None:
    """With its supplementary groups; a group of its own takes the place of the primary one."""
    assert nginx_worker(("www-data",), MACHINE) == Account(33, frozenset({33, 900}), "www-data")
    assert nginx_worker(("www-data", "models"), MACHINE) == Account(33, frozenset({900}), "www-data")
    assert nginx_worker((), MACHINE).name == "nobody"
    assert nginx_worker(("root",), MACHINE).overrides


def test_without_root_the_directive_is_ignored() -> None:
    """A master that is not root keeps its account, whatever the file says."""
    master = Account(1000, frozenset({1000}), "me")
    assert nginx_worker(("www-data",), MACHINE, master=master) is master
    assert nginx_worker(("www-data",), MACHINE, master=Account(0, frozenset({0}))).uid == 33


@pytest.mark.parametrize("user", [("nginx",), ("www-data", "nginx")])
def test_who_is_not_there_is_told(user: tuple[str, ...]) -> None:
    """A name that the machine does not know is an error of its own."""
    with pytest.raises(UnknownAccount, match=r"no (user|group) 'nginx'"):
        nginx_worker(user, MACHINE)
    with pytest.raises(UnknownAccount):
        named("no-such-user-here", Ours())


@given(st.text(max_size=200) | st.text(alphabet="x:0123a,\n", max_size=60))
def test_lists_of_users_may_be_broken(text: str) -> None:
    """Lines that are cut or hold no numbers are told, not trusted."""
    try:
        named("x", Written(text, text))
    except UnknownAccount:
        return
