"""The main job on real parts: three centers come up, the watch judges them, two things break, a report tells of it.

Everything is done through the command line, as a person would; what is printed is read back from the watch's store.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from rich.console import Console

from inventory.load import load
from lab.errors import LabError
from lab.walk import Walk
from runbooks.responder import RUN
from runbooks.run_record import from_record
from state.reasons import say
from state.store import Store
from state.verdict import Incident

_SETTLE = 90.0  #: seconds until the watch must have judged everything
_QUIET = 30.0  #: seconds of nothing
_NOTICE = 60.0  #: seconds until a fault must be noticed
_REPAIR = 120.0  #: seconds until the runbook must have repaired it, or a healed link be seen as healed


def walk(folder: Path, out: Console) -> int:
    """Do the whole walk; 0 when every stage did what it should. The lab is taken down whatever happens."""
    demo = _Demo(folder.resolve(), Path("var/demo").resolve(), out)
    demo.prepare()
    try:
        demo.say("bringing up three centers: 15 hosts and the provinces, with real servers")
        demo.ops("lab", "up", "--dir", str(folder))
        demo.heal()
        with demo.watching():
            demo.all_well()
            demo.broken_service()
            demo.cut_link()
        return demo.reports()
    except LabError as error:
        out.print(f"the demo stopped: {error}", markup=False)
        return 1
    finally:
        demo.say("taking the lab down")
        demo.ops("lab", "down", "--dir", str(folder))


@dataclass
class _Demo(Walk):
    began: float = 0.0  #: Unix time at which the watch had judged everything

    def prepare(self) -> None:
        """A store of its own, so that the report shows this run and nothing else."""
        self.work.mkdir(parents=True, exist_ok=True)
        for old in self.work.glob("state.sqlite*"):
            old.unlink()

    @property
    def store(self) -> str:
        return f"sqlite:///{self.work / 'state.sqlite'}"

    @contextmanager
    def watching(self) -> Iterator[None]:
        """The standing watch beside what happens inside."""
        log = self.work / "watch.log"
        argv = self.argv("watch", "--estate", str(self.estate), "--store", self.store)
        self.say(f"starting the watch: ops watch (its log: {log})")
        with log.open("w") as written, subprocess.Popen(argv, stdout=written, stderr=written) as watch:
            try:
                yield
            finally:
                watch.terminate()
                watch.wait(60)

    def all_well(self) -> None:
        """Until the watch has judged everything as ok; then a while of nothing."""
        self.until(self._well, "the estate judged as ok", _SETTLE)
        self.began = time.time()
        self.say("all twelve systems are ok in the eyes of three centers; a while of quiet")
        time.sleep(_QUIET)
        self.ops("status", "--estate", str(self.estate), "--store", self.store)

    def broken_service(self) -> None:
        """A service stops; the watch sees it, decides, repairs, verifies."""
        self.say("FAULT: the application service on cloud-app stops (ops lab fault stop-service cloud-app app)")
        broken = time.time()
        self.ops("lab", "fault", "stop-service", "cloud-app", "app", "--dir", str(self.folder))
        incident = self.until(lambda: self._incident(broken), "an incident", _NOTICE)
        self.say(f"noticed {incident.noticed - broken:.1f} s after the fault: {say(incident.because, 'en')}")
        self.out.print(f"            {say(incident.because, 'zh')}", markup=False)
        closed = self.until(lambda: self._closed(incident.id), "its repair by a runbook", _REPAIR)
        with closing(Store.open(self.store)) as store:
            runs = [from_record(record) for record in store.records(RUN)]
        for run in runs:
            self.say(
                f"runbook {run.runbook} on {dict(run.inputs)}: {run.outcome.value} in {run.took:.1f} s; {run.sentence}"
            )
        self.say(f"incident #{closed.id} closed {(closed.closed or 0) - broken:.1f} s after the fault")

    def cut_link(self) -> None:
        """A link is cut: no center may be called down for it."""
        self.say("FAULT: the link between the production and the metro center is cut, both ways")
        broken = time.time()
        words = ("cut-link", "cloud", "bigdata", "--dir", str(self.folder))
        self.ops("lab", "fault", *words)
        incident = self.until(lambda: self._incident(broken), "an incident", _NOTICE)
        why = say(incident.because, "en")
        self.say(f"noticed {incident.noticed - broken:.1f} s after the cut: {incident.subject}: {why}")
        self.ops("lab", "fault", *words, "--undo")
        self.until(self._well, "the link healed", _REPAIR)
        self.say("the link is whole again, and so is the estate")

    def reports(self) -> int:
        """The weekly report in both languages, from what was measured."""
        self.say("writing the report from what was measured")
        zone = ZoneInfo(load(self.estate).timezone)
        start = datetime.fromtimestamp(self.began, zone).isoformat()
        for lang in ("zh", "en"):
            words = ("--lang", lang, "--start", start, "--out", str(self.work.parent / "reports"))
            self.ops("report", "weekly", "--estate", str(self.estate), "--store", self.store, *words)
        return 0

    def _well(self) -> bool:
        with closing(Store.open(self.store)) as store:
            verdicts = store.verdicts()
        return bool(verdicts) and all(verdict.status.value == "ok" for verdict in verdicts)

    def _incidents(self) -> Sequence[Incident]:
        with closing(Store.open(self.store)) as store:
            return [incident for incident in store.incidents() if incident.merged is None]

    def _incident(self, since: float) -> Incident | None:
        return next((one for one in self._incidents() if one.noticed >= since), None)

    def _closed(self, number: int) -> Incident | None:
        return next((one for one in self._incidents() if one.id == number and one.closed is not None), None)
