"""The data plane's one act: a request with an image becomes a cut-out.

The walk, in order; each step may refuse, and a later one costs more than an earlier one:

1. the head, without the body   2. room in the queue and in memory   3. the body, under limits   4. the options, the
image from elsewhere where an address was sent, the header of each image, what these change about the claim
5. a permit, the engine   6. the charge, then the answer

Whatever it refuses gives back what the claim reserved: that is the envelope's, when it concludes.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from time import perf_counter
from typing import TYPE_CHECKING, Final, Protocol

from mattegate.cutout.engine.protocol import Job, Priority
from mattegate.cutout.probe import check_upload, probe
from mattegate.ledger.protocols import Usage
from mattegate.serving.answer import Answer, send_answer
from mattegate.serving.body import BodyLimits, pour
from mattegate.serving.budget import Budget
from mattegate.serving.exchange import Exchange
from mattegate.serving.fetching import ImageFetcher
from mattegate.serving.form_body import FormReader
from mattegate.serving.head import BodyKind, Head, parse_head
from mattegate.serving.intake import Intake, Submission, Upload
from mattegate.serving.json_body import JsonReader
from mattegate.serving.payload import check_payload, fingerprint, plain
from mattegate.serving.raw_body import RawReader
from mattegate.serving.texts import URL, add_text, option_refusal
from mattegate.serving.watch import until_gone
from mattegate.vocabulary.attempt import Flawed
from mattegate.vocabulary.facts import PayloadFact
from mattegate.vocabulary.options import BackgroundImage, CutoutOptions, parse_options
from mattegate.vocabulary.refusal import Refusal
from mattegate.vocabulary.report import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

    from mattegate.config.settings import Settings, UploadSettings
    from mattegate.cutout.engine.protocol import Cutout, Engine, Payload
    from mattegate.serving.drain import Drain
    from mattegate.serving.gatehouse import Gatehouse
    from mattegate.serving.routes import Match
    from mattegate.serving.walk import Walk

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

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        drain: Drain,
        gatehouse: Gatehouse,
        proper_name: Callable[[str], str],
        *,
        images: ImageFetcher | None = None,
    ) -> None:
        self._settings = settings
        self._proper_name = proper_name
        self._gatehouse = gatehouse
        self._engine = engine
        self._drain = drain
        self._images = images or ImageFetcher(settings)
        self._budget = Budget(settings.upload.budget_bytes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. Raises :class:`Refusal`; the envelope explains it."""
        exchange = Exchange.of(scope)
        walk = exchange.walk
        assert walk is not None
        head = parse_head(scope, self._settings.upload)  # 1
        self._refuse_when_full()  # 2
        with self._drain.work(), self._budget.lease() as take, self._intake(head) as intake:
            submission = await self._receive(receive, head, intake, take)  # 3
            options = self._options(head, submission)  # 4
            if submission.url:
                submission.image = await until_gone(receive, self._fetched(submission, exchange, intake, take))
            image = _present(submission.image, head)
            job = await self._admitted(walk, self._job(image, submission.background, options))
            received = perf_counter()
            cutout, queued_s = await until_gone(receive, self._work(job, walk))  # 5
        stages = (
            Stage("receive", (received - exchange.started) * 1000),
            Stage("queue", queued_s * 1000),
            *cutout.report.stages,
            Stage("total", (perf_counter() - exchange.started) * 1000),
        )
        await self._gatehouse.bookkeeper.settle(walk, _usage(cutout, exchange))  # 6
        replayed = walk.facts.claim is not None and walk.facts.claim.replay > 0
        await send_answer(send, Answer(cutout, options, image.filename, stages, exchange.request_id, replayed))

    async def _admitted(self, walk: Walk, job: Job) -> Job:
        """What the body adds to the decision: the model, the megapixels, the payload of an idempotency key."""
        model = job.options.model or self._settings.models.default
        megapixels = _megapixels(job.image)
        check_payload(walk, self._payload(model, job, megapixels))
        await self._gatehouse.top_up(walk, megapixels)
        if walk.attempt.idempotency_key:
            digest = await asyncio.to_thread(fingerprint, job)
            bound = await self._gatehouse.bookkeeper.bind(walk, digest, model)
            if bound != model:  # the default of then
                check_payload(walk, self._payload(bound, job, megapixels))
            return replace(job, options=replace(job.options, model=bound))
        return job

    def _payload(self, model: str, job: Job, megapixels: int) -> PayloadFact:
        proper = self._proper_name(model)
        return PayloadFact(proper, len(job.image), megapixels, alias=model if model != proper else "")

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

    async def _fetched(
        self, submission: Submission, exchange: Exchange, intake: Intake, take: Callable[[int], None]
    ) -> Upload:
        """The image from the address that was sent. Memory is taken for the longest, and given back in part."""
        if submission.image is not None:
            raise option_refusal(URL, "…", "an image is sent beside it; send one of them")
        assert exchange.walk is not None
        take(room := intake.room)
        body = await self._images.fetch(submission.url, exchange.walk, room=room)
        take(len(body) - room)
        exchange.bytes_fetched = len(body)
        buffer = intake.open()
        intake.store(buffer, body)
        return Upload(buffer)

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

    async def _work(self, job: Job, walk: Walk) -> tuple[Cutout, float]:
        asked = perf_counter()
        permit = await self._engine.admit(
            priority=Priority[walk.tier.priority.upper()] if walk.tier else Priority.STANDARD,
            owner=walk.caller.identity.id if walk.caller else walk.address,
            deadline_s=self._settings.engine.deadline_s,
            model=job.options.model,
        )
        async with permit:
            queued_s = perf_counter() - asked
            walk.begun = True
            return await permit.run(job), queued_s


def head_reader(limits: UploadSettings) -> Callable[[Scope, Match], tuple[Flawed | None, str]]:
    """What the head of a cut-out request has against it, and the model it names; nothing is read for nobody."""

    def read(scope: Scope, _: Match) -> tuple[Flawed | None, str]:
        try:
            head = parse_head(scope, limits)
        except Refusal as refusal:
            return Flawed(refusal.reason.code, plain(refusal.facts)), ""
        return None, head.texts.get("model", "")

    return read


def _present(image: Upload | None, head: Head) -> Upload:
    if image is None:
        raise Refusal("request.no_image", problem=_HOW_TO_SEND[head.kind])
    return image


def _megapixels(image: Payload) -> int:
    """Megapixels of a checked image, rounded up."""
    found = probe(image)
    return -(-found.width * found.height // 1_000_000)


def _usage(cutout: Cutout, exchange: Exchange) -> Usage:
    report = cutout.report
    return Usage(
        images=1,
        pixels=report.width * report.height,
        bytes_in=exchange.bytes_in + exchange.bytes_fetched,
        bytes_out=len(cutout.data),
        model=report.model,
        ms=round((perf_counter() - exchange.started) * 1000, 1),
    )
