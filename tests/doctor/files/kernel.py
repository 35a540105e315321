"""What the kernel says of this process, and how it takes access control lists: to compare the doctor's word with."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Final

from mattegate.doctor.files.acl import Account, Acl

_DAC_OVERRIDE: Final = 1 << 1
_DAC_READ_SEARCH: Final = 1 << 2


def this_process() -> Account:
    """Who we are to the file system: the fourth number of each line of ``/proc/self/status``."""
    text = Path("/proc/self/status").read_text("ascii")
    found = dict(re.findall(r"^(Uid|Gid|Groups|CapEff):[ \t]*([0-9a-f \t]*)$", text, re.MULTILINE))
    uid, gid = (int(found[name].split()[3]) for name in ("Uid", "Gid"))
    capabilities = int(found["CapEff"], 16)
    return Account(
        uid,
        frozenset({gid, *map(int, found["Groups"].split())}),
        overrides=bool(capabilities & _DAC_OVERRIDE),
        searches=bool(capabilities & _DAC_READ_SEARCH),
    )


def raw_acl(acl: Acl) -> bytes:
    """The bytes of a list, as ``setxattr`` takes them (include/uapi/linux/posix_acl_xattr.h)."""
    ordered = sorted(acl, key=lambda entry: (entry.tag, entry.id))
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", one.tag, one.rights, one.id) for one in ordered)
