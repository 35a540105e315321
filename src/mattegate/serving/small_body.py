"""Bodies of account and admin requests: small, bounded, paced, and decoded by strict models.

The value that a caller got wrong is told back, except where it may be a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from mattegate.config.settings import MB
from mattegate.serving.body import BodyLimits, pour
from mattegate.serving.budget import Budget
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import Receive, Scope

    from mattegate.config.settings import UploadSettings

MOST_BYTES: Final = 65_536

_TOGETHER: Final = 16 * MB
_SHOWN: Final = 80
_SECRET_MEMBERS: Final = frozenset({"text", "key", "token", "secret", "password", "public_key"})
_NEVER_REACHED: Final = 1 << 62


class Strict(BaseModel):
    """What a caller sends: no unknown member, no value of another type, nothing that JSON cannot say."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, hide_input_in_errors=True)

    def given(self) -> dict[str, Any]:
        """The members that were sent, ``null`` ones too."""
        return {name: getattr(self, name) for name in self.model_fields_set}


Body = TypeVar("Body", bound=Strict)


class SmallBodies:
    """Reads bodies of at most :data:`MOST_BYTES`, at the pace of ``limits``; all unfinished ones share a budget."""

    def __init__(self, limits: UploadSettings) -> None:
        self._limits = limits
        self._budget = Budget(_TOGETHER)

    async def read(self, scope: Scope, receive: Receive) -> bytes:
        """The whole body.

        Raises :class:`Refusal` ``account.malformed`` (413, and 415 for a compressed one), ``request.stalled``,
        ``request.too_slow``, ``request.body_timeout``, ``request.client_gone`` or ``capacity.body_budget``.
        """
        headers = dict(scope["headers"])
        if headers.get(b"content-encoding", b"identity").strip().lower() not in {b"", b"identity"}:
            raise Refusal("account.malformed", problem="it is compressed", status=415)
        declared = headers.get(b"content-length", b"").decode("latin-1")
        length = int(declared) if declared.isascii() and declared.isdecimal() and len(declared) < 20 else 0
        body = bytearray()
        _require_small(length)
        with self._budget.lease() as take:

            def sink(chunk: bytes) -> None:
                _require_small(len(body) + len(chunk))
                body.extend(chunk)

            await pour(receive, sink, BodyLimits(self._limits, _NEVER_REACHED, length, take))
        return bytes(body)


def _require_small(length: int) -> None:
    if length > MOST_BYTES:
        raise Refusal("account.malformed", problem=f"it takes more than {MOST_BYTES // 1024} KiB", status=413)


def decode(body: bytes, kind: type[Body], content_type: str) -> Body:
    """A body as a ``kind``; an empty one is an object without members.

    Raises :class:`Refusal` ``account.malformed`` (not JSON; 415 for another type) or ``account.invalid``.
    """
    if body:
        require_json(content_type)
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise refused(error.errors(include_url=False, include_context=False)) from None


def require_json(content_type: str) -> None:
    """A body that a form could send is none. Raises :class:`Refusal` ``account.malformed`` (415)."""
    plain = content_type.partition(";")[0].strip().lower()
    if plain != "application/json" and not (plain.startswith("application/") and plain.endswith("+json")):
        found = f"of the type {plain[:_SHOWN]!r}" if plain else "of no type"
        raise Refusal("account.malformed", problem=f"it is {found}, not application/json", status=415)


def refused(errors: Iterable[Mapping[str, Any]]) -> Refusal:
    """The refusal of the first of pydantic's errors."""
    first = next(iter(errors))
    if first["type"] == "json_invalid":
        return Refusal("account.malformed", problem="it is not JSON")
    place = ".".join(str(step) for step in first["loc"] if step not in ("body", "query", "path", "header"))
    problem = str(first["msg"])
    if first["type"] == "extra_forbidden":
        return Refusal("account.invalid", what="a member", value=place[:_SHOWN], problem="there is no such member")
    return Refusal(
        "account.invalid", what=place[:_SHOWN] or "the body", value=_shown(place, first), problem=problem[:200]
    )


def _shown(place: str, error: Mapping[str, Any]) -> str:
    """The value, cut; of secrets and of whole objects no more than what they are."""
    value = error.get("input")
    if error["type"] == "missing":
        return "left out"
    if _SECRET_MEMBERS & set(place.split(".")) or isinstance(value, dict | list | bytes):
        return f"<{type(value).__name__}>"
    return str(value).encode("ascii", "backslashreplace").decode()[:_SHOWN]
