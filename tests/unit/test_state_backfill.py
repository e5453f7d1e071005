"""Filling a gap from a real Prometheus with a written past, killed at any moment and started again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from checks import history
from checks.result import Result
from inventory.model import Center
from state.backfill import RECORD, fill, filled
from state.store import Store
from state.verdict import Availability
from tests.fakes.catching_up import at_one_prometheus
from tests.fakes.prometheus_server import PrometheusServer, series, status
from tests.fakes.real_prometheus import PROMETHEUS, openmetrics, prometheus
from tests.scenarios import world
from tests.scenarios.world import Script

needs_prometheus = pytest.mark.skipif(PROMETHEUS is None, reason="no prometheus here (Debian: prometheus)")
AWAY = 60.0, 420.0  #: seconds of the script in which the watch is away
APP = "component:marriage/app@cloud"


@dataclass(frozen=True)
class Past:
    url: str
    began: float  #: Unix time at which the script starts
    store: Path  #: as the watch left it
    results: list[Result]

    @property
    def now(self) -> float:
        return self.began + AWAY[1]


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    """A quarter of an hour ago a watch stopped, then an application; Prometheus saw it all."""
    folder = tmp_path_factory.mktemp("prometheus")
    began = float(int(time.time()) - 1200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(world, "START", began)
        script = Script()
        script.store = Store.open(f"sqlite:///{folder}/state.sqlite")
        script.start_watch()
        told: list[Result] = []
        for second in range(1, int(AWAY[1]) + 1):
            if second == AWAY[0] + 1:
                script.stop_watch()
            if second == 120:
                script.world.stopped.add("marriage/app@cloud")
            script.run(float(second))
            told += [result for result in script._latest.values() if result.at == began + second]
        script.store.close()
    with prometheus(folder, openmetrics(told, 5.0, began + AWAY[1])) as url:
        yield Past(url, began, folder / "state.sqlite", told)


def copied(past: Past, folder: Path) -> str:
    file = folder / "state.sqlite"
    shutil.copy(past.store, file)
    return f"sqlite:///{file}"


def start(past: Past, store: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.fakes.catching_up", past.url, store, str(past.now)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def told(store: str) -> list[tuple[str, str, str, str]]:
    kept = Store.open(store)
    changes = [(c.subject, c.old.value, c.new.value, c.because.code) for c in kept.changes()]
    kept.close()
    return changes


def wait_for_progress(store: str, last: float) -> float:
    """Until the store says that the watch was there later than ``last``; gives that moment."""
    kept, limit = Store.open(store), time.monotonic() + 60
    while time.monotonic() < limit:
        ended = max(ended for _, ended in kept.watched())
        if ended > last:
            kept.close()
            return ended
        time.sleep(0.001)
    raise AssertionError("no progress")


@needs_prometheus
def test_prometheus_gives_back_every_answer_once_and_nothing_else(past: Past) -> None:
    center = at_one_prometheus(past.url).centers[0]
    found = history.read(center, past.began + 100, past.began + 200, now=time.time, timeout=20.0)
    assert found.answered
    expected = {(one.check, one.at, one.status) for one in past.results if one.vantage == "cloud"}
    got = [(one.check, one.at, one.status) for one in found.results]
    assert len(got) == len(set(got)) and set(got) <= expected
    inside = {one for one in expected if past.began + 100 <= one[1] <= past.began + 199}
    assert inside <= set(got)


@needs_prometheus
def test_a_watch_that_is_killed_again_and_again_ends_with_what_it_would_have_found_at_once(
    past: Past, tmp_path: Path
) -> None:
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    whole, killed = copied(past, tmp_path / "whole"), copied(past, tmp_path / "killed")
    done = start(past, whole)
    out, err = done.communicate(timeout=120)
    assert done.returncode == 0, err
    assert "changes" in out
    assert (APP, "ok", "down") in [change[:3] for change in told(whole)]
    progress = [past.began + AWAY[0]]
    for _ in range(4):
        victim = start(past, killed)
        progress.append(wait_for_progress(killed, progress[-1]))
        victim.kill()
        victim.communicate(timeout=60)
        assert victim.returncode == -9
    assert progress[-1] < past.now, "killed in the middle, each time further on"
    last = start(past, killed)
    _, err = last.communicate(timeout=120)
    assert last.returncode == 0, err
    assert told(killed) == told(whole)


@needs_prometheus
def test_a_piece_is_filled_again_without_doubling_and_an_empty_past_stays_unknown(past: Past, tmp_path: Path) -> None:
    estate = at_one_prometheus(past.url)
    store = Store.open(f"sqlite:///{tmp_path}/state.sqlite")
    read = partial(history.read, now=time.time, timeout=20.0)
    from tests.scenarios.estate import checks

    first = past.began // 300 * 300
    pieces = [(first + n * 300.0, first + n * 300.0 + 300.0) for n in range(2)]
    for piece in pieces:
        fill(store, estate, checks(estate), read, piece, past.now)
    before = filled(store, first, first + 600)
    kinds = {part.kind for part in before[APP]}
    assert kinds == {Availability.UP, Availability.DOWN}
    for piece in pieces:
        fill(store, estate, checks(estate), read, piece, past.now + 1)
    assert filled(store, first, first + 600) == before
    long_ago = first - 86400.0
    kept = fill(store, estate, checks(estate), read, (long_ago, long_ago + 300.0), past.now)
    assert kept["parts"] == [] and kept["missing"] == [] and set(kept["centers"].values()) == {"0 answers"}
    assert len(store.records(RECORD)) == 3
    store.close()


def center(url: str | None) -> Center:
    return at_one_prometheus("http://x").centers[0].model_copy(update={"prometheus": url})


def asked(url: str | None, now: float = 1000.0) -> history.History:
    return history.read(center(url), 0.0, 100.0, now=lambda: now, timeout=2.0)


def test_a_center_whose_clock_is_not_ours_is_not_merged() -> None:
    with PrometheusServer(query=series(({}, "1030"))) as server:
        found = asked(server.url)
    assert not found.answered and "+30 s off" in found.sentence


@pytest.mark.parametrize(
    "answer",
    [
        b'{"status":"success","data":{"result":[{"metric":{"__name__":"tricenter_check_status"}}]}}',
        b'{"status":"success","data":{"result":[{"metric":null,"values":[]}]}}',
        b'{"status":"success","data":{"result":7}}',
        b'{"status":"success","data":{"result":[{"metric":{"__name__":"x","check":"a","vantage":"cloud"},"values":[["a"]]}]}}',
        b"<html>",
    ],
)
def test_whatever_answers_instead_of_prometheus_is_no_past(answer: bytes) -> None:
    with PrometheusServer(query=status(200, answer)) as server:
        found = asked(server.url)
    assert not found.answered and not found.results and found.sentence


def test_a_past_that_is_warned_to_be_partial_is_asked_for_again_later() -> None:
    with PrometheusServer(query=series(({}, "1000"), warnings=["a store is away"])) as server:
        found = asked(server.url)
    assert not found.answered
    assert asked(None) == history.History(False, "the estate names no Prometheus for it")
