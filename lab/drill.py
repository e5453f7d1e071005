"""A whole drill on real parts: the writer moves to the remote center and back, clients are measured, reports written.

Everything is done through the command line, as people would; the people of the plan answer when the run asks them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from failover.lint import ours
from failover.plan import Plan
from failover.records import State
from failover.replay import Standing
from failover.run_folder import RunFolder
from failover.start import Desk, look
from inventory.errors import OperatorError
from lab.errors import LabError
from lab.walk import Walk

THERE_AND_BACK = ("switchover-dr", "failback-dr")
_SOAK = 5.0  #: seconds of watching the new order; a plan asks for more where people are served
_RUN = 120.0  #: seconds that one run may take


def walk(folder: Path, out: Console) -> int:
    """Switch over to the remote center and back; 0 when both runs ended as they should. The lab is taken down again."""
    drill = _Drill(folder.resolve(), Path("var/drill").resolve(), out)
    drill.prepare()
    try:
        drill.say("bringing up three centers: 15 hosts and the provinces, with real servers")
        drill.ops("lab", "up", "--dir", str(folder))
        drill.heal()
        good = all(drill.carry_out(name) for name in THERE_AND_BACK)
        drill.tell()
        return 0 if good else 1
    except (LabError, OperatorError) as error:
        out.print(f"the drill stopped: {error}", markup=False)
        return 1
    finally:
        drill.say("taking the lab down")
        drill.ops("lab", "down", "--dir", str(folder))


@dataclass
class _Drill(Walk):
    """The people of a drill, at one terminal."""

    def prepare(self) -> None:
        """Runs of its own, so that the report shows these and nothing else."""
        shutil.rmtree(self.work, ignore_errors=True)
        self.work.mkdir(parents=True)

    @property
    def desk(self) -> Desk:
        """Where lock, approvals and runs are. A lab has one desk: its hosts obey the highest epoch they have seen."""
        return Desk(self.folder / "desk", self.work / "runs")

    def typed(self, *words: str) -> None:
        """One command, in this drill's folders."""
        self.ops(*words, environment=self._environment())

    def carry_out(self, name: str) -> bool:
        """One plan, from its approval to its commit; whether it ended well."""
        plan = ours()[name].plan
        for approval in plan.approvals:
            self.typed("drill", "approve", name, "--role", approval.role, "--as", _person(plan, approval.role))
        before = self._runs()
        self.say(f"{name}: {plan.name.en}")
        words = ("drill", "run", name, "--as", _person(plan, "operator"), "--yes", "--soak", f"{_SOAK:g}")
        with subprocess.Popen(self.argv(*words), env=self._environment()) as engine:
            try:
                ended = self.until(lambda: self._ended(plan, engine, before), f"the end of {name}", _RUN)
            finally:
                engine.terminate()  # one that has ended already does not mind
        return ended in (State.COMPLETED, State.COMPLETED_WITH_EXCEPTIONS)

    def tell(self) -> None:
        """Seal the evidence of each run, verify it as an auditor would, and write the reports."""
        for run in sorted(self._runs()):
            self.typed("drill", "seal", run, "--out", str(self.work / "evidence"))
            self.typed("drill", "verify", str(next((self.work / "evidence").glob(f"{run}*.tar.gz"))))
            for lang in ("zh", "en"):
                self.typed("drill", "report", run, "--lang", lang, "--out", str(self.work / "reports"))
        self.typed("drill", "history", "--lang", "zh")

    def _ended(self, plan: Plan, engine: subprocess.Popen[bytes], before: set[str]) -> State | None:
        """Answer what the run asks meanwhile; its state once its engine is gone."""
        gone = engine.poll() is not None
        new = self._runs() - before
        if not new:
            return State.REFUSED if gone else None
        run = RunFolder(self.desk.runs / new.pop())
        if not run.journal.exists():
            return State.REFUSED if gone else None
        standing = look(self.desk, run.run)
        if gone:
            return standing.state
        self._answer(plan, run.run, standing)
        return None

    def _answer(self, plan: Plan, run: str, standing: Standing) -> None:
        for step in standing.asked - set(standing.answers):
            person = _person(plan, plan.step(step).role or "commander")
            self.typed("drill", "say", run, "confirm", "--step", step, "--as", person)
        if standing.state is State.COMMIT_WAIT and standing.word is None:
            self.typed("drill", "say", run, "commit", "--as", _person(plan, plan.soak.role))

    def _runs(self) -> set[str]:
        runs = self.desk.runs
        return {path.name for path in runs.iterdir()} if runs.is_dir() else set()

    def _environment(self) -> dict[str, str]:
        own = {"OPS_ESTATE": self.estate, "OPS_DESK": self.desk.state, "OPS_DRILLS": self.desk.runs}
        return {**os.environ, **{name: str(path) for name, path in own.items()}}


def _person(plan: Plan, role: str) -> str:
    """Someone who has that duty, and did not write the plan."""
    people = next(duty.people for duty in plan.roles if duty.id == role)
    return next((each for each in people if each != plan.last_editor), people[0])
