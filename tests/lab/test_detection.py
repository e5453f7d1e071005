"""Every fault of the lab is noticed by the real watch, blamed on the right thing and on nothing else, and forgotten.

One row a fault. The rows of a round are injected together, so a round also shows that faults do not hide each other.
After each round the incidents since its beginning must be exactly those of its rows: nothing else was ever blamed, also
not on the way back, and no runbook ran that could not help.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from checks.result import Status
from lab.client import Lab
from lab.faults import FAULTS, Active, inject, undo
from runbooks.run_record import Outcome
from state.reasons import say
from state.verdict import Change, Fault
from tests.lab.conftest import NOTICED
from tests.lab.watch_process import watching
from tests.lab.watching import Observed, told

pytestmark = pytest.mark.lab

OK, DEGRADED, DOWN, UNKNOWN = Status
_SETTLE = 120.0  #: seconds until all is ok, after the start and after a fault
_NOTICE = 60.0  #: seconds until a fault must be noticed
_REPAIR = 120.0  #: seconds until its runbook must have repaired it
_EARLIER = 10.0  #: seconds: the longest wait of a check; one that began before a fault may have met it


@dataclass(frozen=True)
class Row:
    """A fault, what must be said of it, and what may be."""

    fault: str
    arguments: tuple[str, ...]
    subject: str  #: what is blamed: the one incident
    status: tuple[Status, ...]
    blamed: Fault
    codes: tuple[str, ...]  #: of the reason
    named: tuple[str, str]  #: what the reason must name, in Chinese and in English
    suffers: tuple[str, ...] = ()  #: what must be said to suffer from it
    may_suffer: tuple[str, ...] = ()  #: what else may not be ok meanwhile, as patterns; all the rest must stay ok
    repair: tuple[str, str] | None = None  #: runbook and host, if it is repaired without anybody's help
    patience: float = _NOTICE

    @property
    def id(self) -> str:
        """As one types it."""
        return " ".join((self.fault, *self.arguments))

    def touches(self, about: str) -> bool:
        """Whether a subject may be anything but ok because of this fault."""
        return any(fnmatchcase(about, each) for each in (self.subject, *self.suffers, *self.may_suffer, "estate"))


#: A system that loses its database, or the copy every commit waits for, may fail in any way; they all write.
_WRITES = ("system:*", "component:data-hub/database@*")


def _center(center: str) -> tuple[str, ...]:
    """Everything that stands in a center."""
    return (f"host:{center}-*", f"service:{center}-*", f"component:*@{center}", f"watch:{center}", f"link:*{center}*")


ROUNDS: tuple[tuple[Row, ...], ...] = (
    (
        Row(
            "stop-service",
            ("cloud-app", "app"),
            "service:cloud-app/app",
            (DOWN,),
            Fault.SERVICE,
            ("service.down",),
            ("cloud-app 上的服务 app", "service app on host cloud-app"),
            may_suffer=("component:*/app@cloud", "system:*"),
            repair=("restart-service", "cloud-app"),
        ),
        Row(
            "stall-replication",
            ("dr-db",),
            "component:data-hub/database@dr",
            (DEGRADED,),
            Fault.SERVICE,
            ("component.degraded",),
            ("异地灾备中心的组件 database", "database in Remote Disaster Recovery Center"),
            repair=("resume-replication", "dr-db"),
        ),
        Row(
            "stop-province",
            ("110000",),
            "province:110000",
            (DOWN,),
            Fault.PROVINCE,
            ("province.down",),
            ("北京市", "Beijing"),
            patience=_NOTICE + 90,  # a province may keep silent for a minute before that is a fault
        ),
    ),
    (
        Row(
            "cut-link",
            ("cloud", "bigdata"),
            "link:cloud-bigdata",
            (DOWN,),
            Fault.LINK,
            ("link.cut",),
            ("同城专线", "Metro line"),
            suffers=("component:data-hub/database@cloud", "system:data-hub"),
            may_suffer=_WRITES,
        ),
        Row(
            "fill-disk",
            ("dr-xchg",),
            "host:dr-xchg",
            (DEGRADED, DOWN),
            Fault.HOST,
            ("host.check_fails",),
            ("主机 dr-xchg", "host dr-xchg"),
            may_suffer=("center:dr",),
            repair=("free-disk", "dr-xchg"),
        ),
    ),
    (
        Row(
            "freeze",
            ("bigdata-db",),
            "host:bigdata-db",
            (DOWN,),
            Fault.HOST,
            ("host.frozen",),
            ("主机 bigdata-db 无响应", "host bigdata-db is frozen"),
            suffers=("component:data-hub/database@bigdata", "component:data-hub/database@cloud", "center:bigdata"),
            may_suffer=(*_WRITES, "component:data-hub/role@bigdata"),
        ),
        Row(
            "power-off",
            ("dr-app",),
            "host:dr-app",
            (DOWN,),
            Fault.HOST,
            ("host.down",),
            ("主机 dr-app 宕机", "host dr-app is down"),
            suffers=("component:marriage/app@dr", "service:dr-app/hub", "center:dr"),
            may_suffer=("component:*/app@dr", "service:dr-app/*", "system:*"),
        ),
        Row(
            "expire-certificate",
            ("cloud-entry",),
            "component:one-stop/certificate@cloud",
            (DOWN,),
            Fault.SERVICE,
            ("component.down",),
            ("政务云中心的组件 certificate", "certificate in Civil Affairs Government Cloud Center"),
            suffers=("system:one-stop",),
        ),
    ),
    (
        Row(
            "kill-database",
            ("cloud-db",),
            "component:data-hub/database@cloud",
            (DOWN,),
            Fault.SERVICE,
            ("component.down",),
            ("政务云中心的组件 database", "database in Civil Affairs Government Cloud Center"),
            suffers=("component:data-hub/database@dr", "system:data-hub", "system:marriage", "system:desk"),
            may_suffer=_WRITES,
        ),
        Row(
            "cut-one-way",
            ("bigdata", "dr"),
            "link:bigdata-dr",
            (DOWN, DEGRADED),
            Fault.LINK,
            ("link.cut", "link.one_way"),
            ("长途专线", "Long-distance line between big data and recovery"),
        ),
    ),
    (
        Row(
            "add-latency",
            ("cloud", "dr", "200"),
            "link:cloud-dr",
            (DEGRADED, DOWN),
            Fault.LINK,
            ("link.slow", "link.cut"),
            ("长途专线", "Long-distance line between cloud and recovery"),
            may_suffer=("component:data-hub/database@dr",),
        ),
        Row(
            "add-loss",
            ("bigdata", "dr", "40"),
            "link:bigdata-dr",
            (DEGRADED, DOWN),
            Fault.LINK,
            ("link.slow", "link.cut"),
            ("长途专线", "Long-distance line between big data and recovery"),
        ),
    ),
    (
        Row(
            "isolate",
            ("dr",),
            "center:dr",
            (DOWN,),
            Fault.ISOLATED,
            ("center.dark",),
            ("异地灾备中心整体失联", "Remote Disaster Recovery Center is dark"),
            suffers=("host:dr-db", "link:cloud-dr", "link:bigdata-dr", "component:marriage/app@dr", "system:marriage"),
            may_suffer=(*_center("dr"), "component:data-hub/database@cloud", "system:*"),
        ),
    ),
    tuple(
        Row(
            "lose-city",
            (),
            f"center:{center}",
            (DOWN,),
            Fault.ISOLATED,
            ("center.dark", "center.city_lost"),
            names,
            suffers=suffers,
            may_suffer=(*_center(center), "province:*", "system:*", "component:data-hub/database@dr"),
        )
        for center, names, suffers in (
            ("cloud", ("政务云中心", "Cloud Center"), ("host:cloud-db", "system:marriage")),
            ("bigdata", ("大数据中心", "Big Data Center"), ("host:bigdata-db", "component:data-hub/app@bigdata")),
        )
    ),
)


@dataclass
class Watched:
    """The lab and the watch beside it."""

    lab: Lab
    watch: Observed

    def inject(self, rows: Sequence[Row]) -> dict[Row, Active]:
        """The faults of some rows; rows that share a fault share its record."""
        return {row: inject(self.lab, row.fault, row.arguments) for row in rows}

    def heal(self, rows: Sequence[Row]) -> float:
        """Undo the faults and wait until all is ok; returns how many seconds that took."""
        for row in rows:
            undo(self.lab, row.fault, row.arguments)
        began = time.monotonic()
        self.watch.settle(_SETTLE)
        return time.monotonic() - began


@pytest.fixture(scope="module")
def watched(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """One watch for all rounds, on a lab where everything is ok."""
    folder: Path = tmp_path_factory.mktemp("watch")
    with watching(folder, lab.estate_folder, "--every", "2") as watch:
        watch.start()
        found = Watched(lab, Observed(watch))
        found.watch.settle(_SETTLE)
        yield found
        assert watch.end() == 0, watch.log[-3000:]


def test_every_fault_of_the_lab_has_its_row() -> None:
    assert {row.fault for rows in ROUNDS for row in rows} == set(FAULTS)


@pytest.mark.parametrize("rows", ROUNDS, ids=lambda rows: ", ".join(dict.fromkeys(row.id for row in rows)))
def test_faults_are_noticed_blamed_on_the_right_thing_and_forgotten(
    watched: Watched, rows: tuple[Row, ...], request: pytest.FixtureRequest
) -> None:
    began = time.time()
    try:
        faults = watched.inject(rows)
        noticed = {row: _noticed(watched.watch, row, fault) for row, fault in faults.items()}
        for row in rows:
            _opened(watched.watch, row, began)
            _suffering(watched.watch, row)
            if row.repair:
                _repaired(watched.watch, row, began)
    finally:
        healed = watched.heal(rows)
    for row, change in noticed.items():
        seen = (row.id, row.subject, change.at - (faults[row].done or began), healed)
        request.node.user_properties.append((NOTICED, seen))
        _speaks_of_it(row, change)
    _nothing_else(watched.watch, rows, began)


def _noticed(watch: Observed, row: Row, fault: Active) -> Change:
    """The first right verdict on what the fault harmed, dated back to its first evidence and never before the fault."""

    def look() -> Change | None:
        found = (change for change in watch.changes(fault.at) if change.subject == row.subject)
        return next((one for one in found if one.new in row.status and one.fault is row.blamed), None)

    change = watch.until(look, f"{row.id}: {row.subject} {row.status} [{row.blamed}]", row.patience)
    assert fault.at - _EARLIER <= change.since <= change.at, told(change)
    assert change.cause is None, told(change)
    return change


def _opened(watch: Observed, row: Row, began: float) -> None:
    """It has become an incident: nothing larger is in doubt any more."""

    def look() -> bool:
        return any(one.subject == row.subject for one in watch.incidents(began))

    watch.until(look, f"{row.id}: an incident of {row.subject}", _NOTICE, shown=lambda: watch.incidents(began))


def _suffering(watch: Observed, row: Row) -> None:
    """Everything that must suffer from it is said to, or else is repaired already and is named by the incident."""

    def missing() -> list[str]:
        verdicts = watch.verdicts()
        affected = {about for one in watch.incidents(0) if one.subject == row.subject for about in one.affects}
        causes = {row.subject, *(about for rows in ROUNDS if row in rows for about in (each.subject for each in rows))}
        return [
            about
            for about in row.suffers
            if not (about in affected or (verdicts[about].status is not OK and verdicts[about].cause in causes))
        ]

    watch.until(lambda: not missing(), f"{row.id}: suffering of {row.suffers}", _NOTICE, shown=missing)


def _repaired(watch: Observed, row: Row, began: float) -> None:
    """Its runbook ran, was verified, and closed the incident."""
    assert row.repair is not None
    runbook, host = row.repair

    def look() -> bool:
        ran = [run for run in watch.runs(began) if (run.runbook, run.inputs.get("host")) == (runbook, host)]
        repaired = {run.id for run in ran if run.outcome is Outcome.REPAIRED}
        mine = [one for one in watch.incidents(began) if one.subject == row.subject]
        return any(one.closed and one.repaired_by in repaired for one in mine)

    watch.until(look, f"{row.id}: repaired by {runbook} on {host}", _REPAIR, shown=lambda: watch.runs(began))


def _speaks_of_it(row: Row, change: Change) -> None:
    """The reason is the expected one and names the thing in both languages, with nothing left to fill in."""
    assert change.because.code in row.codes, told(change)
    for lang, name in zip(("zh", "en"), row.named, strict=True):
        sentence = say(change.because, lang)
        assert name in sentence, sentence
        assert "{" not in sentence, sentence


def _nothing_else(watch: Observed, rows: Sequence[Row], began: float) -> None:
    """Nothing but what the faults harm was ever not ok; the incidents are theirs; nothing ran that could not help."""
    strange = [change for change in watch.changes(began) if not any(row.touches(change.subject) for row in rows)]
    assert not strange, [told(change) for change in strange]
    centers = [change for change in watch.changes(began) if change.subject.startswith("center:") and change.new is DOWN]
    assert {change.subject for change in centers} <= {row.subject for row in rows}
    assert {one.subject for one in watch.incidents(began)} == {row.subject for row in rows}, "\n".join(
        f"{one.subject} [{one.fault}] {one.opened - began:.1f} to {(one.closed or 0) - began:.1f}, "
        f"noticed {one.noticed - began:.1f}: {say(one.because, 'en')}"
        for one in watch.incidents(began)
    )
    ran = {(run.runbook, run.inputs.get("host")) for run in watch.runs(began)}
    assert ran == {row.repair for row in rows if row.repair}
