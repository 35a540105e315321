"""People: e-mail addresses, home folders and the names of users."""

from __future__ import annotations

import re
from typing import Final

from mattegate.doctor.render.stand_ins.book import Book, is_stand_in

_MAIL: Final = re.compile(r"(?<![\w.+-])[A-Za-z0-9_.+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])")
_HOME: Final = re.compile(
    r"((?:/home|/Users|/export/home|/var/home)/|[A-Za-z]:\\{1,2}Users\\{1,2})([^\s/\\:\"'<>|;,)`]{1,64})"
)
_USER: Final = re.compile(
    r"((?i:\buser(?:name)?|\blogin|\bremote_user|\baccount|\bowner)\"?(?::\s{0,4}|=|\s)[\"'])([^\s\"'$]{1,64})(?=[\"'])"
    r"|((?i:\buser(?:name)?|\blogin|\bremote_user)=)([A-Za-z][\w.-]{1,63})"
    r"|(:(?:user|assumed-role/[\w+=,.@-]{1,64})/)([\w+=,.@-]{1,64})"  # AWS
    r"|(\b[ug]id=\d{1,10}\()([A-Za-z_][\w.-]{0,31})(?=\))"  # id(1)
    r"|(://)([^\s/:@\"'<>]{1,64})(?=:[^\s/@]{0,200}(?:\(len [^)]{1,90}\))?@|@)"
    r"|((?<![\w.+%@/-]))(?!mail-\d)([A-Za-z][\w.-]{0,63})(?=@(?:\[|\d{1,3}\.\d{1,3}\.|[A-Za-z]))"  # ssh
)
_NAMES: Final = """
root admin administrator www-data nginx apache httpd nobody daemon bin sys ubuntu debian centos ec2-user azureuser opc
app node runner public shared default user guest anonymous www http git docker postgres mysql redis caddy haproxy squid
proxy mattegate rembg agent none null client server host name request upstream
"""
_EVERYBODY: Final = frozenset(_NAMES.split())
"""Names that many machines have."""


def hide_people(text: str, book: Book) -> str:
    """``text`` with stand-ins for e-mail addresses, home folders and the names of users."""
    text = _MAIL.sub(lambda found: _mail(found[0], book), text)
    text = _HOME.sub(lambda found: found[1] + user(found[2], book), text)
    return _USER.sub(lambda found: _user(found, book), text)


def _mail(address: str, book: Book) -> str:
    if is_stand_in(address):
        return address
    return book.stand_in("mail", address.lower(), "an e-mail address", lambda number: f"mail-{number}@mail.example")


def _user(found: re.Match[str], book: Book) -> str:
    before, name = (part for part in found.groups() if part is not None)
    return f"{before}{user(name, book)}"


def user(name: str, book: Book) -> str:
    """What stands in for the name of a user."""
    if name.lower() in _EVERYBODY or is_stand_in(name) or name.startswith(("$", "*", "<", "{")):
        return name
    return book.stand_in("user", name, "the name of a user", lambda number: f"user-{number}")
