"""A real SMTP server on loopback that keeps what it takes, and refuses when told to."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass
class Mailbox:
    """What came in, and how the server behaves."""

    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[tuple[str, ...]] = field(default_factory=list)
    refuse: str = ""  #: an answer such as ``451 come later`` to every mail
    strangers: frozenset[str] = frozenset()  #: recipients that are refused

    async def handle_RCPT(self, _s: SMTP, _session: Session, envelope: Envelope, to: str, options: list[str]) -> str:
        if to in self.strangers:
            return "550 no such person"
        envelope.rcpt_tos.append(to)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if self.refuse:
            return self.refuse
        assert isinstance(envelope.content, bytes)
        self.mails.append(BytesParser(_class=EmailMessage, policy=policy.default).parsebytes(envelope.content))
        self.recipients.append(tuple(envelope.rcpt_tos))
        return "250 OK"

    def texts(self) -> list[str]:
        """The bodies of the mails, subject first."""
        return [f"{mail['Subject']}\n{mail.get_content()}" for mail in self.mails]


@contextmanager
def mailbox(user: str = "", password: str = "", **options: Any) -> Iterator[Mailbox]:
    """Serve on a free port of loopback; with a user it asks for the log-in. ``tls_context``: with STARTTLS."""
    box = Mailbox()

    def known(_s: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=right, handled=False)

    if user:
        options |= {"authenticator": known, "auth_required": True}
    sessions: list[_Session] = []
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        made = loop.create_server(lambda: _Session(sessions, box, loop=loop, **options), "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(made, loop).result(10)
        box.port = server.sockets[0].getsockname()[1]
        try:
            yield box
        finally:
            asyncio.run_coroutine_threadsafe(_stop(server, sessions), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Session(SMTP):
    """A session that the end of the server ends, sockets and all."""

    def __init__(self, sessions: list[_Session], *args: Any, **options: Any) -> None:
        super().__init__(*args, hostname="mail.test", **options)
        self.plain: asyncio.BaseTransport | None = None
        sessions.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.plain = self.plain or transport
        super().connection_made(transport)


async def _stop(server: asyncio.Server, sessions: list[_Session]) -> None:
    server.close()
    await server.wait_closed()
    for session in sessions:
        for transport in (session.transport, session.plain):
            if isinstance(transport, asyncio.WriteTransport):
                transport.abort()
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    await asyncio.sleep(0.01)
