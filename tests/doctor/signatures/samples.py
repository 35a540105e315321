"""Samples of signatures as observations: by the real reader that the sample names, or spelled as JSON."""

from __future__ import annotations

import io
import json
from typing import Any

from mattegate.doctor.observation import Headers, Observation, Place
from mattegate.doctor.readers import by_name
from mattegate.doctor.signatures import Sample


def observations(sample: Sample) -> tuple[Observation, ...]:
    """What the sample is read as."""
    text = sample.text.strip("\n")
    if sample.reader == "json":
        return (_spelled(json.loads(text)),)
    return tuple(by_name(sample.reader).read(io.BytesIO(f"{text}\n".encode()), "sample"))


def _spelled(members: dict[str, Any]) -> Observation:
    sent, answered = members.pop("request_headers", []), members.pop("response_headers", [])
    place = Place("sample", 1)
    return Observation(place=place, request_headers=_headers(sent), response_headers=_headers(answered), **members)


def _headers(pairs: list[list[str]]) -> Headers:
    return tuple((name.lower(), value) for name, value in pairs)
