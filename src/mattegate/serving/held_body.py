"""The body of a signed request: held before the application sees it, or compared with its digest while it does.

It is read under the same limits and out of the same budget as any other body, so a proof over the body cannot be used
to fill the memory.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from mattegate.serving.body import BodyLimits, pour
from mattegate.serving.head import FRAMING_ALLOWANCE
from mattegate.signing.content_digest import BodyDigester
from mattegate.vocabulary.proofs import BodyCover
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive

    from mattegate.config.settings import UploadSettings
    from mattegate.serving.budget import Budget
    from mattegate.vocabulary.attempt import Attempt


class BodyHolder:
    """Holds bodies; one for a server."""

    def __init__(self, upload: UploadSettings, budget: Budget) -> None:
        self._upload, self._budget = upload, budget

    def held(self, receive: Receive) -> HeldBody:
        """The body of one request, not read yet."""
        most = self._upload.max_bytes * 4 * 103 // 300 + FRAMING_ALLOWANCE  # base64 in JSON takes the most
        return HeldBody(receive, lambda take: BodyLimits(self._upload, most, None, take), self._budget)


class HeldBody:
    """One body. It is a ``receive`` itself, which gives what was held first and then goes on with the connection."""

    def __init__(self, receive: Receive, limits: Callable[[Callable[[int], None]], BodyLimits], budget: Budget) -> None:
        self._receive, self._limits = receive, limits
        self._lease = ExitStack()
        self._budget = budget
        self._chunks: list[bytes] | None = None
        self._given = False

    async def hold(self, sink: Callable[[bytes], None]) -> None:
        """Show ``sink`` the whole body as it comes, and keep it for the application.

        A walk that begins anew, because keys changed meanwhile, is shown what is held. Raises what
        :func:`~mattegate.serving.body.pour` does.
        """
        if self._chunks is not None:
            self._show(sink)
            return
        chunks: list[bytes] = []

        def kept(chunk: bytes) -> None:
            chunks.append(chunk)
            sink(chunk)

        await pour(self._receive, kept, self._limits(self._lease.enter_context(self._budget.lease())))
        self._chunks = chunks

    async def pass_by(self, sink: Callable[[bytes], None]) -> None:
        """Show it the whole body and keep nothing: of a request that is refused whatever it holds. Raises alike."""
        if self._chunks is None:
            await pour(self._receive, sink, self._limits(lambda _: None))
        else:
            self._show(sink)

    def _show(self, sink: Callable[[bytes], None]) -> None:
        for chunk in self._chunks or ():
            sink(chunk)

    async def __call__(self) -> Message:
        """The next message of the request."""
        if self._chunks is None or self._given:
            return await self._receive()
        self._given = True
        body = b"".join(self._chunks)
        self._chunks = []
        return {"type": "http.request", "body": body, "more_body": False}

    def close(self) -> None:
        """Give back what it took of the budget."""
        self._lease.close()


def as_signed(receive: Receive, attempt: Attempt) -> Receive:
    """``receive``, which raises :class:`Refusal` ``signature.digest`` at the end of a body that was not the signed one.

    Only where a signature binds a digest of the body; a body that nobody reads is compared with nothing.
    """
    stated = attempt.signature
    if stated is None or stated.body is not BodyCover.DIGEST or attempt.route.public:
        return receive
    digester = BodyDigester(stated)

    async def compared() -> Message:
        message = await receive()
        if message["type"] == "http.request":
            digester.update(message.get("body", b""))
            if not message.get("more_body", False):
                verdict = digester.verdict()
                if not verdict.good:
                    raise Refusal(verdict.code, **verdict.facts)
        return message

    return compared
