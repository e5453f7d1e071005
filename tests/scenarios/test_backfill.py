"""The watch was away, or a center was cut off; afterwards it is known what the centers saw meanwhile, and no more."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from checks.history import History
from checks.result import Result, Status
from inventory import subject
from inventory.model import Center
from state import backfill
from state.backfill import CaughtUp, catch_up, fill, filled, pending
from state.gaps import PIECE, beneath
from state.timeline import timeline
from state.verdict import Availability, Interval
from tests.scenarios.world import START, Script, World

#: down and degraded together: what recovers may be degraded for a moment, and that is dated back as far as one looked
CLASSES = (
    (Availability.UP,),
    (Availability.DOWN, Availability.DEGRADED),
    (Availability.PATH, Availability.UNKNOWN),
)
APP = "component:marriage/app@cloud"


class Remembered(Script):
    """A script whose centers' Prometheus servers remember every answer."""

    def __init__(self) -> None:
        self.past: list[Result] = []
        self.wiped: list[tuple[str, float, float]] = []  #: vantage, start and end of what its Prometheus lost
        super().__init__()

    def _probe(self) -> None:
        super()._probe()
        self.past += [result for result in self._latest.values() if result.at == START + self.time]

    def read(self, center: Center, start: float, end: float) -> History:
        if not self.world.reached(center.id):
            return History(False, "not reached")
        found = [one for one in self.past if one.vantage == center.id and start <= one.at <= end and self._kept(one)]
        return History(True, f"{len(found)} answers", tuple(found))

    def _kept(self, result: Result) -> bool:
        return not any(result.vantage == who and a <= result.at - START < b for who, a, b in self.wiped)

    def catch_up(self) -> CaughtUp | None:
        """What ``ops watch`` does first."""
        assert self.cycle is not None
        caught = catch_up(self.cycle, self.store, self.small.estate, self.read, lambda: START + self.time)
        self.changes += caught.changes if caught else ()
        return caught

    def away(self, until: float, meanwhile: Callable[[World], None] = lambda world: None) -> CaughtUp | None:
        """The watch stops, something happens, time passes, the watch starts again."""
        self.stop_watch()
        meanwhile(self.world)
        self.run(until)
        self.start_watch()
        return self.catch_up()

    def line(self, about: str, start: float, end: float) -> tuple[Interval, ...]:
        """The timeline of a subject as a report tells it."""
        changes = self.store.changes(subject=about)
        told = timeline(START + start, START + end, START + self.time, changes, self.store.watched())
        later = filled(self.store, START + start, START + end).get(about, ())
        return tuple(Interval(p.start - START, p.end - START, p.kind) for p in beneath(told, later))

    def fill_all(self) -> int:
        """What ``ops watch`` does in the background."""
        now = START + self.time
        todo = pending(self.store, self.small.estate, now)
        for piece in todo:
            fill(self.store, self.small.estate, self.small.checks, self.read, piece, now)
        return len(todo)


def seconds(line: tuple[Interval, ...], *kinds: Availability) -> float:
    return sum(part.end - part.start for part in line if part.kind in kinds)


def stop_app(world: World) -> None:
    world.stopped.add("marriage/app@cloud")


def test_an_outage_that_began_while_the_watch_was_away_has_its_true_beginning() -> None:
    script = Remembered()
    script.quiet_start()
    script.away(200.0, stop_app)
    change = script.expect(APP, Status.DOWN, after=60.0, before=120.0)
    assert 60.0 < change.since - START <= 70.0
    incident = next(one for one in script.store.incidents(open_only=True) if one.merged is None)
    assert incident.opened - START <= 70.0


def test_an_outage_that_came_and_went_meanwhile_is_on_record() -> None:
    script = Remembered()
    script.quiet_start()
    script.stop_watch()
    stop_app(script.world)
    script.run(160.0)
    script.world.heal()
    script.run(300.0)
    script.start_watch()
    script.catch_up()
    line = script.line(APP, 60.0, 300.0)
    assert [part.kind for part in line] == [Availability.UP, Availability.DOWN, Availability.UP]
    assert 90.0 <= seconds(line, Availability.DOWN) <= 110.0
    assert not script.store.incidents(open_only=True)


@pytest.mark.parametrize(
    "trouble",
    [
        stop_app,
        lambda world: world.off.add("cloud-db"),
        lambda world: world.cut_both("cloud", "dr"),
        lambda world: world.mute.add("310000"),
        lambda world: world.off.update(f"cloud-{kind}" for kind in ("entry", "app", "db", "xchg")),
    ],
    ids=["service", "host", "link", "province", "center"],
)
def test_judging_afterwards_finds_what_judging_at_the_time_found(trouble: Callable[[World], None]) -> None:
    there, away = Remembered(), Remembered()
    for script in (there, away):
        script.quiet_start()
    trouble(there.world)
    there.run(140.0)
    there.world.heal()
    there.run(230.0)
    away.stop_watch()
    trouble(away.world)
    away.run(140.0)
    away.world.heal()
    away.run(230.0)
    away.start_watch()
    away.catch_up()
    away.run(231.0)
    there.run(231.0)
    for about in there.statuses():
        if subject.kind(about) == "estate":
            continue
        at_the_time, afterwards = there.line(about, 60.0, 225.0), away.line(about, 60.0, 225.0)
        for kinds in CLASSES:
            found, expected = seconds(afterwards, *kinds), seconds(at_the_time, *kinds)
            assert found == pytest.approx(expected, abs=11.0), (about, kinds)
    assert sorted(away.roots(open_only=False)) == sorted(there.roots(open_only=False))


def test_whoever_is_killed_while_catching_up_goes_on_and_doubles_nothing() -> None:
    whole, killed = Remembered(), Remembered()
    for script in (whole, killed):
        script.quiet_start()
    whole.away(400.0, stop_app)

    class Killed(Exception):
        pass

    killed.stop_watch()
    stop_app(killed.world)
    killed.run(400.0)
    for turns in (3, 1, 20, 2, 17):
        killed.start_watch()
        assert killed.cycle is not None
        turn, left = killed.cycle.turn, [turns]

        def dying(*given: object, turn: Callable[..., object] = turn, left: list[int] = left) -> object:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return turn(*given)

        killed.cycle.turn = dying  # type: ignore[method-assign, assignment]
        with pytest.raises(Killed):
            killed.catch_up()
    killed.start_watch()
    killed.catch_up()
    assert [(c.subject, c.old, c.new, c.because.code) for c in killed.store.changes()] == [
        (c.subject, c.old, c.new, c.because.code) for c in whole.store.changes()
    ]
    before = killed.store.changes()
    assert killed.catch_up() is None and killed.store.changes() == before


def test_a_time_that_no_prometheus_remembers_stays_unknown() -> None:
    script = Remembered()
    script.quiet_start()
    script.wiped = [(center.id, 100.0, 400.0) for center in script.small.estate.centers]
    script.away(700.0)
    line = script.line(APP, 0.0, 690.0)
    assert 280.0 <= seconds(line, Availability.UNKNOWN) <= 300.0
    assert seconds(line, Availability.DOWN) == 0.0


def test_of_a_long_absence_the_end_is_judged_and_the_rest_filled_beneath(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backfill, "MOST", 600.0)
    script = Remembered()
    script.quiet_start()
    script.stop_watch()
    script.run(600.0)
    stop_app(script.world)
    script.run(900.0)
    script.world.heal()
    script.run(1800.0)
    script.start_watch()
    caught = script.catch_up()
    assert caught is not None and caught.start - START == 1200.0
    assert seconds(script.line(APP, 600.0, 900.0), Availability.UNKNOWN) == 300.0
    assert script.fill_all() > 0 and script.fill_all() == 0
    line = script.line(APP, 300.0, 1700.0)
    assert seconds(line, Availability.UNKNOWN) < 2 * PIECE and 280.0 <= seconds(line, Availability.DOWN) <= 310.0


def test_a_center_that_was_cut_off_tells_afterwards_how_it_fared() -> None:
    script = Remembered()
    script.quiet_start()
    script.run(300.0)
    script.world.isolate("dr")
    script.run(700.0)
    about = "component:marriage/app@dr"
    script.world.stopped.add("marriage/app@dr")
    script.run(1000.0)
    script.world.heal()
    assert seconds(script.line(about, 330.0, 990.0), Availability.UP, Availability.DOWN) == 0.0
    script.run(1300.0)
    before = script.store.changes()
    assert script.fill_all() > 0
    line = script.line(about, 400.0, 990.0)
    assert 280.0 <= seconds(line, Availability.DOWN) <= 300.0
    assert 290.0 <= seconds(line, Availability.UP) <= 310.0
    assert script.store.changes() == before, "what was judged at the time stands"


def test_what_users_could_not_reach_was_down_whatever_is_learnt_later() -> None:
    script = Remembered()
    script.quiet_start()
    script.world.isolate("dr")
    script.run(400.0)
    script.world.heal()
    script.run(700.0)
    before = script.line("center:dr", 60.0, 700.0)
    assert seconds(before, Availability.DOWN) > 300.0
    script.fill_all()
    assert script.line("center:dr", 60.0, 700.0) == before


def test_a_center_that_cannot_be_asked_is_waited_for_only_once() -> None:
    script = Remembered()
    script.quiet_start()
    asked: list[str] = []
    read = script.read

    def counted(center: Center, start: float, end: float) -> History:
        asked.append(center.id)
        return read(center, start, end)

    script.read = counted  # type: ignore[method-assign]
    script.away(1000.0, lambda world: world.isolate("dr"))
    assert asked.count("dr") == 1 and asked.count("cloud") > 2


def test_while_a_center_cannot_be_asked_its_pieces_wait() -> None:
    script = Remembered()
    script.quiet_start()
    script.world.isolate("dr")
    script.run(700.0)
    assert script.fill_all() > 0
    waiting = script.fill_all()
    assert waiting > 0, "the center is still cut off, so nothing is settled"
    script.world.heal()
    script.run(1100.0)
    assert script.fill_all() >= waiting
    assert script.fill_all() == 0
