"""Notices by mail, one message for each recipient, so that no one reads who else was told.

Rules of this file: smtplib blocks, so it runs in a thread, and a server that never comes to an end is cut off.
Everything a stranger may have written (a key's name, a contact) passes through :class:`EmailMessage` and one strict
pattern for addresses; no text of ours is ever pasted into a header or an SMTP command.
"""

from __future__ import annotations

import asyncio
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

from mattegate.outbound.channel import Delivered, Outcome, Rejected, TryAgain
from mattegate.outbound.notice import Notice, mail_text, one_line

_ATOM: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS: Final = re.compile(rf"(?!-|.*=\?){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
"""A dot-atom of RFC 5322 at a host name: no quotes, comments, groups or blanks. No leading dash, which programs take
for an option, and no ``=?``, which mail libraries decode into anything at all, line breaks among it."""
_POLICY: Final = SMTP.clone(cte_type="7bit")
"""7 bit, because a relay need not know 8BITMIME."""


def is_address(text: str) -> bool:
    """Whether mail may be sent to ``text``: one plain address, nothing else."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


class Mail:
    """A :class:`~mattegate.outbound.channel.Channel` over one mail server, without a login.

    TLS is taken where the server offers it. Unless ``verified``, its certificate is not checked: whoever could show a
    wrong one could as well hide the offer, and relays on the same machine have certificates of their own making.
    ``verified`` insists on STARTTLS and on a good certificate.

    Raises ``ValueError`` for a sender or an operator that is no address.
    """

    name: Final = "mail"

    def __init__(
        self, host: str, port: int, *, sender: str, operators: tuple[str, ...] = (), verified: bool = False,
        timeout_s: float = 10.0, deadline_s: float = 30.0,
    ) -> None:  # fmt: skip
        for address in (sender, *operators):
            if not is_address(address):
                raise ValueError(f"{address!r} is no mail address")
        self._host, self._port, self._sender, self._operators = host, port, sender, operators
        self._verified, self._timeout_s, self._deadline_s = verified, timeout_s, deadline_s

    def targets(self, notice: Notice) -> tuple[str, ...]:
        """Those it concerns and the operators, each once."""
        return tuple(dict.fromkeys((*notice.to, *self._operators)))

    async def send(self, notice: Notice, target: str, at: float) -> Outcome:
        """Hand it to the mail server, in a thread."""
        if not is_address(target):
            return Rejected(f"{one_line(target, limit=80)!r} is no mail address")
        return await asyncio.to_thread(self._deliver, compose(notice, sender=self._sender, to=target), target)

    def _deliver(self, message: EmailMessage, to: str) -> Outcome:
        where = f"mail server {self._host}:{self._port}"
        try:
            with self._session() as smtp:
                smtp.send_message(message, from_addr=self._sender, to_addrs=[to])
        except smtplib.SMTPRecipientsRefused as error:
            [(code, reply)] = error.recipients.values()
            return _refused(where, code, reply)
        except smtplib.SMTPDataError as error:
            return _refused(where, error.smtp_code, error.smtp_error)
        except smtplib.SMTPResponseException as error:  # about us or the server, not about this message
            return TryAgain(_said(where, error.smtp_code, error.smtp_error))
        except smtplib.SMTPNotSupportedError as error:
            return TryAgain(f"{where}: {error}")
        except (OSError, smtplib.SMTPException, ValueError) as error:  # ValueError: a reply that is no SMTP
            return TryAgain(f"{where}: {type(error).__name__}: {one_line(error, limit=200)}", unreachable=True)
        return Delivered()

    @contextmanager
    def _session(self) -> Iterator[smtplib.SMTP]:
        smtp = smtplib.SMTP(timeout=self._timeout_s)
        watchdog = threading.Timer(self._deadline_s, _cut, (smtp,))
        watchdog.daemon = True
        watchdog.start()
        try:
            code, greeting = smtp.connect(self._host, self._port)
            if code != 220:
                raise smtplib.SMTPConnectError(code, greeting)
            self._secure(smtp)
            yield smtp
            with suppress(OSError, smtplib.SMTPException, ValueError):  # the message is taken; how they part is nothing
                smtp.quit()
        finally:
            watchdog.cancel()
            smtp.close()

    def _secure(self, smtp: smtplib.SMTP) -> None:
        smtp.ehlo_or_helo_if_needed()
        if not (self._verified or smtp.has_extn("starttls")):
            return
        context = ssl.create_default_context()
        if not self._verified:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        # The name for SNI and for the check of the certificate is the constructor's, which connect() leaves alone.
        smtp._host = self._host  # type: ignore[attr-defined]  # noqa: SLF001 - smtplib has no other way after connect()
        smtp.starttls(context=context)  # forgets what the plain server said of itself; sending asks again


def compose(notice: Notice, *, sender: str, to: str) -> EmailMessage:
    """The message to one recipient. Raises ``ValueError`` for addresses that are none."""
    if not (is_address(sender) and is_address(to)):
        raise ValueError("the sender or the recipient is no mail address")
    message = EmailMessage(policy=_POLICY)
    # An encoded word inside would be decoded and, by Pythons before 3.11.10, written with the line breaks it hides.
    message["Subject"] = one_line(f"[mattegate] {notice.subject}", limit=200).replace("=?", "= ?")
    message["From"] = sender
    message["To"] = to
    message["Date"] = formatdate(notice.at)
    # The same event has the same id, so that a mailbox can tell a repetition.
    message["Message-ID"] = f"<{notice.id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no robot answers it
    message["X-Mattegate-Notice"] = str(notice.kind)
    message.set_content(_encodable(mail_text(notice)), cte="quoted-printable")
    return message


def _encodable(text: str) -> str:
    """Half of a surrogate pair, as broken JSON can hold, has no bytes."""
    return text.encode("utf-8", "replace").decode()


def _refused(where: str, code: int, reply: bytes | str) -> Outcome:
    """RFC 5321, 4.2.1: 4yz may be tried again, 5yz not."""
    problem = _said(where, code, reply)
    return Rejected(problem) if 500 <= code < 600 else TryAgain(problem)


def _said(where: str, code: int, reply: bytes | str) -> str:
    text = reply.decode("utf-8", "replace") if isinstance(reply, bytes) else reply
    return f"{where} answered {code} {one_line(text, limit=200)}"


def _cut(smtp: smtplib.SMTP) -> None:
    sock = getattr(smtp, "sock", None)
    if sock is not None:
        with suppress(OSError):  # it is closed already
            sock.shutdown(socket.SHUT_RDWR)
