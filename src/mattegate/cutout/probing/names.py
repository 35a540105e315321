"""File names that lie about what they name. Knows names and formats, never bytes."""

from __future__ import annotations

import re
from typing import Final

from mattegate.vocabulary.formats import FORMAT_BY_EXTENSION, ImageFormat

# fmt: off
_EVERYWHERE: Final = frozenset({
    "php", "php2", "php3", "php4", "php5", "php6", "php7", "php8", "pht", "phtm", "phtml", "phar", "phps",
    "pgif", "hphp", "asp", "aspx", "ascx", "ashx", "asmx", "cshtml", "vbhtml", "jsp", "jspx", "jspf", "jsw",
    "jsv", "cfm", "cfml", "cfc", "dbm", "shtml", "stm", "cgi", "fcgi", "exe", "dll", "msi", "cmd", "vbs", "vbe",
    "wsf", "wsh", "hta", "ps1", "psm1", "psd1", "htaccess", "htpasswd", "apk",
})
"""Extensions that some server or desktop runs wherever they stand, as Apache may run ``x.php.png``."""

_AT_THE_END: Final = frozenset({
    "com", "js", "mjs", "cjs", "py", "pyc", "pyw", "sh", "bash", "zsh", "ksh", "csh", "pl", "pm", "rb", "lua",
    "swf", "app", "run", "bin", "elf", "so", "dylib", "html", "htm", "xhtml", "xht", "mht", "svg", "svgz",
    "xml", "xsl", "xslt", "class", "command", "desktop", "ts", "inc", "module", "asa", "axd", "cer", "config",
    "do", "action", "msp", "scr", "pif", "cpl", "sys", "bat", "reg", "lnk", "scf", "jar", "war", "ear", "user",
    "ipa", "dmg", "deb", "rpm",
})
"""Extensions that run or script too, but are ordinary words inside a name such as ``example.com.png``."""
# fmt: on

_SPLIT: Final = re.compile(r"[.;:%\x00-\x1f]+")
_SHOWN: Final = 80


def lies(name: str, image_format: ImageFormat) -> bool:
    """Whether a name promises a program, or another image format than the content's; no extension promises nothing."""
    extensions = _extensions(name)
    if not extensions:
        return False
    last = extensions[-1]
    if last in _AT_THE_END or not _EVERYWHERE.isdisjoint(extensions):
        return True
    return FORMAT_BY_EXTENSION.get(last, image_format) is not image_format


def shown(name: str) -> str:
    """The last component of a name, cut to a sane length, with everything unprintable replaced; fit for a log."""
    base = _base(name)
    kept = "".join(character if character.isprintable() else "?" for character in base)
    return kept if len(kept) <= _SHOWN else f"{kept[: _SHOWN - 1]}…"


def _base(name: str) -> str:
    return re.split(r"[/\\]", name)[-1]


def _extensions(name: str) -> list[str]:
    """Every part of the name behind its first dot, or behind what careless software takes for a name's end."""
    parts = (part.strip() for part in _SPLIT.split(_base(name).lower())[1:])
    return [part for part in parts if part]
