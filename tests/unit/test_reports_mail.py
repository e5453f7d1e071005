"""Mail over SMTP, against a real server: what arrives, what is refused, and that nothing can smuggle a header."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from inventory.people import Mail
from reports import mail as mails
from reports.mail import NotSent, send
from tests.fakes.authority import Authority
from tests.fakes.mailbox import mailbox


def settings(port: int, host: str = "127.0.0.1", **more: Any) -> Mail:
    written = {"server": f"{host}:{port}", "tls": "none", "from": "ops@ops.example", "to": {"zh": ["a@b.example"]}}
    return Mail.model_validate(written | more)


def test_what_is_sent_arrives() -> None:
    with mailbox() as box:
        note = send(settings(box.port), "zh", "主机 cloud-app1 宕机", "第一行\n.\n末行\n", "k1", 1_700_000_000.0)
    (mail,) = box.mails
    assert note == ""
    assert mail["Subject"] == "主机 cloud-app1 宕机"
    assert mail.get_content() == "第一行\n.\n末行\n"
    assert (mail["From"], mail["To"], mail["Message-ID"]) == ("ops@ops.example", "a@b.example", "<k1@ops.example>")
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime.timestamp() == 1_700_000_000.0


def test_a_hostile_title_stays_a_title() -> None:
    title = "down\r\nBcc: everybody@example.org\r\n\r\n<b>\x00\x1b[2J" + "x" * 10_000
    with mailbox() as box:
        send(settings(box.port), "zh", title, "text", "k", 0.0)
    (mail,) = box.mails
    assert box.recipients == [("a@b.example",)]
    assert mail["Bcc"] is None
    assert str(mail["Subject"]).startswith("down Bcc: everybody@example.org <b>")
    assert len(str(mail["Subject"])) <= 200


def test_one_recipient_that_is_refused_keeps_nobody_else_from_being_told() -> None:
    with mailbox() as box:
        box.strangers = frozenset({"gone@b.example"})
        to = {"zh": ["gone@b.example", "a@b.example"]}
        note = send(settings(box.port, to=to), "zh", "t", "x", "k", 0.0)
        assert note == "gone@b.example: 550 no such person"
        assert box.recipients == [("a@b.example",)]
        with pytest.raises(NotSent, match="refuses every recipient: 550 no such person"):
            send(settings(box.port, to={"zh": ["gone@b.example"]}), "zh", "t", "x", "k", 0.0)


def test_a_server_that_does_not_take_it_says_why() -> None:
    with mailbox() as box:
        box.refuse = "451 come later \x1b[2J"
        with pytest.raises(NotSent, match="451 come later"):
            send(settings(box.port), "zh", "t", "x", "k", 0.0)
        port = box.port
    with pytest.raises(NotSent, match="refused"):
        send(settings(port), "zh", "t", "x", "k", 0.0)


def test_log_in_over_starttls_with_a_certificate_that_is_checked(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    context = authority.server("localhost")
    (tmp_path / "password").write_text("s3cret\nsecond line\n")
    more = {"tls": "starttls", "user": "ops", "password_file": str(tmp_path / "password")}
    with mailbox("ops", "s3cret", tls_context=context, require_starttls=True) as box:
        trusted = settings(box.port, "localhost", ca_file=str(authority.file), **more)
        send(trusted, "zh", "t", "x", "k", 0.0)
        assert len(box.mails) == 1
        with pytest.raises(NotSent, match="certificate"):
            send(settings(box.port, "localhost", **more), "zh", "t", "x", "k", 0.0)
        with pytest.raises(NotSent, match="certificate"):
            send(settings(box.port, ca_file=str(authority.file), **more), "zh", "t", "x", "k", 0.0)
        (tmp_path / "password").write_text("wrong")
        with pytest.raises(NotSent, match="535"):
            send(trusted, "zh", "t", "x", "k", 0.0)
        assert len(box.mails) == 1


def test_a_server_that_drips_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mails, "SECONDS", 0.3)
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            connection, _ = server.accept()
            with connection:
                while not over.wait(0.02):
                    try:
                        connection.sendall(b"2")
                    except OSError:
                        return

        thread = threading.Thread(target=drip)
        thread.start()
        with pytest.raises(NotSent):
            send(settings(server.getsockname()[1]), "zh", "t", "x", "k", 0.0)
        over.set()
        thread.join()
