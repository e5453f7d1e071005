"""Reading and judging what hosts answer: tables, no connection."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks import ssh_facts as facts
from checks.result import Status
from checks.ssh_facts import Clock, Disk, Limits, Service, Unreadable


@pytest.mark.parametrize(
    ("line", "state", "status", "uptime"),
    [
        ("run: /sv/app: (pid 7) 45s", "running", Status.OK, 45.0),
        ("run: /sv/app: (pid 7) 45s; run: log: (pid 6) 99s", "running", Status.OK, 45.0),
        ("run: /sv/app: (pid 7) 3s, normally down", "running", Status.OK, 3.0),
        ("run: /sv/app: (pid 7) 45s, want down, got TERM", "stopping", Status.DEGRADED, 45.0),
        ("down: /sv/app: 3s, normally up", "stopped", Status.DOWN, None),
        ("down: /sv/app: 1s, normally up, want up", "stopped", Status.DOWN, None),
        ("finish: /sv/app: (pid 9) 1s", "ended, its finish script runs", Status.DOWN, None),
        ("fail: /sv/app: runsv not running", "not supervised", Status.DOWN, None),
        ("warning: /sv/app: unable to open supervise/ok: file does not exist", "not supervised", Status.DOWN, None),
    ],
)
def test_runit(line: str, state: str, status: Status, uptime: float | None) -> None:
    assert facts.read_runit(line + "\n") == Service(state, status, uptime)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "env: 'sv': No such file or directory",
        "fail: /sv/nothing: unable to change to service directory: file does not exist",
        "<script>alert(1)</script>",
    ],
)
def test_what_sv_does_not_know_is_unreadable(line: str) -> None:
    with pytest.raises(Unreadable):
        facts.read_runit(line)


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("active", Status.OK),
        ("activating", Status.DEGRADED),
        ("reloading", Status.DEGRADED),
        ("deactivating", Status.DEGRADED),
        ("inactive", Status.DOWN),
        ("failed", Status.DOWN),
    ],
)
def test_systemd(word: str, status: Status) -> None:
    assert facts.read_systemd(f"{word}\n").status is status


def test_a_host_without_systemd_is_unreadable() -> None:
    with pytest.raises(Unreadable, match="System has not been booted"):
        facts.read_systemd("System has not been booted with systemd as init system (PID 1). Can't operate.")


def test_a_service_that_began_a_moment_ago_may_be_crash_looping() -> None:
    running = Service("running", Status.OK, 1.0)
    assert facts.judge_service(running, 10.0) is Status.DEGRADED
    assert facts.judge_service(running, None) is Status.OK
    assert facts.judge_service(Service("stopped", Status.DOWN), 10.0) is Status.DOWN


@pytest.mark.parametrize(
    ("value", "status"),
    [(79.9, Status.OK), (80.0, Status.DEGRADED), (89.9, Status.DEGRADED), (90.0, Status.DOWN), (1e9, Status.DOWN)],
)
def test_a_limit_holds_from_its_value_on(value: float, status: Status) -> None:
    assert Limits(80.0, 90.0).judge(value) is status


def test_disk_counts_as_df_does_and_inodes_too() -> None:
    # 1000 blocks of 4096 bytes, 300 free of which 200 for everyone: 700 used of 900
    disk = facts.read_disk("4096 1000 300 200 100 5\n")
    assert disk == Disk(pytest.approx(77.78, abs=0.01), 95.0, 200 * 4096)  # type: ignore[arg-type]
    assert facts.judge_disk(disk, Limits(None, 90.0)) is Status.DOWN
    assert facts.read_disk("4096 1000 300 200 0 0").files == 0.0


@pytest.mark.parametrize("text", ["", "1 2 3", "4096 0 0 0 0 0", "a b c d e f", "9" * 100])
def test_a_disk_that_makes_no_sense_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        facts.read_disk(text)


def test_load_is_a_core() -> None:
    load = facts.read_load("3.00 2.00 1.00 1/234 5678\n2\n")
    assert (load.per_core, load.cores, load.averages) == (1.5, 2, "3.00 2.00 1.00")


@pytest.mark.parametrize("text", ["", "1 1 1\n0\n", "x y z\n2", "1.0 1.0 1.0"])
def test_a_load_that_makes_no_sense_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        facts.read_load(text)


def test_clock_is_measured_at_the_midpoint() -> None:
    clock = facts.read_clock("1700000003.0\n", before=1_700_000_000.0, after=1_700_000_002.0)
    assert clock == Clock(offset=2.0, bound=1.0)


@pytest.mark.parametrize(
    ("offset", "bound", "status"),
    [
        (0.1, 0.01, Status.OK),
        (-0.6, 0.01, Status.DEGRADED),
        (0.6, 0.3, Status.DEGRADED),
        (-70.0, 0.01, Status.DOWN),
        (0.1, 0.5, Status.UNKNOWN),  # the error alone is as large as the limit
        (70.0, 5.0, Status.DOWN),  # wrong, however slow the answer
    ],
)
def test_clock_is_judged_with_its_error(offset: float, bound: float, status: Status) -> None:
    assert facts.judge_clock(Clock(offset, bound), Limits(0.5, 60.0)) is status


@pytest.mark.parametrize("text", ["", "%s.%N", "1700000003.%N", "nan", "1e9", "-5.0"])
def test_a_clock_that_makes_no_sense_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        facts.read_clock(text, 0.0, 0.0)


def test_age_is_by_the_hosts_own_clock() -> None:
    assert facts.read_age("100\n160\n") == 60.0


@given(st.text(max_size=200))
def test_no_answer_is_too_strange_to_be_read_or_refused(text: str) -> None:
    for read in (facts.read_runit, facts.read_systemd, facts.read_disk, facts.read_load, facts.read_age):
        try:
            read(text)
        except Unreadable as error:
            assert len(str(error)) < 300
