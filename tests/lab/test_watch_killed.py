"""kill -9 of the real watch, fifty times at any moment: its store opens, no change is lost, none is doubled.

The truth is known from outside: real servers are turned off and on in an order that the test writes down. The next turn
only comes when the store shows this one, however many watches had to die for it.
"""

from __future__ import annotations

import os
import random
import secrets
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from checks.result import Status
from state.verdict import Change
from tests.lab.http_targets import Target, check, targets, write_estate
from tests.lab.watch_process import Watch, until, watching

pytestmark = pytest.mark.lab
KILLS = 50
SLACK = 1.0  #: seconds; a question asked just before a turn may be answered just after it
#: target -> subject; each is asked at its own pace and confirmed in its own way
SUBJECTS = {
    "steady": "component:desk/steady@main",
    "hasty": "component:desk/hasty@main",
    "usual": "component:desk/usual@main",
    "slow": "component:desk/slow@main",
    "lone": "host:lone",
}
TURNED = [name for name in SUBJECTS if name != "steady"]


@dataclass
class Turn:
    """A target was turned off or on: when, and when the store was first seen to know (Unix seconds)."""

    status: Status
    at: float
    seen: float = 0.0


@dataclass
class Script:
    """What is done to the targets, and what is therefore true."""

    watch: Watch
    targets: dict[str, Target]
    turns: defaultdict[str, list[Turn]] = field(default_factory=lambda: defaultdict(list))

    def turn(self, names: Sequence[str]) -> None:
        """Turn these targets round."""
        for name in names:
            target = self.targets[name]
            target.up = not target.up
            self.turns[SUBJECTS[name]].append(Turn(Status.OK if target.up else Status.DOWN, time.time()))

    def shown(self) -> bool:
        """Whether the store knows the last turn of every target; remembers when it first did."""
        for subject, turns in self.turns.items():
            if not turns[-1].seen and self._known(subject) is turns[-1].status:
                turns[-1].seen = time.time()
        return all(turns[-1].seen for turns in self.turns.values())

    def _known(self, subject: str) -> Status | None:
        """What the store knows of a subject; an outage once it is an incident, too, so that it must not be missed."""
        said = self.watch.status(subject)
        ill = self.watch.ask("SELECT count(*) FROM incidents WHERE subject = ? AND closed IS NULL", subject)
        status = Status.DOWN if ill else Status.OK
        return status if said == status.value else None

    def calm(self) -> bool:
        """Whether everything is known to work."""
        return all(self.watch.status(subject) == "ok" for subject in SUBJECTS.values())


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Script]:
    with targets(*SUBJECTS) as served:
        hosts = {
            "box": {"center": "main", "address": "127.0.0.1", "checks": [check(served["steady"], "1s", "1/1")]},
            "lone": {"center": "main", "address": "127.0.0.2", "checks": [check(served["lone"], "500ms", "2/3")]},
        }
        paces = {"steady": ("1s", "1/1"), "hasty": ("1s", "1/1"), "usual": ("500ms", "2/3"), "slow": ("700ms", "2/2")}
        components = {name: [check(served[name], *pace)] for name, pace in paces.items()}
        estate = write_estate(tmp_path / "estate", hosts, components)
        with watching(tmp_path, estate) as watch:
            yield Script(watch, served)


@pytest.fixture
def chance() -> random.Random:
    """Chance that can be had again: OPS_SEED=<what was printed>."""
    seed = int(os.environ.get("OPS_SEED") or secrets.randbelow(2**32))
    print(f"OPS_SEED={seed}")
    return random.Random(seed)


def test_nothing_is_lost_or_doubled_by_fifty_kills(script: Script, chance: random.Random) -> None:
    watch = script.watch
    kills = _kill_at_birth(watch, chance, 6)
    watch.start()
    until(script.calm, "everything is known to work", watch)
    start_up = time.time() - watch.began
    while kills < KILLS:
        script.turn(chance.sample(TURNED, chance.choice((1, 1, 2, 3))))
        for moment in _moments(chance, start_up)[: KILLS - kills]:
            if moment.living:
                until(watch.alive, "the watch lives", watch)
            time.sleep(moment.after)
            watch.kill()
            watch.examine()
            watch.start()
            kills += 1
        until(script.shown, "the store shows the turn", watch)
    script.turn([name for name in TURNED if not script.targets[name].up])
    until(script.shown, "the store shows that all is well again", watch)
    until(script.calm, "everything is known to work", watch)
    assert watch.end() == 0
    print(f"{kills} kills, {watch.starts} starts, {sum(map(len, script.turns.values()))} turns")
    watch.examine()
    compare_with_truth(script)


def test_two_watches_on_one_store_record_nothing_twice(script: Script, chance: random.Random) -> None:
    first = script.watch
    with watching(first.folder, first.estate) as second:
        first.start()
        second.start()
        until(lambda: first.alive() and second.alive(), "both watches live", first)
        until(script.calm, "everything is known to work", first)
        for _ in range(6):
            script.turn(chance.sample(TURNED, 2))
            until(script.shown, "the store shows the turn", first)
            time.sleep(3.0)  # both have seen it for themselves, whichever wrote it
        script.turn([name for name in TURNED if not script.targets[name].up])
        until(script.shown, "the store shows that all is well again", first)
        assert (first.end(), second.end()) == (0, 0)
    compare_with_truth(script)


@dataclass(frozen=True, slots=True)
class Moment:
    """When to kill: so many seconds after the start, or (``living``) after the first cycle."""

    after: float
    living: bool


def _moments(chance: random.Random, start_up: float) -> list[Moment]:
    """One kill in the middle of a life, then none or a few in the middle of starting again."""
    starting = [Moment(chance.uniform(0.0, start_up), living=False) for _ in range(chance.choice((0, 1, 1, 2)))]
    return [Moment(chance.uniform(0.0, 1.0), living=True), *starting]


def _kill_at_birth(watch: Watch, chance: random.Random, times: int) -> int:
    """Kill while there is no store yet, or half of one."""
    for _ in range(times):
        watch.start()
        time.sleep(chance.uniform(0.0, 1.5))
        watch.kill()
        watch.examine()
    return times


def compare_with_truth(script: Script) -> None:
    store = script.watch.opened()
    changes, incidents = store.changes(), store.incidents()
    store.close()
    assert len({change.id for change in changes}) == len(changes)
    for subject in {change.subject for change in changes}:
        chained([change for change in changes if change.subject == subject])
    for subject in SUBJECTS.values():
        turns = script.turns[subject]
        known = settled([change for change in changes if change.subject == subject])
        assert [change.new for change in known] == [Status.OK, *(turn.status for turn in turns)], told(known)
        for change, turn in zip(known[1:], turns, strict=True):
            assert turn.at - SLACK <= change.since <= change.at <= turn.seen, (turn, told(known))
        outages = [turn for turn in turns if turn.status is Status.DOWN]
        mine = [incident for incident in incidents if incident.subject == subject]
        assert len(mine) == len(outages), (mine, outages)
        for incident, outage, back in zip(mine, outages, turns[1::2], strict=True):
            assert outage.at - SLACK <= incident.opened <= incident.noticed <= outage.seen
            assert incident.closed is not None
            assert back.at - SLACK <= incident.closed <= back.seen
    assert {incident.subject for incident in incidents} <= set(SUBJECTS.values())
    assert [incident.merged for incident in incidents] == [None] * len(incidents)


def chained(changes: Sequence[Change]) -> None:
    """Each change begins with what the one before it ended with, and changes something; time never runs backwards."""
    status, since = Status.UNKNOWN, 0.0
    for change in changes:
        assert change.old is status, told(changes)
        assert change.new is not change.old, told(changes)
        assert change.since >= since, told(changes)
        status, since = change.new, change.since


def settled(changes: Sequence[Change]) -> list[Change]:
    """The changes without passages through unknown: after its absence a watch says nothing until it has confirmed."""
    kept: list[Change] = []
    for change in changes:
        if change.new is not Status.UNKNOWN and (not kept or kept[-1].new is not change.new):
            kept.append(change)
    return kept


def told(changes: Sequence[Change]) -> str:
    """All changes, to be read when a test fails."""
    return "\n".join(
        f"{c.id} {c.subject} {c.old}>{c.new} since {c.since:.2f} at {c.at:.2f} {c.because.facts.get('said')}"
        for c in changes
    )
