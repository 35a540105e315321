"""One image through every step, from encoded bytes to encoded bytes.

The order is read in :meth:`Pipeline.make`; each step lives in its own module and knows nothing of the others:

1. glance     a small picture for the network; of a large JPEG straight from its DCT coefficients, and then the full
              picture is decoded beside the network (:mod:`.decoding`)
2. tensor     the model's recipe turns the glance into numbers (:mod:`.numerics`)
3. infer      the network predicts (:mod:`.backends`)
4. matte      the prediction becomes a matte of the picture's size (:mod:`.numerics`)
5. refine     its edges follow the picture (:mod:`.refine`)
6. colours    the old background is taken out of the edge colours (:mod:`.foreground`)
7. compose    crop, scale, place, background (:mod:`.compose`)
8. encode     (:mod:`.encoding`)
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

from mattegate.config.settings import Settings
from mattegate.cutout.backends.onnx import OnnxSession
from mattegate.cutout.backends.session import Interrupted, Session, Tensor
from mattegate.cutout.colour import to_srgb
from mattegate.cutout.compose import compose
from mattegate.cutout.decoding import Source, open_source
from mattegate.cutout.encoding import encode
from mattegate.cutout.engine.maker import Cancelled, Made
from mattegate.cutout.engine.protocol import Job
from mattegate.cutout.foreground import decontaminate
from mattegate.cutout.models.library import ModelLibrary
from mattegate.cutout.numerics import halved, matte_of, settled, tensor_of
from mattegate.cutout.picture import RGB, Picture, Plane
from mattegate.cutout.probe import probe
from mattegate.cutout.refine import REFINERS
from mattegate.cutout.shelf import LoadedModel, ModelShelf
from mattegate.cutout.timeline import Timeline
from mattegate.vocabulary.options import CutoutOptions, Numerics
from mattegate.vocabulary.report import Report


class Pipeline:
    """A :class:`~mattegate.cutout.engine.maker.Maker`: makes cut-outs, one at a time, with the models of one shelf."""

    def __init__(self, shelf: ModelShelf, *, threads: int) -> None:
        self._shelf = shelf
        self._threads = threads
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._running: Session | None = None

    def warm(self, model: str | None) -> None:
        """Load a model and run it once, so that no caller waits for that."""
        if not self._shelf.holds(model):
            loaded = self._shelf.take(model)
            width, height = loaded.spec.size
            loaded.session.run(np.zeros((1, 3, height, width), np.float32))

    def loaded(self) -> tuple[str, ...]:
        """The names of the models in memory."""
        return self._shelf.names

    def cancel(self) -> None:
        """Stop the network where it runs; called from another thread."""
        if (running := self._running) is not None:
            running.interrupt()

    def make(self, job: Job, *, cancelled: Callable[[], bool]) -> Made:
        """Make one cut-out; the steps are those that the module lists."""
        timeline, options = Timeline(), job.options
        model = self._shelf.take(options.model)
        recipe = model.spec.recipe(options.numerics)
        # 1. glance
        with timeline.stage("decode"):
            source = open_source(job.image, probe(job.image))
            glance, full = self._glance(source, max(model.spec.size), options)
        # 2. tensor
        with timeline.stage("prepare"):
            tensor = tensor_of(glance, model.spec.size, recipe)
        # 3. infer
        with timeline.stage("infer"):
            prediction = self._infer(model, tensor, cancelled)
            picture = full()
        # 4. matte
        with timeline.stage("matte"):
            matte = matte_of(prediction, picture.width, picture.height, recipe)
            matte = matte if options.numerics is Numerics.REMBG else settled(matte)
        # 5. refine
        with timeline.stage("refine"):
            matte, notes = REFINERS[options.refine](picture.rgb, matte)
            matte = _within(matte, picture.alpha)
        _stop_if(cancelled)
        # 6. colours
        with timeline.stage("colours"):
            foreground = _foreground(picture, matte, options)
        # 7. compose
        with timeline.stage("compose"):
            rendered = compose(picture, matte, options, foreground=foreground, background=_background(job))
        _stop_if(cancelled)
        # 8. encode
        with timeline.stage("encode"):
            encoded = encode(rendered, options, self._threads)
        report = Report(
            model=model.spec.name,
            media_type=encoded.media_type,
            input_width=picture.width,
            input_height=picture.height,
            width=rendered.width,
            height=rendered.height,
            foreground=rendered.subject,
            stages=timeline.stages,
            notes=(*picture.notes, *notes, *encoded.notes),
        )
        return Made(encoded.segments, report)

    def _glance(self, source: Source, side: int, options: CutoutOptions) -> tuple[RGB, Callable[[], Picture]]:
        """What the network looks at, and a way to wait for the full picture.

        Parity with rembg needs the full picture, in the numbers in which it came.
        """
        if options.numerics is Numerics.REMBG:
            picture = source.decode()
            return picture.rgb, lambda: picture
        preview = source.preview(side)
        if preview is None:
            picture = source.decode()
            return _as_seen(halved(picture.rgb, side), picture.icc), lambda: picture
        return _as_seen(preview, source.icc), self._beside.submit(source.decode).result

    def _infer(self, model: LoadedModel, tensor: Tensor, cancelled: Callable[[], bool]) -> Tensor:
        """Run the network so that :meth:`cancel` can interrupt it: either it finds the session, or we see the flag."""
        self._running = model.session
        try:
            _stop_if(cancelled)
            return model.session.run(tensor)
        except Interrupted:
            raise Cancelled from None
        finally:
            self._running = None


def build_maker(settings: Settings, *, threads: int) -> Pipeline:
    """The maker of a worker process."""
    cv2.setNumThreads(threads)
    shelf = ModelShelf(
        ModelLibrary(settings),
        lambda opened: OnnxSession(
            opened.path, name=opened.spec.name, size=opened.spec.size, threads=threads, output=opened.spec.output
        ),
        budget_mb=settings.models.memory_budget_mb,
    )
    return Pipeline(shelf, threads=threads)


def _stop_if(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise Cancelled


def _as_seen(rgb: RGB, icc: bytes | None) -> RGB:
    """In the colours that the network was trained on: sRGB."""
    return rgb if icc is None else to_srgb(rgb, icc)


def _within(matte: Plane, alpha: Plane | None) -> Plane:
    """The matte where the picture itself was opaque, and less where it was not."""
    return matte if alpha is None else np.asarray(cv2.multiply(matte, alpha, scale=1 / 255), np.uint8)


def _foreground(picture: Picture, matte: Plane, options: CutoutOptions) -> RGB | None:
    """The subject's own colours; rembg's are darkened by the matte, a mask has none."""
    if options.mask:
        return None
    if options.numerics is Numerics.REMBG:
        return np.asarray(cv2.multiply(picture.rgb, cv2.merge([matte, matte, matte]), scale=1 / 255), np.uint8)
    return decontaminate(picture.rgb, matte)


def _background(job: Job) -> Picture | None:
    return None if job.background is None else open_source(job.background, probe(job.background)).decode()
