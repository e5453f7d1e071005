"""The desk: a run's folder, one run at a time, resumed from what it kept; and the commands, in simulated centers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from failover import approvals, lock, start
from failover.engine import Ended
from failover.engine_work import Choices
from failover.evidence import kept_heads
from failover.records import State
from failover.start import Desk, Files, Reach
from failover.verify_bundle import verify
from inventory.errors import OperatorError
from reports import drill_evidence_cli, drill_run_cli
from reports.drill_cli import app
from tests.fakes.clock import Clock, _Loop
from tests.fakes.drill_plans import UNPLANNED
from tests.fakes.drill_runs import APPROVER, COMMANDER, STARTER, SimClock, SimGates, from_text, plan
from tests.fakes.three_centers import Centers, Kill, SimHands, SimMeters

#: nobody is asked for their word: what the fence cannot show pauses the run at once
PLAN = from_text("\n".join(line for line in UNPLANNED.splitlines() if not line.startswith(("    ask:", "    role:"))))


class Played:
    """A desk in virtual time."""

    def __init__(self, folder: Path) -> None:
        self.clock, self.world = Clock(), Centers()
        self.desk = Desk(folder / "desk", folder / "runs", SimClock(self.clock))

        def time() -> float:
            return self.clock.monotonic

        self.reach = Reach(
            hands=lambda _: SimHands(self.world, Kill(), time),
            meters=lambda *_: SimMeters(self.world, Kill(), time),
            gates=lambda _: SimGates(),
        )
        approvals.give(self.desk.approvals, PLAN.plan, PLAN.digest, "approver", APPROVER, self.clock.wall() - 1.0)

    def begin(self, choices: Choices) -> tuple[str, Ended]:
        return self._run(start.begin(self.desk, self.reach, PLAN, Files(b"plan: x\n", None), choices))

    def resume(self, run: str, choices: Choices, word: str = "resume") -> tuple[str, Ended]:
        return self._run(start.resume(self.desk, self.reach, run, choices, word))

    def _run(self, work: Coroutine[Any, Any, tuple[str, Ended]]) -> tuple[str, Ended]:
        loop = _Loop(self.clock)
        try:
            return loop.run_until_complete(work)
        finally:
            loop.close()


@pytest.fixture
def played(tmp_path: Path) -> Iterator[Played]:
    made = Played(tmp_path)
    made.world.dead.add("cloud")
    yield made


SHORT = Choices(STARTER, stay=False, soak=1.0)


def test_a_run_keeps_all_that_it_needs_and_is_taken_up_from_it(played: Played) -> None:
    run, ended = played.begin(SHORT)
    assert ended.state is State.PAUSED
    folder = played.desk.run(run)
    assert folder.plan.read_bytes() == b"plan: x\n"
    assert start.kept_plan(folder) == PLAN
    assert start.look(played.desk).state is State.PAUSED
    with pytest.raises(lock.Taken, match="was left open"):
        played.begin(SHORT)
    played.clock.monotonic += 1
    _, ended = played.resume(run, SHORT, "abort")
    assert ended.state is State.ROLLED_BACK
    assert start.look(played.desk, run).closed
    with pytest.raises(OperatorError, match="has ended"):
        played.resume(run, SHORT)
    assert lock.read(played.desk.state).run == ""


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (replace(SHORT, starter="somebody"), "has no duty in plan"),
        (replace(SHORT, drill="tabletop"), "not meant for a run of kind"),
    ],
)
def test_who_may_not_start_leaves_nothing_behind(choices: Choices, says: str, played: Played) -> None:
    with pytest.raises(OperatorError, match=says):
        played.begin(choices)
    assert not played.desk.runs.exists()


def test_while_the_kill_switch_is_on_nothing_starts(played: Played) -> None:
    played.desk.kill_switch.throw(COMMANDER, "x", 0.0)
    with pytest.raises(OperatorError, match="kill switch is on"):
        played.begin(SHORT)


def test_a_folder_that_cannot_be_written_starts_nothing_and_frees_the_estate(played: Played) -> None:
    played.desk.runs.write_text("a file")
    with pytest.raises(OperatorError, match="nothing was started"):
        played.begin(SHORT)
    assert lock.read(played.desk.state).run == ""


def test_what_is_said_lands_in_the_run(played: Played) -> None:
    run, _ = played.begin(SHORT)
    assert start.say(played.desk, "", "confirm", COMMANDER, "no power", "fence") == run
    with pytest.raises(OperatorError, match="has no duty"):
        start.say(played.desk, run, "confirm", "somebody")
    with pytest.raises(OperatorError, match="there is no run"):
        start.say(played.desk, "20260101T000000Z-x-0000", "confirm", COMMANDER)


# The commands


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    world, began = Centers(), time.monotonic()

    def since() -> float:
        return time.monotonic() - began

    monkeypatch.setenv("OPS_DESK", str(tmp_path / "desk"))
    monkeypatch.setenv("OPS_DRILLS", str(tmp_path / "runs"))
    reach = Reach(
        hands=lambda _: SimHands(world, Kill(), since),
        meters=lambda *_: SimMeters(world, Kill(), since),
        gates=lambda _: SimGates({"guard-period": "fail"}),
    )
    monkeypatch.setattr("failover.live.reach", lambda *_: reach)

    def run(*words: str, to: object = app):  # type: ignore[no-untyped-def]
        return CliRunner().invoke(to, [*words], catch_exceptions=True)  # type: ignore[arg-type]

    return run


def test_a_refused_drill_from_the_command_line(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    from tests.fakes.lab_estate import lab_estate

    estate = ["--estate", str(tmp_path / "estate")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inventory.load.load", lambda _: lab_estate())
        (tmp_path / "estate").mkdir()
        ran = command("run", "switchover-metro", "--as", STARTER, "--yes", "--lang", "zh", *estate)
        assert (ran.exit_code, ran.exception and type(ran.exception)) == (4, SystemExit), ran.output
        assert "前置条件 guard-period：as the test says" in ran.output
        assert "已拒绝" in ran.output
        (bundle,) = (tmp_path / "evidence").glob("*.tar.gz")
        (head,) = (tmp_path / "evidence").glob("*.head.json")
        assert verify(bundle, kept_heads(head))[1] == []
        first = bundle.read_bytes()
        run = bundle.name.removesuffix(".tar.gz")
        drill_evidence_cli.seal_command(run, tmp_path / "runs", tmp_path / "evidence")
        assert bundle.read_bytes() == first
        status = command("status")
        assert "refused, nothing was touched" in status.output
        wrong = command(
            "switchover-metro", "--as", STARTER, "--confirm", "cloud", *estate, to=drill_run_cli.failover_app
        )
        assert "moves the writer to `bigdata`, not to `cloud`" in str(wrong.exception)
        odd = command(
            *("switchover-metro", "--as", STARTER, "--confirm", "bigdata", "--override", "x", *estate),
            to=drill_run_cli.failover_app,
        )
        assert "is no override" in str(odd.exception)


def ended(desk: Desk, run: str, state: State, capsys: pytest.CaptureFixture[str]) -> tuple[object, str]:
    """What the commands do when an engine has ended so: the exit code and what is printed."""

    async def work() -> tuple[str, Ended]:
        return run, Ended(state, "")

    with pytest.raises(typer.Exit) as code:
        drill_run_cli._ended(desk, work(), "en")
    return code.value.exit_code, capsys.readouterr().out


def test_every_run_that_is_over_is_sealed_and_a_paused_one_is_not(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, paused = played.begin(SHORT)
    evidence = tmp_path / "evidence"
    assert (paused.state, ended(played.desk, run, State.PAUSED, capsys)[0]) == (State.PAUSED, 3)
    assert not evidence.exists()
    played.clock.monotonic += 1
    _, over = played.resume(run, SHORT, "abort")
    assert ended(played.desk, run, over.state, capsys)[0] == 0
    assert verify(evidence / f"{run}.tar.gz", kept_heads(evidence / f"{run}.head.json"))[1] == []


def test_evidence_that_cannot_be_written_changes_nothing_about_how_a_run_ended(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = played.begin(SHORT)
    (tmp_path / "evidence").write_text("no folder")
    code, said = ended(played.desk, run, State.FAILED_DIRTY, capsys)
    assert (code, "not sealed" in said) == (1, True)


def test_approving_and_the_kill_switch_from_the_command_line(command, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    assert "24 h" in command("approve", "switchover-metro", "--role", "approver", "--as", APPROVER).output
    assert approvals.read(tmp_path / "desk" / "approvals")[0].plan_digest == plan().digest
    refused = command("approve", "switchover-metro", "--role", "approver", "--as", STARTER)
    assert isinstance(refused.exception, OperatorError)
    assert "off" in command("kill-switch", "status").output
    assert "on wang-jianhua smoke" in command("kill-switch", "on", "--as", COMMANDER, "--because", "smoke").output
    assert "off" in command("kill-switch", "off").output


def test_without_a_run_there_is_nothing_to_say(command) -> None:  # type: ignore[no-untyped-def]
    for words in (
        ("status",),
        ("say", "x", "commit", "--as", COMMANDER),
        ("resume", "--as", STARTER),
        ("abort", "--as", STARTER, "--because", "x"),
    ):
        assert isinstance(command(*words).exception, OperatorError), words


def test_the_desk_s_clock_is_the_machine_s() -> None:
    clock = start.DeskClock()
    asyncio.run(clock.sleep(0))
    assert abs(clock.mono_ns() - time.monotonic_ns()) < 60e9
    assert abs(clock.wall() - time.time()) < 60
