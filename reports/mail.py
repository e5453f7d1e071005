"""E-mail by SMTP: one text to the people of one language, over in a bounded time. The only file that knows smtplib."""

from __future__ import annotations

import contextlib
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from checks.sentence import clean
from inventory.people import Mail

SECONDS = 30.0  #: for the whole conversation with the server
_STEP = 10.0  #: for one answer


class NotSent(Exception):
    """The server did not take the mail, or (not ``sure``) never said whether it did; the text says why."""

    def __init__(self, said: str, sure: bool) -> None:
        super().__init__(said)
        self.sure = sure


def send(mail: Mail, lang: str, title: str, text: str, key: str, at: float) -> str:
    """Send a mail; returns which recipients were refused while others were served (empty: none).

    Args:
        mail: the server, the sender and the recipients.
        lang: whose recipients.
        title: the subject.
        text: the body.
        key: the same for the same notice: a mail that is sent twice is recognised by it.
        at: Unix time of the notice.
    """
    message = _message(mail, lang, title, text, key, at)
    begun = False
    try:
        with _connected(mail) as server:
            begun = True
            refused = server.send_message(message, mail.sender, list(mail.to[lang]))  # type: ignore[index]
    except (OSError, smtplib.SMTPException, UnicodeError, ValueError) as error:
        answered = isinstance(error, smtplib.SMTPResponseException | smtplib.SMTPRecipientsRefused)
        raise NotSent(_why(error, mail), sure=answered or not begun) from error
    return ", ".join(f"{clean(to, 100)}: {_said(code, words)}" for to, (code, words) in refused.items())


def _message(mail: Mail, lang: str, title: str, text: str, key: str, at: float) -> EmailMessage:
    message = EmailMessage()
    message["Subject"] = clean(title, 200)
    message["From"] = mail.sender
    message["To"] = ", ".join(mail.to[lang])  # type: ignore[index]
    message["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    message["Message-ID"] = f"<{key}@{mail.sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no vacation notice answers it
    message["Content-Language"] = lang
    message.set_content(text, cte="base64")  # no mail server on the way folds or rewraps it
    return message


@contextlib.contextmanager
def _connected(mail: Mail) -> Iterator[smtplib.SMTP]:
    """A session, logged in; whatever the server does, it is shut after ``SECONDS``."""
    host, _, port = mail.server.rpartition(":")
    context = ssl.create_default_context(cafile=mail.ca_file)
    server: smtplib.SMTP = (
        smtplib.SMTP_SSL(timeout=_STEP, context=context) if mail.tls == "tls" else smtplib.SMTP(timeout=_STEP)
    )
    watchdog = threading.Timer(SECONDS, _shut, [server])
    watchdog.daemon = True
    watchdog.start()
    try:
        server._host = host  # type: ignore[attr-defined] # what certificates are checked against
        server.connect(host, int(port))
        if mail.tls == "starttls":
            server.starttls(context=context)
        if mail.user is not None and mail.password_file is not None:
            server.login(mail.user, _password(mail.password_file))
        yield server
        with contextlib.suppress(OSError, smtplib.SMTPException):
            server.quit()
    finally:
        watchdog.cancel()
        server.close()


def _shut(server: smtplib.SMTP) -> None:
    if server.sock is not None:
        with contextlib.suppress(OSError):
            server.sock.shutdown(socket.SHUT_RDWR)


def _password(file: str) -> str:
    return Path(file).read_text(encoding="utf-8").partition("\n")[0]


def _why(error: Exception, mail: Mail) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        first = next(iter(error.recipients.values()), (0, b""))
        return f"{mail.server} refuses every recipient: {_said(*first)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{mail.server} answers {_said(error.smtp_code, error.smtp_error)}"
    if isinstance(error, TimeoutError):
        return f"{mail.server} did not answer in time"
    return f"{mail.server}: {clean(str(error) or type(error).__name__, 200)}"


def _said(code: int, words: bytes | str) -> str:
    return f"{code} {clean(words, 150)}"
