"""Every signature of the clouds, networks, firewalls and panels, on its own samples, through the real readers."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Final

import pytest

from mattegate.doctor.answer import Certainty
from mattegate.doctor.causes import causes
from mattegate.doctor.clue import Clue
from mattegate.doctor.readers.curl import CurlReader
from mattegate.doctor.readers.har import HarReader
from mattegate.doctor.readers.logs import LOG_READERS
from mattegate.doctor.readers.protocol import Reader
from mattegate.doctor.signatures import Matcher, Sample, Signature, signatures
from tests.doctor.signatures.samples import observations

SOURCES: Final = (
    *("aws_apigw", "aws_cloudfront", "aws_alb", "aws_waf", "aws_s3", "aws_lambda_url"),
    *("cloudflare", "akamai", "fastly", "edgecast", "imperva", "f5", "sucuri"),
    *("vercel", "netlify", "heroku", "huggingface"),
    *("azure_front_door", "azure_app_gateway", "azure_apim", "azure_app_service"),
    *("gcp_armor", "gcp_iap", "gcp_gfe"),
    *("icp", "aliyun", "tencent", "huawei", "ctyun", "baidu", "bt_panel", "safeline"),
)
_ALL: Final[tuple[Reader, ...]] = (CurlReader(), HarReader(), *LOG_READERS)
_SPELLED: Final = "json"
READERS: Final = {reader.name: reader for reader in _ALL}
MATCHER: Final = Matcher()
CLOUD: Final = tuple(entry for entry in signatures() if entry.source in SOURCES)
_CATALOGUES: Final = ("aws", "cdn", "cloud", "china")
SAMPLES: Final = [
    pytest.param(entry, sample, id=f"{entry.id}-{number}")
    for entry in CLOUD
    for number, sample in enumerate(entry.samples)
]


def _clues(sample: Sample) -> Iterator[Clue]:
    for seen in observations(sample):
        yield from MATCHER.clues(seen)


@pytest.mark.parametrize(("entry", "sample"), SAMPLES)
def test_the_sample_is_recognised(entry: Signature, sample: Sample) -> None:
    """The entry fits its own sample, and its sentences have all their facts."""
    mine = [clue for clue in _clues(sample) if clue.origin == f"signature {entry.id}"]
    assert mine
    for clue in mine:
        assert clue.cause == entry.cause
        assert "something" not in clue.evidence[0]
        assert "{" not in clue.next.replace("{ ", "")


@pytest.mark.parametrize(("entry", "sample"), SAMPLES)
def test_what_looks_alike_is_told_apart(entry: Signature, sample: Sample) -> None:
    """Two causes that fit the same sample are both possible, or one is surer; none is sure against another."""
    clues = [clue for clue in _clues(sample) if clue.origin.removeprefix("signature ").split(".")[0] in SOURCES]
    sure = {clue.cause for clue in clues if clue.certainty is Certainty.PROVEN}
    assert len(sure) <= 1, entry.id
    for clue in clues:
        assert clue.certainty is not Certainty.POSSIBLE or clue.tell_apart, clue.origin


@pytest.mark.parametrize(("entry", "sample"), SAMPLES)
def test_a_sample_is_recognised_without_being_told_what_it_is(entry: Signature, sample: Sample) -> None:
    """The reader that a sample names also says yes to it by itself; a body alone has no reader."""
    assert sample.reader == _SPELLED or READERS[sample.reader].recognises(sample.text, ""), entry.id


def test_every_source_has_entries() -> None:
    """And there are enough of them to be worth a catalogue."""
    assert {entry.source for entry in CLOUD} == set(SOURCES)
    assert len(CLOUD) >= 70


def test_nothing_is_proven_on_hearsay() -> None:
    """Fingerprints of other tools alone never prove."""
    for entry in CLOUD:
        if entry.certainty is Certainty.PROVEN:
            assert entry.verified
            assert "fingerprint" not in entry.verified


def test_every_cause_of_the_clouds_is_told_in_both_languages() -> None:
    """Titles and remedies in English and in Chinese; a title is one sentence without its full stop."""
    mine = [cause for code, cause in causes().items() if code.split(".")[0] in _CATALOGUES]
    assert len(mine) > 100
    for cause in mine:
        assert re.search(r"[\u4e00-\u9fff]", cause.title_zh), cause.code
        assert re.search(r"[\u4e00-\u9fff]", cause.remedy_zh), cause.code
        assert not cause.title.endswith("."), cause.code
        assert "{" not in cause.title_zh + cause.remedy_zh + cause.meaning, cause.code


def test_no_remedy_takes_a_protection_away() -> None:
    """Exceptions are narrow; nothing is switched off, nobody is let in from everywhere."""
    for code, cause in causes().items():
        if code.split(".")[0] in _CATALOGUES:
            assert "0.0.0.0/0" not in cause.remedy
            assert not re.search(
                r"(?i)\b(?:disable|switch off|turn off) (?:the )?(?:waf|firewall|protection)", cause.remedy
            ), code


def test_every_gateway_response_type_is_known() -> None:
    """Each of the types that API Gateway documents for a refusal decides, or narrows the causes down."""
    types = (
        *("ACCESS_DENIED", "EXPIRED_TOKEN", "INVALID_API_KEY", "INVALID_SIGNATURE", "MISSING_AUTHENTICATION_TOKEN"),
        *("WAF_FILTERED", "UNAUTHORIZED", "QUOTA_EXCEEDED", "THROTTLED", "REQUEST_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"),
        *("RESOURCE_NOT_FOUND", "AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR", "INTEGRATION_FAILURE"),
        *("INTEGRATION_TIMEOUT", "API_CONFIGURATION_ERROR", "BAD_REQUEST_PARAMETERS", "BAD_REQUEST_BODY"),
    )
    for name in types:
        line = (
            '{"requestId":"58831b0a-0d67-41b1-bc04-4b83051ce458","apiId":"a1b2c3d4e5","httpMethod":"POST","path":"/v1/x",'
            f'"status":"403","error":{{"responseType":"{name}","message":"-"}}}}'
        )
        seen = list(READERS["aws-apigw-access"].read(io.BytesIO(line.encode()), "access.log"))
        assert [clue for one in seen for clue in MATCHER.clues(one)], name


def test_what_comes_from_outside_stands_in_quotes_in_every_command() -> None:
    """A host or a path is never a shell's word of its own, in what a person is asked to paste."""
    commands = [(entry.id, entry.next) for entry in CLOUD]
    commands += [(code, cause.check) for code, cause in causes().items() if code.split(".")[0] in _CATALOGUES]
    for name, command in commands:
        bare = re.sub(r"'[^']*'", "", re.sub(r'"[^"]*"', lambda part: part[0].replace("'", ""), command))
        assert not re.search(r"\{(?:host|path|method|stage|region|api_id)\}", bare), name
