"""Mail as a server takes it, and what cannot be smuggled into it."""

from __future__ import annotations

import email
import ssl
from dataclasses import replace
from email.policy import default
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mattegate.outbound.channel import Delivered, Outcome, Rejected, TryAgain
from mattegate.outbound.mail import Mail, compose, is_address
from tests.outbound.receivers import NOON, MailServer, a_notice, certificate, mail_server

HEADERS = {
    "Subject", "From", "To", "Date", "Message-ID", "Auto-Submitted", "X-Mattegate-Notice", "Content-Type",
    "Content-Transfer-Encoding", "MIME-Version",
}  # fmt: skip
SMUGGLED = [
    "x\r\nBcc: thief@evil.example",
    "x\nBcc: thief@evil.example",
    "x\rBcc: thief@evil.example",
    "x\x0bBcc: thief@evil.example",
    "x\x85Bcc: thief@evil.example",
    "x\u2028Bcc: thief@evil.example",
    "x\r\n\r\nA body of mine",
    "=?utf-8?q?x=0D=0ABcc=3A_thief=40evil.example?=",
    "=?utf-8?b?eA0KQmNjOiB0aGllZkBldmlsLmV4YW1wbGU=?=",
    "=" + "=?utf-8?q?x=0ABcc:_thief=40evil.example?=",
    "x" * 5_000 + "\r\nBcc: thief@evil.example",
    "\x00\udc80é漢😀",
]


async def deliver(server: MailServer, to: str = "owner@example.com", *, mail: Mail | None = None) -> Outcome:
    """Send one notice to one recipient by the real parts."""
    channel = mail or Mail("127.0.0.1", server.port, sender="gate@example.org")
    return await channel.send(replace(a_notice(), text="Grüße.\n.\nEnde."), to, NOON)


async def test_a_mail_arrives_whole() -> None:
    """Sender, recipient, headers and a text with a lonely dot, which SMTP must not take for the end."""
    with mail_server() as server:
        assert await deliver(server) == Delivered()
    [post] = server.taken
    assert (post.sender, post.recipients, post.encrypted) == ("gate@example.org", ["owner@example.com"], False)
    unstuffed = post.data.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n.")  # RFC 5321, 4.5.2
    message = email.message_from_bytes(unstuffed, policy=default)
    assert set(message.keys()) == HEADERS
    assert "Grüße.\n.\nEnde.\n" in message.get_content().replace("\r\n", "\n")
    assert message["Subject"] == "[mattegate] An old key"
    assert message["Message-ID"] == f"<{a_notice().id}@example.org>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert post.data.isascii()


async def test_tls_is_taken_where_it_is_offered(tmp_path: Path) -> None:
    """A relay with a certificate of its own making still gets the mail encrypted."""
    with mail_server(MailServer(tls=served(tmp_path))) as server:
        assert await deliver(server) == Delivered()
    assert [post.encrypted for post in server.taken] == [True]


async def test_verified_insists_on_a_good_certificate(tmp_path: Path) -> None:
    """With ``verified``, neither a server without TLS nor one with a certificate nobody vouches for gets a mail."""
    for tls in (None, served(tmp_path)):
        with mail_server(MailServer(tls=tls)) as server:
            mail = Mail("127.0.0.1", server.port, sender="gate@example.org", verified=True)
            assert isinstance(await deliver(server, mail=mail), TryAgain)
        assert server.taken == []


def served(folder: Path) -> ssl.SSLContext:
    """A server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate(folder))
    return context


@pytest.mark.parametrize("subject", SMUGGLED)
async def test_no_header_can_be_smuggled_in_by_a_subject(subject: str) -> None:
    """A key may be named anything; the mail about it has our headers and our recipient, nothing else."""
    with mail_server() as server:
        mail = Mail("127.0.0.1", server.port, sender="gate@example.org")
        notice = replace(a_notice(), subject=subject, facts={subject: subject}, text="Text.")
        assert await mail.send(notice, "owner@example.com", NOON) == Delivered()
    [post] = server.taken
    message = email.message_from_bytes(post.data)
    assert set(message.keys()) == HEADERS
    assert post.recipients == ["owner@example.com"]
    assert [line for line in server.commands if line.upper().startswith("RCPT")] == ["rcpt TO:<owner@example.com>"]


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_text_changes_the_headers(subject: str, text: str) -> None:
    """Whatever the texts, the bytes that go out parse to our headers and no more, in lines that SMTP can carry."""
    message = compose(replace(a_notice(), subject=subject, text=text), sender="g@example.org", to="o@example.com")
    raw = message.as_bytes()
    assert set(email.message_from_bytes(raw).keys()) == HEADERS
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize(
    "address",
    ["owner@example.com\r\nRCPT TO:<thief@evil.example>", "owner@example.com\n", "a@b, c@d", "a@b> <c@d", "<a@b>",
     "A <a@b>", '"a b"@c', "a@b(c)", "a b@c", "@b", "a@", "a", "", "-oQ/tmp@b", "a@b@c", "a..b@c", "a@-b", "a@b..c",
     "é@b", "a@é", "=?utf-8?q?x=0D=0AX=3A_y?=@evil.example", "x" * 300 + "@b", "a@b\x00", "group:a@b;"],
)  # fmt: skip
async def test_what_is_no_plain_address_is_rejected_before_anyone_is_called(address: str) -> None:
    """A contact that holds an SMTP command, a list or a trick ends as a typed failure; no connection is made."""
    assert not is_address(address)
    with mail_server() as server:
        ended = await deliver(server, address)
    assert isinstance(ended, Rejected)
    assert ended.problem.isprintable()
    assert server.commands == []


@pytest.mark.parametrize("address", ["a@b", "first.last+tag@mail.example.com", "o'neil@x-y.org", "mattegate@localhost"])
def test_plain_addresses_are_taken(address: str) -> None:
    """What people really have."""
    assert is_address(address)


@given(st.text(max_size=60))
def test_an_address_that_is_taken_is_harmless(text: str) -> None:
    """Nothing that passes can end a line, a path or an argument."""
    if is_address(text):
        assert not set(text) & set('\r\n<>,;:()[]" \\')


@pytest.mark.parametrize(
    ("replies", "expected"),
    [({"RCPT": "550 5.1.1 no such user"}, Rejected), ({"RCPT": "450 greylisted"}, TryAgain),
     ({"DATA": "554 no spam"}, Rejected), ({"DATA": "452 disk full"}, TryAgain), ({"MAIL": "530 log in"}, TryAgain),
     ({"EHLO": "421 busy", "HELO": "421 busy"}, TryAgain), ({"RCPT": "421 closing"}, TryAgain),
     ({"RCPT": ""}, TryAgain), ({"EHLO": ""}, TryAgain), ({"MAIL": "no number"}, TryAgain),
     ({"RCPT": "550 " + "x" * 20_000}, TryAgain), ({"QUIT": ""}, Delivered), ({"QUIT": "500 stay"}, Delivered)],
)  # fmt: skip
async def test_what_the_server_says_is_a_typed_outcome(replies: dict[str, str], expected: type) -> None:
    """Only a refusal of this recipient or this text is final; everything else may be better tomorrow."""
    with mail_server(MailServer(replies=replies)) as server:
        ended = await deliver(server)
    assert isinstance(ended, expected)
    assert getattr(ended, "problem", "").isprintable()


@pytest.mark.parametrize("banner", [b"554 go away\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff\xfe\r\n", b"\r\n"])
async def test_a_port_that_is_no_mail_server_is_told(banner: bytes) -> None:
    """A wrong port ends as a problem to read, not as an exception."""
    with mail_server(MailServer(banner=banner)) as server:
        assert isinstance(await deliver(server), TryAgain)


async def test_a_greeting_that_never_ends_is_cut_off() -> None:
    """Each line comes in time, so no socket timeout helps; the deadline for the whole does."""
    with mail_server(MailServer(banner=None)) as server:
        mail = Mail("127.0.0.1", server.port, sender="gate@example.org", deadline_s=0.3)
        ended = await deliver(server, mail=mail)
    assert isinstance(ended, TryAgain)
    assert ended.unreachable


async def test_nobody_listening_is_unreachable() -> None:
    """The mail server is down: later."""
    with mail_server() as server:
        pass
    ended = await deliver(server)
    assert isinstance(ended, TryAgain)
    assert ended.unreachable


def test_everyone_concerned_is_told_once() -> None:
    """The owner of a key may be an operator, too."""
    mail = Mail("localhost", 25, sender="gate@example.org", operators=("op@example.com", "owner@example.com"))
    assert mail.targets(a_notice(to=("owner@example.com",))) == ("owner@example.com", "op@example.com")


@pytest.mark.parametrize(("sender", "operator"), [("nobody", "op@example.com"), ("gate@example.org", "a@b, c@d")])
def test_bad_settings_are_told_at_the_start(sender: str, operator: str) -> None:
    """Not by the first notice that gets lost."""
    with pytest.raises(ValueError, match="is no mail address"):
        Mail("localhost", 25, sender=sender, operators=(operator,))
