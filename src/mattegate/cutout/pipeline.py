"""One image through every step, from encoded bytes to encoded bytes.

The order is read in :meth:`Pipeline.make`; each step lives in its own module and knows nothing of the others:

1. glance     a picture for the network; of a large JPEG a small one straight from its DCT coefficients, and
              meanwhile the full picture is decoded beside the network (:mod:`.decoding`)
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
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np

from mattegate.config.settings import Settings
from mattegate.cutout.backends.session import Interrupted, Session
from mattegate.cutout.colour import to_srgb
from mattegate.cutout.compose import compose
from mattegate.cutout.decoding import Source, open_source
from mattegate.cutout.encoding import encode
from mattegate.cutout.engine.maker import Made
from mattegate.cutout.engine.protocol import Job, Payload
from mattegate.cutout.foreground import decontaminate
from mattegate.cutout.numerics import matte_of, tensor_of
from mattegate.cutout.picture import RGB, Picture, Plane
from mattegate.cutout.probe import probe
from mattegate.cutout.refine import REFINERS
from mattegate.cutout.shelf import LoadedModel, ModelShelf
from mattegate.cutout.timeline import Timeline
from mattegate.vocabulary.options import CutoutOptions, Numerics
from mattegate.vocabulary.report import Report


class Pipeline:
    """Makes cut-outs, one at a time, with the models of one shelf; what a worker process holds."""

    def __init__(self, shelf: ModelShelf, settings: Settings, *, threads: int) -> None:
        self._shelf = shelf
        self._default_model = settings.models.default
        self._threads = threads
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="decode")
        self._session: Session | None = None

    def make(self, job: Job, *, cancelled: Callable[[], bool]) -> Made:
        """Make one cut-out; see the module's list of steps."""
        timeline, options = Timeline(), job.options
        model = self._shelf.take(options.model or self._default_model)
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
        with timeline.stage("await-decode"):
            picture = full.result()
        # 4. matte
        with timeline.stage("matte"):
            matte = matte_of(prediction, picture.width, picture.height, recipe)
        # 5. refine
        with timeline.stage("refine"):
            matte, notes = REFINERS[options.refine](picture.rgb, matte, self._threads)
            matte = _within(matte, picture.alpha)
        # 6. colours
        with timeline.stage("colours"):
            foreground = _foreground(picture.rgb, matte, options)
        # 7. compose
        with timeline.stage("compose"):
            background = _background(job.background)
            rendered, box = compose(picture, matte, options, foreground=foreground, background=background)
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
            foreground=box,
            stages=timeline.stages,
            notes=(*picture.notes, *notes, *encoded.notes),
        )
        return Made(encoded.segments, report)

    def warm(self, model: str) -> None:
        """Load a model and run it once, so that the first caller does not wait for that."""
        loaded = self._shelf.take(model)
        width, height = loaded.spec.size
        loaded.session.run(np.zeros((1, 3, height, width), np.float32))

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the loaded models."""
        return self._shelf.names

    def cancel(self) -> None:
        """Stop the network where it runs; called from another thread."""
        if (session := self._session) is not None:
            session.interrupt()
