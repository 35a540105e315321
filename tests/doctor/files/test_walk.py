"""Recorded trees: where a walk stops, what it advises, and what it says of it."""

from __future__ import annotations

import errno
import stat
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mattegate.doctor.causes import causes
from mattegate.doctor.files.acl import (
    Account,
    BadAcl,
    By,
    Entry,
    Right,
    Status,
    Tag,
    decide,
    parse_acl,
    permits,
    with_bits,
)
from mattegate.doctor.files.look import Recorded
from mattegate.doctor.files.report import socket_clues, walk_clues
from mattegate.doctor.files.socket import connecting
from mattegate.doctor.files.walk import End, walk
from tests.doctor.files.kernel import raw_acl

WORKER = Account(33, frozenset({33}), "www-data")
ROOT = Status(stat.S_IFDIR | 0o755, 0, 0)


def folder(mode: int, uid: int = 0, gid: int = 0) -> Status:
    """A folder."""
    return Status(stat.S_IFDIR | mode, uid, gid)


def file(mode: int, uid: int = 0, gid: int = 0) -> Status:
    """A file."""
    return Status(stat.S_IFREG | mode, uid, gid)


LINK = Status(stat.S_IFLNK | 0o777, 0, 0)


def test_a_closed_home_is_named_before_the_file() -> None:
    """A file that everybody may read is out of reach in a home of mode 700, and o+x of that folder is all it takes."""
    tree = Recorded({"/": ROOT, "/home": folder(0o755), "/home/u": folder(0o700, 1000), "/home/u/m.js": file(0o644)})
    walked = walk("/home/u/m.js", WORKER, Right.READ, tree)
    assert (walked.end, walked.at) == (End.DENIED, "/home/u")
    [stop] = walked.stops
    assert [mend.command for mend in stop.mends] == ["chmod o+x /home/u", "setfacl -n -m u:www-data:x,m::x /home/u"]
    [clue] = walk_clues(walked)
    assert clue.cause == "permission.path_component"
    assert clue.culprit[0].text == "drwx------ 1000:0 /home/u: the bits for all others denies x"
    assert causes()[clue.cause].said("title", clue.facts) == "www-data may not enter /home/u on the way to /home/u/m.js"


def test_a_shared_group_comes_first() -> None:
    """Where the worker is in the file's group, the group's bit is the smallest change."""
    tree = Recorded({"/": ROOT, "/m": file(0o600, 1000, 33)})
    [stop] = walk("/m", WORKER, Right.READ, tree).stops
    assert [mend.command for mend in stop.mends] == ["chmod g+r /m"]


def test_a_private_file_is_not_shown_to_everybody() -> None:
    """What its owner alone may read is opened to the one account first."""
    tree = Recorded({"/": ROOT, "/key.pem": file(0o600)})
    [stop] = walk("/key.pem", WORKER, Right.READ, tree).stops
    assert stop.mends[0].command == "setfacl -n -m u:www-data:r,m::r /key.pem"


def test_writing_is_never_given_to_all() -> None:
    """A socket of mode 755 is opened to the worker alone, whatever is simpler."""
    tree = Recorded({"/": ROOT, "/run": folder(0o755), "/run/app.sock": Status(stat.S_IFSOCK | 0o755, 1000, 1000)})
    said = connecting("/run/app.sock", WORKER, tree)
    assert said.errno == errno.EACCES
    [clue] = socket_clues(said)
    assert clue.cause == "permission.socket"
    assert clue.facts["command"] == "setfacl -n -m u:www-data:w,m::rwx /run/app.sock"
    [missing] = socket_clues(connecting("/run/none.sock", WORKER, tree))
    assert missing.cause == "permission.socket_missing"


def test_a_mask_is_told_from_a_missing_entry() -> None:
    """An entry grants, the mask takes away: that is its own cause."""
    acl = (
        Entry(Tag.USER_OBJ, Right(6)),
        Entry(Tag.USER, Right.READ, 33),
        Entry(Tag.GROUP_OBJ, Right(1)),
        Entry(Tag.MASK, Right.EXECUTE),
        Entry(Tag.OTHER, Right(0)),
    )
    tree = Recorded({"/": ROOT, "/m": replace(file(0o610), acl=acl)})
    [clue] = walk_clues(walk("/m", WORKER, Right.READ, tree))
    assert clue.cause == "permission.acl_mask"
    assert clue.facts["command"].startswith("setfacl -n -m u:www-data:r,m::rx /m")


def test_links_are_followed_as_the_kernel_does() -> None:
    """Relative and absolute ones, up and down; forty and no more; a loop is told as one."""
    nodes = {"/": ROOT, "/a": folder(0o755), "/a/f": file(0o644), "/l": LINK, "/a/up": LINK, "/loop": LINK}
    tree = Recorded(nodes, {"/l": "a/../a/up", "/a/up": "/a/./f", "/loop": "/loop"})
    walked = walk("/l", WORKER, Right.READ, tree)
    assert (walked.end, walked.steps[-1].path) == (End.ALLOWED, "/a/f")
    assert walk("/l/x", WORKER, Right.READ, tree).end is End.NOT_A_FOLDER
    assert walk("/l/", WORKER, Right.READ, tree).end is End.NOT_A_FOLDER
    looped = walk("/loop", WORKER, Right.READ, tree)
    assert looped.end is End.LOOP
    assert [clue.cause for clue in walk_clues(looped)] == ["permission.link_loop"]
    chain = {f"/{n}": LINK for n in range(41)} | {"/": ROOT, "/40": LINK, "/end": file(0o644)}
    for first, end in ((0, End.LOOP), (1, End.ALLOWED)):
        leads = {f"/{n}": f"/{n + 1}" for n in range(41)} | {"/40": "/end"}
        assert walk(f"/{first}", WORKER, Right.READ, Recorded(chain, leads)).end is end


def test_a_link_in_a_sticky_folder_is_protected() -> None:
    """Somebody else's link at the end of a path is not followed in /tmp; that of the folder's owner is."""
    nodes = {"/": ROOT, "/tmp": folder(0o1777), "/f": file(0o644), "/tmp/l": replace(LINK, uid=1000), "/tmp/r": LINK}
    tree = Recorded(nodes, {"/tmp/l": "/f", "/tmp/r": "/"})
    [clue] = walk_clues(walk("/tmp/l", WORKER, Right.READ, tree))
    assert clue.cause == "permission.link_protected"
    assert walk("/tmp/l", WORKER, Right.READ, tree, protected_symlinks=False).end is End.ALLOWED
    assert walk("/tmp/r/f", WORKER, Right.READ, tree).end is End.ALLOWED


def test_every_hindrance_is_told_at_once() -> None:
    """Behind the first closed folder the walk goes on, so that one round of changes is enough."""
    tree = Recorded({"/": ROOT, "/a": folder(0o700, 1), "/a/b": folder(0o700, 1), "/a/b/f": file(0o640, 1)})
    walked = walk("/a/b/f", WORKER, Right.READ, tree)
    assert [stop.step.path for stop in walked.stops] == ["/a", "/a/b", "/a/b/f"]
    assert [clue.cause for clue in walk_clues(walked)] == ["permission.path_component"] * 2 + ["permission.file"]


def test_what_is_missing_is_no_matter_of_permission() -> None:
    """A name that is not there is told as missing, once everything above it is open."""
    [clue] = walk_clues(walk("/none/x", WORKER, Right.READ, Recorded({"/": ROOT})))
    assert (clue.cause, clue.facts["component"]) == ("permission.missing", "/none")
    assert walk_clues(walk("/", WORKER, Right.READ, Recorded({"/": ROOT}))) == ()


def test_searching_is_less_than_overriding() -> None:
    """CAP_DAC_READ_SEARCH reads and enters, and writes nothing."""
    account = replace(WORKER, searches=True)
    assert decide(file(0), account, Right.READ).by is By.CAPABILITY
    assert decide(folder(0), account, Right.EXECUTE).allowed
    assert not decide(file(0), account, Right.WRITE).allowed
    assert not decide(file(0), account, Right.READ | Right.EXECUTE).allowed


@pytest.mark.parametrize("path", ["relative", "", "/a\0b"])
def test_a_path_starts_at_the_root(path: str) -> None:
    """Anything else is refused, for nobody knows where it would start."""
    with pytest.raises(ValueError, match="not an absolute path"):
        walk(path, WORKER, Right.READ, Recorded({"/": ROOT}))


def test_names_cannot_smuggle() -> None:
    """Quotes and escapes in a file's name neither break the command nor reach the terminal."""
    path = "/a'; rm -rf ~\x1b[2J"
    [clue] = walk_clues(walk(path, WORKER, Right.READ, Recorded({"/": ROOT, path: file(0o600, 1)})))
    assert "\x1b" not in "".join((*clue.evidence, *clue.facts.values(), *clue.verified_by, clue.culprit[0].text))
    assert "'/a'\"'\"'; rm" in clue.facts["command"]


_RIGHTS = st.integers(0, 7).map(Right)
_ENTRIES = st.lists(st.builds(Entry, st.sampled_from([Tag.USER, Tag.GROUP]), _RIGHTS, st.integers(0, 5)), max_size=4)
_STATUSES = st.builds(
    lambda mode, uid, gid, named: Status(
        stat.S_IFREG | mode,
        uid,
        gid,
        parse_acl(
            raw_acl(
                (
                    Entry(Tag.USER_OBJ, Right(mode >> 6 & 7)),
                    *{(entry.tag, entry.id): entry for entry in named}.values(),
                    Entry(Tag.GROUP_OBJ, Right(5)),
                    Entry(Tag.MASK, Right(mode >> 3 & 7)),
                    Entry(Tag.OTHER, Right(mode & 7)),
                )
            )
        )
        if named
        else (),
    ),
    st.integers(0, 0o777),
    st.integers(0, 5),
    st.integers(0, 5),
    _ENTRIES,
)
_ACCOUNTS = st.builds(Account, st.integers(1, 5), st.frozensets(st.integers(0, 5), min_size=1))


@settings(max_examples=300)
@given(_STATUSES, _ACCOUNTS, st.integers(1, 7).map(Right))
def test_there_is_always_a_mend_and_it_works(status: Status, account: Account, want: Right) -> None:
    """Every stop can be mended, and each mend that is offered lets the account through."""
    walked = walk("/f", account, want, Recorded({"/": ROOT, "/f": status}))
    for stop in walked.stops:
        assert stop.mends
        assert all(decide(mend.status, account, want).allowed for mend in stop.mends)
    assert bool(walked.stops) == (walked.end is End.DENIED)


@given(_STATUSES, _ACCOUNTS, _RIGHTS, _RIGHTS)
def test_more_is_harder(status: Status, account: Account, one: Right, more: Right) -> None:
    """Whoever may do two things at once may do each of them."""
    if decide(status, account, one | more).allowed:
        assert decide(status, account, one).allowed


@given(_STATUSES, st.integers(0, 0o777))
def test_chmod_and_setfacl_keep_lists_whole(status: Status, bits: int) -> None:
    """The group's bits of a mode with a list stay equal to its mask."""
    for changed in (with_bits(status, bits), permits(status, Entry(Tag.USER, Right(bits & 7), 9))):
        masks = [entry.rights for entry in changed.acl if entry.tag is Tag.MASK]
        assert not changed.acl or masks == [Right(changed.mode >> 3 & 7)]
        assert parse_acl(raw_acl(changed.acl)) == changed.acl


@given(st.binary(max_size=60))
def test_lists_are_read_or_refused(raw: bytes) -> None:
    """Bytes are a list or the one error that says why not."""
    try:
        acl = parse_acl(raw)
    except BadAcl:
        return
    assert all(isinstance(entry.tag, Tag) for entry in acl)
