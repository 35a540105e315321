"""What the kernel's mandatory access control denied: SELinux's AVC records and AppArmor's.

SELinux: ``type=AVC msg=audit(time:serial): avc: denied { permission } for …`` (Red Hat's SELinux guide; ausearch(8)).
AppArmor: ``apparmor="DENIED" operation="…" profile="…"`` (apparmor.d(5)). Both also by dmesg, journal and ausearch.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from mattegate.doctor.observation import Observation
from mattegate.doctor.readers.logs.formats import PASSES, Format, Sketch
from mattegate.doctor.readers.logs.keys import by_rest
from mattegate.doctor.readers.logs.line import Line, observed

_AVC: Final = re.compile(rb"avc: {1,4}denied {1,4}\{")
_AVC_ANY: Final = re.compile(rb"avc: {1,4}(?:denied|granted) {1,4}\{")
_APPARMOR: Final = re.compile(rb'apparmor="DENIED"')
_APPARMOR_ANY: Final = re.compile(rb'apparmor="[A-Z]+"')
_AUDIT: Final = re.compile(r"audit\((\d{9,11}\.\d{3}):(\d+)\)")
_PERMISSIONS: Final = re.compile(r"denied {1,4}\{ ([^}]*?) ?\}")
_PAIR: Final = re.compile(r'\b([a-z_]+)=(?:"([^"]*)"|(\S+))')
_VOLATILE: Final = re.compile(rb"audit\([\d.]+:\d+\)|\b(?:pid|ino|ppid|ses)=\d+|^\[ *[\d.]+\]")
_NEXT_RECORD: Final = re.compile(r"\s+type=[A-Z]+ msg=audit")


def _sketch(denied: re.Pattern[bytes], known: re.Pattern[bytes]) -> Callable[[bytes], Sketch | None]:
    def sketch(line: bytes) -> Sketch | None:
        if denied.search(line):
            return (_VOLATILE.sub(b"", line),)
        return PASSES if known.search(line) else None

    return sketch


def parse_selinux(line: Line) -> Observation | None:
    """One AVC record. With ``permissive=1`` it was only told, and not denied."""
    said = _PERMISSIONS.search(line.text)
    if said is None:
        return None
    text = line.text[said.end() :]
    fields = _pairs(_NEXT_RECORD.split(text, maxsplit=1)[0]) | {"permission": said[1]}
    what = fields.get("path") or fields.get("name") or fields.get("dest") or fields.get("src") or ""
    message = f"avc: denied {{ {said[1]} }} for {fields.get('comm', '?')}{' on ' if what else ''}{what}"
    return _record(line, "selinux", fields, message)


def parse_apparmor(line: Line) -> Observation | None:
    """One record of a denial."""
    start = line.text.find('apparmor="DENIED"')
    if start < 0:
        return None
    fields = _pairs(line.text[start:])
    message = f'apparmor="DENIED" operation="{fields.get("operation", "")}" profile="{fields.get("profile", "")}"'
    if name := fields.get("name"):
        message += f' name="{name}"'
    return _record(line, "apparmor", fields, message)


def _record(line: Line, name: str, fields: dict[str, str], message: str) -> Observation:
    audit = _AUDIT.search(line.text)
    if audit is None:
        return observed(line, name, fields=fields, message=message)
    return observed(line, name, fields=fields | {"serial": audit[2]}, at=float(audit[1]), message=message)


def _pairs(text: str) -> dict[str, str]:
    return {name: quoted or bare for name, quoted, bare in _PAIR.findall(text)}


_KEYS: Final = by_rest(
    *(rb"pid=\d+", rb"ino=\d+", rb"ses=\d+", rb"audit\([\d.]+:\d+", rb"\[ *\d+\.\d+\] "), worth=rb"denied|DENIED"
)
SELINUX: Final = Format(
    "selinux",
    (),
    _sketch(_AVC, _AVC_ANY),
    parse_selinux,
    telling=("permission", "scontext", "tcontext", "tclass", "path", "name", "dest", "permissive", "comm"),
    needles=(b"denied",),
    keys=_KEYS,
)
APPARMOR: Final = Format(
    "apparmor",
    (),
    _sketch(_APPARMOR, _APPARMOR_ANY),
    parse_apparmor,
    telling=("operation", "profile", "name", "requested_mask", "denied_mask", "comm"),
    needles=(b"denied",),
    keys=_KEYS,
)
