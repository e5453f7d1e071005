"""SCRAM-SHA-256 by the standard's own example, and against servers that bend it."""

from __future__ import annotations

import pytest

from failover.remote.pg_scram import NotProved, Scram


def test_the_example_of_the_standard() -> None:
    """RFC 7677, section 3; our client leaves the user's name to the start-up message, so the proof differs in that."""
    scram = Scram("pencil", nonce="rOprNGfwEbeRWgbNEkqO")
    assert scram.reply(b"\0\0\0\x0aSCRAM-SHA-256\0\0").endswith(b"n,,n=,r=rOprNGfwEbeRWgbNEkqO")
    server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    final = scram.reply(b"\0\0\0\x0b" + server_first.encode()).decode()
    assert final.startswith("c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=")


@pytest.mark.parametrize("first", ["r=other,s=AAAA,i=4096", "r=n,s=AAAA,i=999999999", "r=n,s=AAAA", "r=n,s=*,i=1"])
def test_a_server_that_bends_the_log_in_is_refused(first: str) -> None:
    scram = Scram("secret", nonce="n")
    with pytest.raises(NotProved):
        scram.reply(b"\0\0\0\x0b" + first.encode())


def test_a_server_that_does_not_know_the_password_is_refused() -> None:
    scram = Scram("secret", nonce="n")
    scram.reply(b"\0\0\0\x0br=nx,s=AAAA,i=1")
    with pytest.raises(NotProved, match="does not know"):
        scram.reply(b"\0\0\0\x0cv=AAAA")
    with pytest.raises(NotProved, match="did not prove"):
        scram.reply(b"\0\0\0\0")
