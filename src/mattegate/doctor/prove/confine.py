"""Taking rights away from this process, and all it will start: a network of its own, folders, privileges, resources.

Rules of this file: Linux' own calls (man pages unshare(2), netdevice(7), landlock(7), prctl(2), setrlimit(2)) through
``ctypes``; called only in the process that runs an experiment and in what it starts, never in the one that asked for
it; what a system does not offer is told by a ``False`` so that the experiment is arranged without it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import ipaddress
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

_NEWUSER: Final = 0x10000000
_NEWNET: Final = 0x40000000
_SIOCSIFFLAGS: Final = 0x8914
_SIOCSIFADDR: Final = 0x8916
_SIOCSIFNETMASK: Final = 0x891C
_UP_LOOPBACK_RUNNING: Final = 0x1 | 0x8 | 0x40
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_NO_NEW_PRIVS: Final = 38
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_RULE_PATH, _RULE_PORT = 1, 2
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1, 2, 4, 8
_TRUNCATE: Final = 1 << 14
_FILE_RIGHTS: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_BIND, _CONNECT = 1, 2
_LIBRARIES: Final = ("/usr", "/lib", "/lib64", "/nix/store")
_FILES: Final = (
    "/etc/ld.so.cache",
    "/etc/ssl/openssl.cnf",
    "/etc/pki/tls/openssl.cnf",
    "/etc/localtime",
    "/dev/urandom",
)


def _libc() -> Any:
    """The C library of Linux; ``None`` elsewhere."""
    return ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def own_network(addresses: Sequence[str]) -> bool:
    """Moves this process to a network that has nothing but loopback, with ``addresses`` on it.

    ``False`` where the system does not permit it; nothing is changed then. ``OSError`` where an address cannot be had.
    """
    libc, uid, gid = _libc(), os.getuid(), os.getgid()
    if libc is None or libc.unshare(_NEWNET if uid == 0 else _NEWUSER | _NEWNET):
        return False
    try:
        if uid:
            Path("/proc/self/setgroups").write_text("deny", "ascii")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1", "ascii")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1", "ascii")
        _loopback_up()
    except OSError:
        return False
    for number, address in enumerate(addresses, 1):
        _add_address(address, number)
    return True


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", _UP_LOOPBACK_RUNNING))


def _add_address(address: str, number: int) -> None:
    parsed = ipaddress.ip_address(address)
    if parsed.is_loopback:
        return
    if isinstance(parsed, ipaddress.IPv6Address):
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
            fcntl.ioctl(control, _SIOCSIFADDR, struct.pack("16sIi", parsed.packed, 128, socket.if_nametoindex("lo")))
        return
    name = f"lo:{number}".encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for call, value in ((_SIOCSIFADDR, parsed.packed), (_SIOCSIFNETMASK, b"\xff\xff\xff\xff")):
            fcntl.ioctl(control, call, struct.pack("16sHH4s16x", name, socket.AF_INET, 0, value))


def drop_rights(uid: int, gid: int) -> None:
    """Becomes an ordinary user if this is root, and gives up ever gaining rights again. Raises ``OSError``."""
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if 0 in {os.getuid(), os.geteuid(), os.getgid()}:
        raise PermissionError(errno.EPERM, "this is still root")
    libc = _libc()
    if libc is not None and libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")


def die_with_parent() -> None:
    """Arranges that this process is killed as soon as the one that started it is gone."""
    libc = _libc()
    if libc is not None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def limit(*, cpu_seconds: int, memory_bytes: int, file_bytes: int, open_files: int) -> None:
    """Bounds what this process and each that it starts may use. A lower limit that is there already stays."""
    for what, most in (
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_AS, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, open_files),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        with contextlib.suppress(ValueError):  # macOS knows RLIMIT_AS and takes no value for it
            resource.setrlimit(what, (bound, bound))


def landlock_version() -> int:
    """Which version of Landlock the kernel has; 0 for none."""
    libc = _libc()
    return 0 if libc is None else max(0, int(libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def stay_in(folder: str, program: str, ports: Iterable[int]) -> bool:
    """From now on, files only in ``folder`` (and the program with its libraries, read only), TCP only on ``ports``.

    ``False`` where the kernel has no Landlock.
    """
    version = landlock_version()
    if not version:
        return False
    rights = (1 << {1: 13, 2: 14, 3: 15, 4: 15}.get(version, 16)) - 1
    ruleset = _ruleset(rights, _BIND | _CONNECT if version >= 4 else 0)
    try:
        _permit_path(ruleset, folder, rights)
        for library in _LIBRARIES:
            _permit_path(ruleset, library, _EXECUTE | _READ_FILE | _READ_DIR)
        _permit_path(ruleset, "/dev/null", _READ_FILE | _WRITE_FILE)
        for file in (*_FILES, program):
            _permit_path(ruleset, file, _EXECUTE | _READ_FILE)
        for port in {0, *ports} if version >= 4 else ():
            _permit(ruleset, _RULE_PORT, struct.pack("=QQ", _BIND | _CONNECT, port))
        _checked(_libc().syscall(_RESTRICT_SELF, ruleset, 0))
    finally:
        os.close(ruleset)
    return True


def _ruleset(rights: int, network: int) -> int:
    attributes = struct.pack("=QQ", rights, network) if network else struct.pack("=Q", rights)
    return _checked(_libc().syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), 0))


def _permit_path(ruleset: int, path: str, rights: int) -> None:
    try:
        held = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return  # not every system has every one of them
    try:
        if not Path(path).is_dir():
            rights &= _FILE_RIGHTS
        _permit(ruleset, _RULE_PATH, struct.pack("=Qi", rights, held))
    finally:
        os.close(held)


def _permit(ruleset: int, kind: int, rule: bytes) -> None:
    _checked(_libc().syscall(_ADD_RULE, ruleset, kind, rule, 0))


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), "Landlock: " + os.strerror(ctypes.get_errno()))
    return result
