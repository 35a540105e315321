"""What the walk says of random trees is what the kernel does with them: a child gives up root's rights and tries."""

from __future__ import annotations

import errno
import json
import os
import random
import socket
import stat
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from mattegate.doctor.files.acl import XATTR, Account, Entry, Right, Status, Tag
from mattegate.doctor.files.look import ThisMachine, protects_symlinks
from mattegate.doctor.files.socket import connecting
from mattegate.doctor.files.walk import End, Stop, Walk, walk
from tests.doctor.files.kernel import raw_acl

SEEDS: Final = range(400)
UIDS: Final = (1501, 1502, 1503)
GIDS: Final = (1601, 1602, 1603)
_FLAGS: Final = {Right.READ: os.O_RDONLY, Right.WRITE: os.O_WRONLY, Right.READ | Right.WRITE: os.O_RDWR}
_ERRNO: Final = {
    End.ALLOWED: 0,
    End.DENIED: errno.EACCES,
    End.MISSING: errno.ENOENT,
    End.NOT_A_FOLDER: errno.ENOTDIR,
    End.LOOP: errno.ELOOP,
}

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away and be somebody else")


@pytest.fixture
def root() -> Iterator[Path]:
    """A folder that everybody can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="walk-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@dataclass(frozen=True)
class Tried:
    """One question to the kernel."""

    path: str
    account: Account
    want: Right
    connects: bool = False


def _as(account: Account, tried: Tried) -> int:
    """The errno that the account meets, 0 for success, in a child that is nobody else."""
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        code = 255
        try:
            primary, *more = sorted(account.gids)
            os.setgroups(more)
            os.setresgid(primary, primary, primary)
            os.setresuid(*[account.uid] * 3)
            code = _met(tried)
        finally:
            os.write(theirs, json.dumps(code).encode())
            os._exit(0)
    os.close(theirs)
    with os.fdopen(ours) as answer:
        code = json.loads(answer.read())
    os.waitpid(child, 0)
    assert isinstance(code, int)
    return code


def _met(tried: Tried) -> int:
    try:
        if tried.connects:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(tried.path)
        elif tried.want is Right.EXECUTE:
            return 0 if os.access(tried.path, os.X_OK) else errno.EACCES
        else:
            os.close(os.open(tried.path, _FLAGS[tried.want] | os.O_NONBLOCK))
    except OSError as error:
        return error.errno or 255
    return 0


def _some_acl(dice: random.Random, mode: int) -> tuple[Entry, ...]:
    def rights() -> Right:
        return Right(dice.choice((0, 1, 4, 5, 6, 7)))

    named = [Entry(Tag.USER, rights(), uid) for uid in UIDS if dice.random() < 0.5]
    named += [Entry(Tag.GROUP, rights(), gid) for gid in GIDS if dice.random() < 0.5]
    base = [
        Entry(Tag.USER_OBJ, Right(mode >> 6 & 7)),
        Entry(Tag.GROUP_OBJ, rights()),
        Entry(Tag.OTHER, Right(mode & 7)),
    ]
    mask = [Entry(Tag.MASK, Right(mode >> 3 & 7))] if named or dice.random() < 0.3 else []
    return tuple(base + named + mask)


def _dress(path: Path, dice: random.Random) -> None:
    """Give it an owner, a mode and perhaps a list."""
    os.chown(path, dice.choice((0, *UIDS)), dice.choice((0, *GIDS)))
    mode = dice.choice((0o755, 0o755, 0o750, 0o711, 0o701, 0o070, 0o007, dice.randrange(0o1000)))
    path.chmod(mode | (0o1000 if dice.random() < 0.1 else 0))
    if dice.random() < 0.4:
        os.setxattr(path, XATTR, raw_acl(_some_acl(dice, mode)))


def _grown(root: Path, dice: random.Random) -> list[str]:
    """A tree of some depth, with links, and paths into it that may or may not lead somewhere."""
    folder = root
    folders = [root]
    for name in "abc"[: dice.randint(1, 3)]:
        folder = folder / name
        folder.mkdir()
        folders.append(folder)
    (folder / "file").write_text("seen")
    os.mkfifo(folder / "pipe") if dice.random() < 0.05 else None
    (root / "link").symlink_to(dice.choice((folder / "file", Path("a/../a"), folder, Path("nothing"), Path("link"))))
    (folder / "up").symlink_to("../" * dice.randint(0, 2) + dice.choice(("file", "a", ".", "link")))
    paths = [f"{folder}/file", f"{root}/link", f"{root}/link/file", f"{folder}/up", f"{folder}/up/", f"{folder}"]
    paths += [f"{folder}/file/x", f"{folder}/nothing", f"{folder}/file/", f"{folder}/../{folder.name}/file"]
    for one in (*folders[1:], folder / "file"):
        _dress(one, dice)
    return paths


def _somebody(dice: random.Random) -> Account:
    return Account(dice.choice(UIDS), frozenset(dice.sample(GIDS, dice.randint(1, 2))), name="")


def _walked(tried: Tried) -> Walk:
    return walk(tried.path, tried.account, tried.want, ThisMachine(), protected_symlinks=protects_symlinks())


def _expected(tried: Tried, walked: Walk) -> int:
    code = _ERRNO[walked.end]
    if tried.want is Right.EXECUTE:
        return errno.EACCES if code else 0
    writes_to_folder = tried.want & Right.WRITE and code == 0 and walked.steps[-1].status.is_folder
    return errno.EISDIR if writes_to_folder else code


@as_root
@pytest.mark.parametrize("chunk", range(4))
def test_the_kernel_agrees(root: Path, chunk: int) -> None:
    """400 random trees, several paths and wishes each: allowed, denied, missing and looping are what really happens."""
    wrong, ends = [], set()
    for seed in SEEDS[chunk * 100 : (chunk + 1) * 100]:
        dice = random.Random(seed)
        here = root / str(seed)
        here.mkdir()
        for path in dice.sample(_grown(here, dice), 3):
            tried = Tried(path, _somebody(dice), dice.choice((*_FLAGS, Right.EXECUTE)))
            walked = _walked(tried)
            ends.add(walked.end)
            met = _as(tried.account, tried)
            # A folder that is opened for writing is refused as a folder before anybody asks for permission.
            if met != _expected(tried, walked) and met != errno.EISDIR:
                wrong.append((seed, tried, walked.end, walked.at, errno.errorcode.get(met, met)))
    assert wrong == []
    assert {End.ALLOWED, End.DENIED, End.MISSING} <= ends


@as_root
@pytest.mark.parametrize("which", [0, -1])
def test_what_is_advised_mends_it(root: Path, which: int) -> None:
    """The first mend of each stop, and the last as well, done for real, let the account through."""
    mended = 0
    for seed in range(120):
        dice = random.Random(f"mend {seed}")
        here = root / str(seed)
        here.mkdir()
        path = _grown(here, dice)[0]
        tried = Tried(path, _somebody(dice), dice.choice(tuple(_FLAGS)))
        walked = _walked(tried)
        for stop in walked.stops:
            _apply(stop, which)
        mended += bool(walked.stops)
        assert _as(tried.account, tried) == 0, (seed, walked.stops)
    assert mended > 50


def _apply(stop: Stop, which: int) -> None:
    mend = stop.mends[which]
    Path(mend.path).chmod(stat.S_IMODE(mend.status.mode))
    if mend.status.acl:
        os.setxattr(mend.path, XATTR, raw_acl(mend.status.acl))
    assert "777" not in mend.command
    assert "chown" not in mend.command
    assert "-R" not in mend.command


@as_root
def test_sockets_want_write(root: Path) -> None:
    """Connecting is judged by w on the socket and x above it; a plain file refuses, a missing one is missing."""
    wrong = []
    for seed in range(100):
        dice = random.Random(f"socket {seed}")
        here = root / str(seed)
        here.mkdir()
        with socket.socket(socket.AF_UNIX) as server:
            _grown(here, dice)
            server.bind(str(here / "a" / "sock"))
            server.listen()
            _dress(here / "a" / "sock", dice)
            somebody = _somebody(dice)
            for name in ("a/sock", "a/none", "link"):
                path = str(here / name)
                said = connecting(path, somebody, ThisMachine(), protected_symlinks=protects_symlinks())
                met = _as(somebody, Tried(path, somebody, Right.WRITE, connects=True))
                if met != said.errno:
                    wrong.append((seed, path, said.errno, errno.errorcode.get(met, met)))
    assert wrong == []


@as_root
def test_root_passes_over(root: Path) -> None:
    """Root enters and reads what nobody may, executes no file without an x bit, and the walk says by what right."""
    (root / "shut").mkdir(mode=0)
    (root / "shut" / "file").write_text("seen")
    (root / "shut" / "file").chmod(0)
    path = str(root / "shut" / "file")
    account = Account(0, frozenset({0}), "root", overrides=True, searches=True)
    read = walk(path, account, Right.READ, ThisMachine())
    assert read.end is End.ALLOWED
    assert [step.path for step in read.passed_over] == [str(root / "shut"), path]
    assert Path(path).read_text() == "seen"
    assert walk(path, account, Right.EXECUTE, ThisMachine()).end is End.DENIED
    assert not os.access(path, os.X_OK)


def test_our_own_rights_are_foretold(tmp_path: Path) -> None:
    """Without root's help too: modes that shut ourselves out do what the walk says."""
    path, ours = str(tmp_path / "file"), os.geteuid()
    Path(path).write_text("seen")
    account = Account(ours, frozenset({*os.getgroups(), os.getegid()}), overrides=ours == 0, searches=ours == 0)
    for mode in (0o644, 0o600, 0o000, 0o004, 0o440, 0o777):
        Path(path).chmod(mode)
        for want, asked in ((Right.READ, os.R_OK), (Right.WRITE, os.W_OK), (Right.EXECUTE, os.X_OK)):
            said = walk(path, account, want, ThisMachine(), protected_symlinks=protects_symlinks())
            assert os.access(path, asked) == (said.end is End.ALLOWED), (oct(mode), said)


def test_statuses_are_read_with_their_lists(tmp_path: Path) -> None:
    """What this machine says of a file is its mode, its owner and its list."""
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o640)
    seen = ThisMachine().lstat(str(tmp_path / "file"))
    assert seen == Status(stat.S_IFREG | 0o640, os.geteuid(), (tmp_path / "file").stat().st_gid)
    assert ThisMachine().getxattr(str(tmp_path / "file"), XATTR) is None
