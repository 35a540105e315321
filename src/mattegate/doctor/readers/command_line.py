"""Takes a curl command apart, as a shell or Windows' ``cmd`` spells it; nothing is run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from mattegate.doctor.readers.http_message import Target, header_of, target_of
from mattegate.doctor.redact import safe

MOST_CHARS: Final = 1_048_576
_PIECE: Final = re.compile(
    r"(?P<gap>\s+)|'(?P<single>[^']*)'?|\$'(?P<ansi>(?:[^'\\]|\\.)*+)'?|\"(?P<double>(?:[^\"\\]|\\.)*+)\"?"
    r"|\\(?P<escaped>.?)|(?P<stop>[|;&<>]+)|(?P<plain>[^\s'\"\\|;&<>]+)",
    re.DOTALL,
)
_SHORT_WITH_VALUE: Final = frozenset("AbcCdDeEFhHKmoPQrtTuUwXxyYz")
_LONG_WITHOUT_VALUE: Final = re.compile(
    r"--(?:no-.*|compressed.*|insecure|verbose|silent|show-error|location.*|include|head|get|fail.*|http.*|globoff"
    r"|ipv[46]|tls.*|ssl.*|basic|digest|ntlm|negotiate|anyauth|path-as-is|raw|remote-.*|progress-bar|next|parallel.*"
    r"|proxy-(?:insecure|basic|digest|ntlm|negotiate|anyauth)|disable.*|fail-with-body|create-dirs|append|buffer)"
)
_DATA: Final = frozenset({"-d", "--data", "--data-raw", "--data-binary", "--data-ascii", "--data-urlencode", "--json"})
_FORM: Final = frozenset({"-F", "--form", "--form-string"})
_NAMED: Final = {
    "-X": "method",
    "--request": "method",
    "-x": "proxy",
    "--proxy": "proxy",
    "--resolve": "resolve",
    "--connect-to": "connect_to",
    "--cert": "certificate",
    "-E": "certificate",
    "--noproxy": "noproxy",
    "--unix-socket": "unix_socket",
    "--aws-sigv4": "aws_sigv4",
}
_HEADERS: Final = {"-A": "User-Agent", "--user-agent": "User-Agent", "-e": "Referer", "--referer": "Referer"}


@dataclass(slots=True)
class CommandRequest:
    """The request that a command would send; its texts are not made safe yet, but for ``target``."""

    target: Target = field(default_factory=Target)
    method: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""
    """``data``, ``form`` or ``upload``; empty without a body."""
    body_chars: int = 0
    options: dict[str, str] = field(default_factory=dict)


def as_request(command: str) -> CommandRequest | None:
    """What a line ``curl …`` would ask for; ``None`` where it names no URL."""
    words = list(_words(_without_carets(command[:MOST_CHARS])))
    if not words or words[0].lower() not in ("curl", "curl.exe"):
        return None
    request = CommandRequest()
    for option, value in _options(words[1:]):
        _take(request, option, value)
    if not request.target.host:
        return None
    request.method = request.method or _implied_method(request)
    return request


def _without_carets(command: str) -> str:
    """``cmd`` writes ``^`` before what it would otherwise read as its own, and at the end of a line that goes on."""
    if '^"' not in command and "^\n" not in command:
        return command
    return re.sub(r"\^(\r?\n)?(.?)", lambda caret: f" {caret[2]}" if caret[1] else caret[2], command, flags=re.DOTALL)


def _words(command: str) -> Iterator[str]:
    """The words of a shell's line; a pipe or a redirection ends it."""
    word: list[str] = []
    quoted = False
    for piece in _PIECE.finditer(command):
        if piece["stop"] is not None:
            break
        if piece["gap"] is not None or piece["escaped"] == "\n":
            if word or quoted:
                yield "".join(word)
            word, quoted = [], False
        else:
            quoted = True
            word.append(_text_of(piece))
    if word or quoted:
        yield "".join(word)


def _text_of(piece: re.Match[str]) -> str:
    if piece["double"] is not None:
        return re.sub(r"\\([\"\\$`])", r"\1", piece["double"])
    if piece["ansi"] is not None:
        return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t", "r": "\r"}.get(found[1], found[1]), piece["ansi"])
    return next(text for text in (piece["single"], piece["escaped"], piece["plain"]) if text is not None)


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Each option with its value; an argument stands for ``--url``."""
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word.startswith("--") and not _LONG_WITHOUT_VALUE.fullmatch(word):
            name, equals, value = word.partition("=")
            yield name, value if equals else "".join(words[at : at + 1])
            at += 0 if equals else 1
        elif word.startswith("--"):
            yield word, ""
        elif word.startswith("-") and len(word) > 1:
            taken = list(_short(word, "".join(words[at : at + 1])))
            at += sum(takes_next for _, _, takes_next in taken)
            yield from ((name, value) for name, value, _ in taken)
        else:
            yield "--url", word


def _short(word: str, following: str) -> Iterator[tuple[str, str, bool]]:
    """``-sSXPOST`` is three options; one with a value takes the rest of the word, or the next word."""
    for place, letter in enumerate(word[1:], start=2):
        if letter in _SHORT_WITH_VALUE:
            rest = word[place:]
            yield f"-{letter}", rest or following, not rest
            return
        yield f"-{letter}", "", False


def _take(request: CommandRequest, option: str, value: str) -> None:
    if option == "--url":
        request.target = target_of(value) if not request.target.host else request.target
    elif option in ("-H", "--header"):
        request.headers += [header] if (header := header_of(value)) else []
        _note_removed(request, value)
    elif option in _HEADERS:
        request.headers.append((_HEADERS[option], value))
    elif option in ("-b", "--cookie") and "=" in value:
        request.headers.append(("Cookie", value))
    elif option in ("-u", "--user"):
        request.headers.append(("Authorization", "Basic"))
        request.options["user"] = safe(value.partition(":")[0])
    elif option in _DATA or option in _FORM or option in ("-T", "--upload-file"):
        _take_body(request, option, value)
    else:
        _take_rest(request, option, value)


def _take_body(request: CommandRequest, option: str, value: str) -> None:
    request.body = "data" if option in _DATA else "form" if option in _FORM else "upload"
    request.body_chars += len(value)
    if option == "--json":
        request.headers += [("Content-Type", "application/json"), ("Accept", "application/json")]


def _take_rest(request: CommandRequest, option: str, value: str) -> None:
    if option in ("-I", "--head"):
        request.method = request.method or "HEAD"
    elif option in ("-G", "--get"):
        request.method = request.method or "GET"
    elif option in ("-k", "--insecure"):
        request.options["insecure"] = "yes"
    elif _NAMED.get(option) == "method":
        request.method = value.strip().upper()[:20]
    elif option in _NAMED:
        request.options[_NAMED[option]] = safe(value)[:400]


def _note_removed(request: CommandRequest, value: str) -> None:
    """``-H 'Host:'`` sends none: curl takes a header without a value as one to leave out; ``Name;`` sends it empty."""
    if re.fullmatch(r"[\w-]{1,100};", value.strip()):
        request.headers.append((value.strip()[:-1], ""))
    elif (header := header_of(value)) and not header[1]:
        request.headers.remove(header)
        removed = request.options.get("removed_headers", "")
        request.options["removed_headers"] = f"{removed} {header[0].lower()}".strip()


def _implied_method(request: CommandRequest) -> str:
    return {"": "GET", "upload": "PUT"}.get(request.body, "POST")
