"""A ``multipart/form-data`` body (RFC 7578), parsed while it arrives; images go straight into their buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from multipart import MultipartError, MultipartSegment, PushMultipartParser

from mattegate.serving.head import BodyKind
from mattegate.serving.intake import Submission, Upload
from mattegate.serving.texts import MAX_OPTIONS, MAX_TEXT, MAX_URL, URL, add_text, option_refusal
from mattegate.vocabulary.refusal import Refusal

if TYPE_CHECKING:
    from mattegate.serving.head import Head
    from mattegate.serving.intake import Intake

_FILES: Final = {"image": "image", "background_image": "background"}
"""Which field of :class:`Submission` each file field fills."""


class FormReader:
    """Turns the chunks of a form into a :class:`Submission`."""

    def __init__(self, head: Head, intake: Intake) -> None:
        self._intake = intake
        self._submission = Submission()
        self._parser = _parser(head)
        self._part: _FilePart | _TextPart | None = None

    def feed(self, chunk: bytes) -> None:
        """Take the next bytes.

        Raises :class:`Refusal` ``request.malformed``, ``request.option``, ``upload.too_large`` or
        ``upload.url_disabled``.
        """
        try:
            for event in self._parser.parse(chunk):
                self._take(event)
        except MultipartError as error:
            raise _malformed(str(error.args[0]).lower()) from None

    def finish(self) -> Submission:
        """What was sent. Raises :class:`Refusal` ``request.malformed`` when the closing boundary never came."""
        try:
            self._parser.close()
        except MultipartError:
            raise _malformed("it ends before the closing boundary") from None
        return self._submission

    def _take(self, event: MultipartSegment | bytes | None) -> None:
        if isinstance(event, MultipartSegment):
            self._part = self._begin(event)
        elif self._part is not None and event is not None:
            self._part.write(event)
        elif self._part is not None:
            self._part.end(self._submission)

    def _begin(self, segment: MultipartSegment) -> _FilePart | _TextPart:
        if segment.name in _FILES:
            return _FilePart(segment, self._intake, self._submission)
        if segment.filename is not None:
            raise _malformed(f"the file field {segment.name[:64]!r} is not known; the image goes in 'image'")
        if segment.name == URL and self._intake.limits.urls:
            return _UrlPart(segment.name)
        return _TextPart(segment.name)


class _FilePart:
    """One image of the form."""

    def __init__(self, segment: MultipartSegment, intake: Intake, submission: Submission) -> None:
        if getattr(submission, _FILES[segment.name]) is not None:
            raise _malformed(f"there is more than one file in {segment.name!r}; send one image per request")
        self._segment = segment
        self._intake = intake
        self._buffer = intake.open()

    def write(self, chunk: bytes) -> None:
        self._intake.store(self._buffer, chunk)

    def end(self, submission: Submission) -> None:
        name = self._segment.filename
        if not name and not self._segment.size:
            return  # browsers send an empty part for a file field that was left empty
        setattr(submission, _FILES[self._segment.name], Upload(self._buffer, name[:255] if name else None))


class _TextPart:
    """One option of the form."""

    most = MAX_TEXT

    def __init__(self, name: str) -> None:
        self._name = name
        self._data = b""

    def write(self, chunk: bytes) -> None:
        self._data += chunk
        if len(self._data) > self.most:
            raise option_refusal(self._name, "…", f"it is longer than {self.most} bytes")

    def end(self, submission: Submission) -> None:
        add_text(submission.texts, self._name, self._text())

    def _text(self) -> str:
        try:
            return self._data.decode()
        except UnicodeDecodeError:
            raise option_refusal(self._name, "…", "it is not UTF-8") from None


class _UrlPart(_TextPart):
    """The address of the image."""

    most = MAX_URL

    def end(self, submission: Submission) -> None:
        if submission.url:
            raise option_refusal(self._name, "…", "it is given twice")
        submission.url = self._text()


def _parser(head: Head) -> PushMultipartParser:
    try:
        return PushMultipartParser(
            head.boundary,
            content_length=-1 if head.declared is None else head.declared,
            max_header_size=4_096,
            max_header_count=8,
            max_segment_count=MAX_OPTIONS,
        )
    except MultipartError as error:
        raise _malformed(str(error.args[0]).lower()) from None


def _malformed(problem: str) -> Refusal:
    return Refusal("request.malformed", expected=BodyKind.FORM, problem=problem)
