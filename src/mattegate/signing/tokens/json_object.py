"""JSON objects as headers, claims and key sets must be: read in one way only (RFC 8725, section 2.4; RFC 8259).

Refused are members that stand twice, the numbers that JSON does not have, half surrogates and what is not UTF-8.
"""

from __future__ import annotations

import json
from typing import Final, NoReturn

from mattegate.signing.tokens.causes import Cause, Refused


def read_object(data: bytes, part: str) -> dict[str, object]:
    """The members of the JSON object ``data``; raises ``Refused`` (malformed) naming ``part`` for anything else."""
    try:
        value = _DECODER.decode(data.decode())
        if b"\\u" in data:
            json.dumps(value, ensure_ascii=False).encode()  # a half surrogate can only be written as an escape
    except UnicodeError:
        problem = f"the {part} is not UTF-8"
    except json.JSONDecodeError:
        problem = f"the {part} is not JSON"
    except _TwiceError:
        problem = f"a member of the {part} stands twice"
    except (ValueError, RecursionError):  # NaN, numbers of thousands of digits, thousands of brackets
        problem = f"the {part} holds a number or a depth that JSON readers disagree about"
    else:
        if isinstance(value, dict):
            return value
        problem = f"the {part} is not a JSON object"
    raise Refused(Cause.MALFORMED, problem=problem)


class _TwiceError(ValueError):
    """Two members of one object have the same name."""


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _TwiceError
    return members


def _no_such_number(name: str) -> NoReturn:
    raise ValueError(name)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_such_number)
