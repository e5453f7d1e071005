"""Whatever the storm: never the last healthy member, never both centers of a pair, never more than the share.

Hosts fall ill, recover and are acted on in any order; after each decision the invariants are asked of the whole estate,
by a simple account of its own that shares nothing with the guards.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from checks.check import Check
from checks.result import Status
from inventory import subject as subjects
from inventory.model import Estate
from runbooks.card import Card, Failing
from runbooks.catalogue import load
from runbooks.decide import decide
from runbooks.run_record import Outcome, Proposal, Run
from runbooks.world import Policy
from state.verdict import Fault, Incident, Reason, Verdict, Vote
from tests.fakes import small_estate as small

ONE = ["a1", "a2", "a3", "a4"]
TWO = ["b1", "b2"]
FAR = ["c1"]
CENTER = {host: center for center, hosts in (("cloud", ONE), ("bigdata", TWO), ("dr", FAR)) for host in hosts}
#: two systems share the service ``app`` on some hosts; the second stands on few of them
PLACED = {
    "marriage": {"cloud": (ONE, "active"), "bigdata": (TWO, "active"), "dr": (FAR, "standby")},
    "subsidies": {"cloud": (["a1", "a2"], "active"), "bigdata": (["b1"], "standby")},
}
OK, DEGRADED, DOWN = Status.OK, Status.DEGRADED, Status.DOWN
WORST = [OK, DEGRADED, DOWN]


def _estate() -> Estate:
    mark, name = {"file": "estate.yml", "line": 1}, {"zh": "名", "en": "name"}
    base = small.estate().model_dump(mode="python")
    centers = [
        {"id": one, "name": name, "site": site, "role": role, "mark": mark}
        for one, site, role in (
            ("cloud", "capital", "production"),
            ("bigdata", "capital", "metro"),
            ("dr", "north", "remote"),
        )
    ]
    hosts = [small.host(host, center) for host, center in CENTER.items()]
    systems = []
    for system, placed in PLACED.items():
        placement = {center: {"hosts": on, "duty": duty} for center, (on, duty) in placed.items()}
        part = {"id": "app", "service": "app", "placement": placement, "mark": mark}
        owner = {"owner": {"unit": name}, "grade": base["systems"][0]["grade"], "name": name, "summary": name}
        targets = {"availability": "99%", "rto": "1h", "rpo": "1h"}
        systems.append({"id": system, **owner, "targets": targets, "components": [part], "mark": mark})
    return small.estate(hosts, centers=centers, systems=systems)


ESTATE = _estate()


def _checks() -> list[Check]:
    found = [
        small.check(
            f"{system}/app@{center}/{host}/http", subjects.component(system, "app", center), "http", ESTATE, host
        )
        for system, placed in PLACED.items()
        for center, (hosts, _) in placed.items()
        for host in hosts
    ]
    logins = [small.check(f"host/{one}/ssh", subjects.host(one), "ssh", ESTATE, one, ask="login") for one in CENTER]
    return [*found, *logins]


CHECKS = _checks()
RESTART = load()["restart-service"]


def card(share: float) -> Card:
    """restart-service, as bold as a card can be, so that only the guards against breaking too much are left."""
    trigger = RESTART.trigger
    assert trigger is not None
    eager = trigger.model_copy(update={"failing": Failing(kind=("http",), says=(DEGRADED, DOWN))})
    bold = {"scope": 60, "per_hour": 60, "per_incident": 60, "give_up_after": 60, "cool_down": 0.0}
    return RESTART.model_copy(update={"trigger": eager, "share": share, **bold})


@dataclass
class Storm:
    """What is the case, and what is being done about it."""

    share: float
    now: float = 1_800_000_000.0
    ill: dict[tuple[str, str], Status] = field(default_factory=dict)  #: (system, host) -> what its check says
    runs: list[Run] = field(default_factory=list)

    def status(self, system: str, host: str) -> Status:
        return self.ill.get((system, host), OK)

    def acting(self) -> set[str]:
        return {run.inputs["host"] for run in self.runs if run.running}

    def verdicts(self) -> list[Verdict]:
        found = [self._verdict(subjects.host(host), [f"host/{host}/ssh"], [OK]) for host in CENTER]
        for system, placed in PLACED.items():
            for center, (hosts, _) in placed.items():
                about = subjects.component(system, "app", center)
                checks = [f"{system}/app@{center}/{host}/http" for host in hosts]
                found.append(self._verdict(about, checks, [self.status(system, host) for host in hosts]))
        return found

    def _verdict(self, about: str, checks: list[str], said: list[Status]) -> Verdict:
        votes = tuple(
            Vote(check, vantage, one, self.now - 9, 1.0)
            for check, one in zip(checks, said, strict=True)
            for vantage in ("cloud", "dr")
        )
        worst = max(said, key=WORST.index)
        status = worst if worst is not DOWN or all(one is DOWN for one in said) else DEGRADED
        fault = Fault.NONE if status is OK else Fault.SERVICE
        return Verdict(about, status, fault, Reason("x"), self.now - 9, self.now, None, votes)

    def decide(self) -> list[Proposal]:
        verdicts = self.verdicts()
        incidents = [
            Incident(at, one.subject, one.fault, self.now - 60, self.now - 50, None, Reason("x"))
            for at, one in enumerate(verdicts)
            if one.status is not OK
        ]
        policy = Policy(at_once=60, per_hour=10_000)
        return decide(
            ESTATE,
            CHECKS,
            incidents,
            verdicts,
            catalogue={"restart-service": card(self.share)},
            runs=self.runs,
            now=self.now,
            policy=policy,
        )

    def start(self, proposal: Proposal) -> None:
        inputs = dict(proposal.inputs)
        run = Run(
            f"r{len(self.runs)}", "restart-service", inputs, proposal.incident, "", self.now, 0.0, Outcome.UNKNOWN, ""
        )
        self.runs.append(replace(run, running=True))

    def end(self, host: str, outcome: Outcome) -> None:
        self.runs = [
            replace(run, running=False, outcome=outcome) if run.running and run.inputs["host"] == host else run
            for run in self.runs
        ]


def check(storm: Storm, allowed: list[Proposal]) -> None:
    """The invariants, after all that was allowed has begun."""
    acting = storm.acting()
    begun = {one.inputs["host"] for one in allowed}
    assert len(begun) == len(allowed), "one host is acted on twice"
    for system, placed in PLACED.items():
        group = {host: (center, duty) for center, (hosts, duty) in placed.items() for host in hosts}
        busy = acting & group.keys()
        assert len({group[host][0] for host in busy}) <= 1, f"both centers of {system} at once: {busy}"
        assert len(busy) <= max(1, int(storm.share * len(group))), f"too many of {system} at once: {busy}"
        for host in begun & group.keys():
            if storm.status(system, host) is DOWN:
                continue
            serving = [one for one, (_, duty) in group.items() if duty == "active" or group[host][1] == "standby"]
            left = [one for one in serving if one not in acting and storm.status(system, one) is OK]
            assert left, f"{host} was the last that serves {system}"


EVENT = st.one_of(
    st.tuples(st.just("is"), st.sampled_from(sorted(PLACED)), st.sampled_from(sorted(CENTER)), st.sampled_from(WORST)),
    st.tuples(
        st.just("all"),
        st.sampled_from(sorted(PLACED)),
        st.sampled_from(["cloud", "bigdata", "dr"]),
        st.sampled_from(WORST),
    ),
    st.tuples(st.just("ends"), st.sampled_from(sorted(CENTER)), st.sampled_from([Outcome.REPAIRED, Outcome.FAILED])),
    st.tuples(st.just("later"), st.sampled_from([1.0, 60.0, 400.0])),
)


def happen(storm: Storm, event: tuple[Any, ...]) -> None:
    match event:
        case "is", system, host, status:
            storm.ill[system, host] = status
        case "all", system, center, status:
            for host, stands in CENTER.items():
                if stands == center:
                    storm.ill[system, host] = status
        case "ends", host, outcome:
            storm.end(host, outcome)
        case "later", seconds:
            storm.now += seconds
            for run in storm.runs:
                if run.running and storm.now - run.started >= card(storm.share).longest:
                    storm.end(run.inputs["host"], Outcome.TIMEOUT)  # its guard process ends it long before


@given(st.sampled_from([0.01, 0.3, 0.5, 1.0]), st.lists(st.lists(EVENT, max_size=6), min_size=1, max_size=8))
@settings(max_examples=150, deadline=None)
def test_no_storm_makes_runbooks_break_more_than_they_may(share: float, story: list[list[tuple[Any, ...]]]) -> None:
    storm = Storm(share)
    for events in story:
        for event in events:
            happen(storm, event)
        allowed = [one for one in storm.decide() if one.allowed]
        for one in allowed:
            storm.start(one)
        check(storm, allowed)


def test_the_storm_is_one_in_which_something_is_done() -> None:
    """The invariants would hold for a responder that does nothing, too."""
    storm = Storm(share=0.5)
    happen(storm, ("all", "marriage", "cloud", DOWN))
    happen(storm, ("all", "subsidies", "cloud", DOWN))
    allowed = [one for one in storm.decide() if one.allowed]
    # Of the three members of subsidies one at once, of the seven of marriage three.
    assert sorted(one.inputs["host"] for one in allowed) == ["a1", "a3", "a4"]
    for one in allowed:
        storm.start(one)
    happen(storm, ("ends", "a1", Outcome.REPAIRED))
    happen(storm, ("all", "marriage", "bigdata", DOWN))
    refused = {one.because.code for one in storm.decide() if not one.allowed}
    assert refused >= {"runbook.share", "runbook.host_busy"}


def test_every_decision_says_because_of_what() -> None:
    storm = Storm(share=0.5)
    happen(storm, ("all", "marriage", "cloud", DEGRADED))
    assert all(one.because.code and one.because.facts for one in storm.decide())
