"""Judging what a PostgreSQL server says: tables, no server."""

from __future__ import annotations

from dataclasses import replace

import pytest

from checks.postgres_facts import Expected, Primary, Sender, Standby, judge, say, sync_needed
from checks.result import Status

DR = Sender("dr", "streaming", "async", 0.0, None)
BIGDATA = Sender("bigdata", "streaming", "sync", 0.0, 0.01)
PRIMARY = Primary((BIGDATA, DR), "FIRST 1 (bigdata)", "on", 0, 0.0)
STANDBY = Standby(0.0, 0.0, False, "streaming")
NAMED = Expected("primary", ("bigdata", "dr"), 1000, 5.0)


@pytest.mark.parametrize(
    ("names", "needed"),
    [
        ("", 0),
        ("  ", 0),
        ("*", 1),
        ("bigdata", 1),
        ("bigdata, dr", 1),
        ("FIRST 2 (a, b, c)", 2),
        ("any 3 (a, b, c)", 3),
        ("2 (a, b)", 2),
    ],
)
def test_how_many_synchronous_standbys_are_needed(names: str, needed: int) -> None:
    assert sync_needed(names) == needed


@pytest.mark.parametrize(
    ("server", "status", "said"),
    [
        (PRIMARY, Status.OK, "primary with 2 standbys, at most 0 bytes behind"),
        (replace(PRIMARY, senders=(BIGDATA,)), Status.DEGRADED, "standby dr is not connected"),
        (replace(PRIMARY, senders=(DR,)), Status.DOWN, "every commit hangs: 1 synchronous standbys needed"),
        (replace(PRIMARY, senders=(DR,), commit="local"), Status.DEGRADED, "standby bigdata is not connected"),
        (
            replace(PRIMARY, senders=(replace(BIGDATA, state="catchup"), DR)),
            Status.DOWN,
            "every commit hangs",
        ),
        (
            replace(PRIMARY, senders=(BIGDATA, replace(DR, state="startup"))),
            Status.DEGRADED,
            "not streaming but startup",
        ),
        (replace(PRIMARY, senders=(BIGDATA, replace(DR, state="backup"))), Status.DEGRADED, "dr is not connected"),
        (
            replace(PRIMARY, senders=(replace(BIGDATA, state=None, sync=None), replace(DR, state=None))),
            Status.UNKNOWN,
            "needs pg_monitor",
        ),
        (
            replace(PRIMARY, senders=(BIGDATA, replace(DR, lag_bytes=2000.0))),
            Status.DEGRADED,
            "dr is 2000 bytes behind",
        ),
        (replace(PRIMARY, senders=(BIGDATA, replace(DR, lag_seconds=9.0))), Status.DEGRADED, "dr is 9.0 s behind"),
        (replace(PRIMARY, waiting=3, longest=12.4), Status.DOWN, "3 commits hang, the longest for 12 s"),
        (replace(PRIMARY, waiting=3, longest=0.01), Status.OK, "primary with"),
        (STANDBY, Status.DOWN, "is a standby, expected to be the primary"),
    ],
)
def test_a_primary(server: Primary | Standby, status: Status, said: str) -> None:
    seen = say(server, NAMED, judge(server, NAMED))
    assert seen.status is status
    assert said in seen.sentence


@pytest.mark.parametrize(
    ("server", "status", "said"),
    [
        (STANDBY, Status.OK, "standby, streaming"),
        (replace(STANDBY, paused=True), Status.DEGRADED, "replay is paused"),
        (replace(STANDBY, receiver=None), Status.DEGRADED, "receives nothing"),
        (replace(STANDBY, receiver="waiting"), Status.DEGRADED, "is not streaming but waiting"),
        (replace(STANDBY, receiver=""), Status.OK, "standby"),  # without pg_monitor the word is hidden
        (replace(STANDBY, lag_seconds=60.0), Status.DEGRADED, "is 60.0 s behind (limit 5 s)"),
        (replace(STANDBY, lag_seconds=None), Status.OK, "standby"),
        (PRIMARY, Status.DOWN, "is a primary, expected to be the standby"),
    ],
)
def test_a_standby(server: Primary | Standby, status: Status, said: str) -> None:
    expected = replace(NAMED, role="standby", standbys=())
    seen = say(server, expected, judge(server, expected))
    assert seen.status is status
    assert said in seen.sentence


def test_a_cut_off_standby_has_no_known_lag() -> None:
    cut_off = replace(STANDBY, receiver=None)
    seen = say(cut_off, Expected(), judge(cut_off, Expected()))
    assert seen.value is None
    assert "lag_bytes" not in seen.evidence


def test_hostile_names_are_text() -> None:
    sender = Sender("\x1b[31m<script>" * 100, "streaming", "async", 5e9, 0.0)
    server = replace(PRIMARY, senders=(sender,), sync_names="")
    seen = say(server, Expected(lag_bytes=1), judge(server, Expected(lag_bytes=1)))
    assert seen.status is Status.DEGRADED
    assert "\x1b" not in seen.sentence + str(seen.evidence["standbys"])
    assert len(seen.sentence) < 300
