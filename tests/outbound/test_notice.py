"""How notices read, whatever was put into them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.notice import Notice, NoticeKind, day, event_json, log_line, mail_text, notice_id
from tests.outbound.receivers import NOON, a_notice

TEXT = st.text(max_size=80)
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | TEXT


def test_the_same_event_has_the_same_id_and_another_has_another() -> None:
    """A receiver can tell a repetition from news."""
    first = notice_id(NoticeKind.KEY_REMINDER, "key_1", 7)
    assert first == notice_id(NoticeKind.KEY_REMINDER, "key_1", 7)
    assert (
        len({first, notice_id(NoticeKind.KEY_REMINDER, "key_17"), notice_id(NoticeKind.KEY_DISABLED, "key_1", 7)}) == 3
    )


@pytest.mark.parametrize("bad", ["", "a b", "a\r\nX: y", "é", "a" * 65, "a\n"])
def test_an_id_that_could_not_stand_in_a_header_is_no_id(bad: str) -> None:
    """Ids become header values, so nothing else gets that far."""
    with pytest.raises(ValueError, match="cannot be the id"):
        replace(a_notice(), id=bad)


def test_an_event_is_a_cloud_event() -> None:
    """The required attributes of CloudEvents 1.0 are there and the rest is under data."""
    event = json.loads(event_json(a_notice(to=("owner@example.com",)), source="mattegate"))
    assert event == {
        "specversion": "1.0",
        "id": a_notice().id,
        "source": "mattegate",
        "type": "mattegate.key.reminder",
        "subject": "key_1",
        "time": "2026-05-28T20:26:40Z",
        "datacontenttype": "application/json",
        "data": {
            "kind": "key.reminder",
            "subject": "An old key",
            "text": "Rotate it.",
            "facts": {"key": "key_1", "days": 91},
        },
    }


def test_a_mail_tells_the_facts_one_a_line() -> None:
    """The text first, then what it rests on, then the id to ask about."""
    notice = a_notice()
    assert mail_text(notice) == f"Rotate it.\n\n  key: key_1\n  days: 91\n\n-- \nkey.reminder {notice.id}\n"
    assert day(NOON) == "2026-05-28"


@given(subject=TEXT, about=TEXT, text=TEXT, facts=st.dictionaries(TEXT, PLAIN, max_size=4))
def test_no_text_breaks_out_of_its_place(subject: str, about: str, text: str, facts: dict[str, object]) -> None:
    """A log line stays one line and an event stays JSON that strict readers take, whatever a stranger wrote."""
    notice = Notice(NoticeKind.KEY_LEAKED, subject, text, NOON, "msg_1", about, facts)  # type: ignore[arg-type]
    assert len(log_line(notice).splitlines()) == 1
    event = json.loads(event_json(notice, source="mattegate"), parse_constant=_refuse)
    assert event["data"]["text"] == text
    assert mail_text(notice).endswith("-- \nkey.leaked msg_1\n")


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")
