"""The watch over the TLS certificate, with certificates that openssl made."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.notice import Notice, NoticeKind
from mattegate.tasks.certificate import CertificateWatch, expires_at, first_certificate
from mattegate.tasks.lifetimes import DAY
from mattegate.tasks.reminders import Tell
from tests.outbound.receivers import certificate


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """A certificate for 60 days from now."""
    return certificate(tmp_path, days=60)[0]


@pytest.mark.parametrize("days", [1, 60, 10_000, 40_000])
def test_the_date_is_read_as_openssl_wrote_it(tmp_path: Path, days: int) -> None:
    """Both forms of dates: two digits of a year up to 2049 and four from then on."""
    cert, _ = certificate(tmp_path, days=days)
    assert abs(expires_at(first_certificate(cert.read_text())) - (time.time() + days * DAY)) < 120


def test_operators_are_told_at_14_7_3_and_1_days_and_at_the_end(pem: Path) -> None:
    """Each once, however often the task runs."""
    told: list[Notice] = []
    watch = CertificateWatch(pem, taking(told))
    ends = expires_at(first_certificate(pem.read_text()))
    left = [
        round((ends - notice.at) / DAY, 2)
        for hours in range(61 * 24, -48, -1)
        for notice in at(watch, told, ends - hours * 3_600)
    ]
    assert left == [14, 7, 3, 1, 0]
    assert {notice.kind for notice in told} == {NoticeKind.CERTIFICATE_EXPIRING}
    assert (told[0].subject, told[-1].subject) == (
        "The TLS certificate expires soon",
        "The TLS certificate has expired",
    )


def taking(told: list[Notice]) -> Tell:
    """Takes every notice."""

    def tell(notice: Notice) -> bool:
        told.append(notice)
        return True

    return tell


def at(watch: CertificateWatch, told: list[Notice], now: float) -> list[Notice]:
    """What one run tells."""
    before = len(told)
    watch(now)
    return told[before:]


def test_a_renewed_certificate_ends_the_matter_and_begins_its_own(tmp_path: Path) -> None:
    """The file is read each time."""
    cert, _ = certificate(tmp_path, days=2)
    told: list[Notice] = []
    watch = CertificateWatch(cert, taking(told))
    assert len(at(watch, told, time.time())) == 1
    certificate(tmp_path, days=90)
    assert at(watch, told, time.time()) == []
    assert len(at(watch, told, time.time() + 80 * DAY)) == 1


def test_a_notice_without_room_is_told_the_next_time(pem: Path) -> None:
    """It counts as told only once it was taken."""
    room, told = [False], list[Notice]()

    def tell(notice: Notice) -> bool:
        told.append(notice)
        return room[0]

    watch = CertificateWatch(pem, tell)
    soon = time.time() + 50 * DAY
    watch(soon)
    room[0] = True
    watch(soon)
    watch(soon)
    assert len(told) == 2


@pytest.mark.parametrize(
    "text",
    ["", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
     "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
     "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----"],
)  # fmt: skip
def test_a_file_without_a_certificate_is_a_typed_fault(tmp_path: Path, text: str) -> None:
    """The scheduler shows it as the task's error."""
    file = tmp_path / "tls.pem"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"."):
        CertificateWatch(file, lambda _: True)(time.time())


@given(st.binary(max_size=300))
def test_any_bytes_are_a_date_or_a_typed_fault(data: bytes) -> None:
    """No input gets anything else out of the reader."""
    try:
        expires_at(data)
    except ValueError:
        return


def test_no_change_of_a_byte_gets_anything_else_out_of_the_reader(pem: Path) -> None:
    """Every byte of a real certificate set to the worst values, and every length cut."""
    der = first_certificate(pem.read_text())
    for place in range(len(der)):
        for value in (0x00, 0x7F, 0x80, 0x84, 0xFF):
            _read(der[:place] + bytes([value]) + der[place + 1 :])
        _read(der[:place])


def _read(data: bytes) -> None:
    try:
        assert isinstance(expires_at(data), float)
    except ValueError:
        return
