"""The data plane's one act: a request with an image becomes a cut-out.

The walk, in order; each step may refuse, and a later one costs more than an earlier one:

1. the head, without the body   2. room in the queue and in memory   3. the body, under limits
4. the options, and the header of each image   5. a permit, the engine   6. the answer
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from mattegate.cutout.engine.protocol import Job, Priority
from mattegate.cutout.probe import check_upload
from mattegate.serving.access import client_address
from mattegate.serving.answer import Answer, send_answer
from mattegate.serving.body import BodyLimits, pour
from mattegate.serving.budget import Budget
from mattegate.serving.exchange import Exchange
from mattegate.serving.form_body import FormReader
from mattegate.serving.head import BodyKind, Head, parse_head
from mattegate.serving.intake import Intake, Submission, Upload
from mattegate.serving.json_body import JsonReader
from mattegate.serving.raw_body import RawReader
from mattegate.serving.texts import add_text, option_refusal
from mattegate.serving.watch import until_gone
from mattegate.vocabulary.options import BackgroundImage, CutoutOptions, parse_options
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from mattegate.config.settings import Settings
    from mattegate.cutout.engine.protocol import Cutout, Engine
    from mattegate.serving.drain import Drain

_READERS: Final[Mapping[BodyKind, Callable[[Head, Intake], BodyReader]]] = {
    BodyKind.RAW: RawReader,
    BodyKind.FORM: FormReader,
    BodyKind.JSON: JsonReader,
}

_HOW_TO_SEND: Final = {
    BodyKind.RAW: "the body is empty",
    BodyKind.FORM: "the form has no file in a field named 'image'",
    BodyKind.JSON: "the JSON has no member 'image_base64'",
}


class BodyReader(Protocol):
    """Turns the chunks of one kind of body into what was submitted."""

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes."""

    def finish(self) -> Submission:
        """What was sent, once the body is complete."""


class RemoveBackground:
    """The ASGI endpoint of ``POST /v1/remove-bg`` and its aliases."""

    def __init__(self, settings: Settings, engine: Engine, drain: Drain) -> None:
        self._settings = settings
        self._engine = engine
        self._drain = drain
        self._budget = Budget(settings.upload.budget_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises :class:`Refusal`; the envelope explains it."""
        exchange = Exchange.of(scope)
        head = parse_head(scope, self._settings.upload)  # 1
        self._refuse_when_full()  # 2
        with self._drain.work(), self._budget.lease() as take, self._intake(head) as intake:
            submission = await self._receive(receive, head, intake, take)  # 3
            options = self._options(head, submission)  # 4
            image = _present(submission.image, head)
            job = self._job(image, submission.background, options)
            received = perf_counter()
            work = self._work(job, owner=client_address(scope))
            cutout, queued_s = await until_gone(receive, work)  # 5
        stages = (
            Stage("receive", (received - exchange.started) * 1000),
            Stage("queue", queued_s * 1000),
            *cutout.report.stages,
            Stage("total", (perf_counter() - exchange.started) * 1000),
        )
        await send_answer(send, Answer(cutout, options, image.filename, stages, exchange.request_id))  # 6

    def _refuse_when_full(self) -> None:
        waiting = self._engine.status().waiting
        if waiting >= self._settings.engine.queue:
            raise Refusal("capacity.queue_full", waiting=waiting)
        self._budget.precheck()

    def _intake(self, head: Head) -> Intake:
        return Intake(self._settings.upload, head.declared)

    async def _receive(self, receive: Receive, head: Head, intake: Intake, take: Callable[[int], None]) -> Submission:
        reader = _READERS[head.kind](head, intake)
        upload = self._settings.upload
        limits = BodyLimits(upload, head.wire_limit(upload), head.declared, take)
        await pour(receive, reader.feed, limits)
        if head.kind is BodyKind.JSON:
            return await asyncio.to_thread(reader.finish)
        return reader.finish()

    def _options(self, head: Head, submission: Submission) -> CutoutOptions:
        """The caller's options over the operator's defaults."""
        texts = dict(head.texts)
        for name, text in submission.texts.items():
            add_text(texts, name, text)
        defaults = self._settings.cutout
        return parse_options({"numerics": defaults.numerics, "refine": defaults.refine} | texts)

    def _job(self, image: Upload, background: Upload | None, options: CutoutOptions) -> Job:
        if (options.background is BackgroundImage.IMAGE) != (background is not None):
            problem = "it goes together with a file in 'background_image' (JSON: 'background_image_base64')"
            raise option_refusal("background", "image", problem)
        return Job(self._checked(image), options, self._checked(background) if background else None)

    def _checked(self, upload: Upload) -> memoryview:
        view = upload.view()
        check_upload(view, filename=upload.filename, limits=self._settings.upload)
        return view

    async def _work(self, job: Job, *, owner: str) -> tuple[Cutout, float]:
        asked = perf_counter()
        deadline_s = self._settings.engine.deadline_s
        permit = await self._engine.admit(
            priority=Priority.STANDARD, owner=owner, deadline_s=deadline_s, model=job.options.model
        )
        async with permit:
            queued_s = perf_counter() - asked
            return await permit.run(job), queued_s


def _present(image: Upload | None, head: Head) -> Upload:
    if image is None:
        raise Refusal("request.no_image", problem=_HOW_TO_SEND[head.kind])
    return image
