"""Verdicts: a pass and a fail each need the whole interval; all else is inconclusive, with its reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from failover.measured import Interval, Outage, Verdict, Writes
from failover.meter.judge import judge
from failover.plan import Objectives

PASS, FAIL, OPEN = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def outage(vantage: str, rto: Interval | None, stream: str = "fresh", sent: int = 100, *notes: str) -> Outage:
    return Outage(vantage, stream, sent, 0, 0.1, 0.9, rto, 1.0, notes=notes)


def three(*rtos: Interval | None, notes: tuple[str, ...] = ()) -> list[Outage]:
    return [outage(f"v{at}", rto, "fresh", 100, *notes) for at, rto in enumerate(rtos)]


def objectives(rto: float = 30.0, rpo: float = 0.0, doo: float | None = None, nro: float | None = None) -> Objectives:
    return Objectives.model_construct(rto=rto, rpo=rpo, doo=doo, nro=nro)


SHORT, ACROSS, LONG, ENDLESS = Interval(2, 4), Interval(29, 31), Interval(31, 33), Interval(1, None)


@pytest.mark.parametrize(
    ("outages", "verdict", "because"),
    [
        (three(SHORT, SHORT, SHORT), PASS, "within-target"),
        (three(SHORT, None, None), PASS, "within-target"),
        (three(None, None, None), PASS, "no-outage-seen"),
        (three(SHORT, SHORT, LONG), FAIL, "longer-than-target"),  # the worst vantage decides
        (three(SHORT, ACROSS, SHORT), OPEN, "interval-holds-target"),
        (three(SHORT, ENDLESS, SHORT), OPEN, "no-end-seen"),
        (three(SHORT, ENDLESS, LONG), FAIL, "longer-than-target"),
        (three(SHORT, SHORT), OPEN, "too-few-vantages"),
        (three(SHORT, SHORT, SHORT, notes=("cut-short",)), OPEN, "half-blind"),
        (three(SHORT, SHORT, SHORT, notes=("clock-jump",)), OPEN, "half-blind"),
        ([], OPEN, "not-measured"),
        ([outage("v", None, sent=0)], OPEN, "not-measured"),
    ],
)
def test_the_recovery_time(outages: list[Outage], verdict: Verdict, because: str) -> None:
    found = judge(objectives(), outages, [], [])[0]
    assert (found.objective, found.verdict, found.because) == ("rto", verdict, because)


def test_no_outage_seen_counts_as_the_probes_are_coarse() -> None:
    found = judge(objectives(rto=0.5), three(None, None, None), [], [])[0]
    assert (found.measured, found.verdict, found.because) == (Interval(0.0, 1.0), OPEN, "interval-holds-target")


def written(**more: object) -> Writes:
    words: dict[str, object] = {"acked": 100, "rejected": 0, "unknown": 0, "kept": 100, "period": 0.2, **more}
    return Writes("database", "dr-ops", **words)  # type: ignore[arg-type]


def lost(low: float, high: float | None) -> Writes:
    return written(lost=(99, 100), kept=98, rpo=Interval(low, high))


@pytest.mark.parametrize(
    ("rpo", "writes", "verdict", "because"),
    [
        (0.0, [written()], PASS, "none-lost"),
        (0.0, [written(unknown=5, dropped=5)], PASS, "none-lost"),  # what was never acknowledged cannot be lost
        (0.0, [lost(0.0, 0.4)], FAIL, "lost-more-than-target"),
        (5.0, [lost(1.0, 2.0)], PASS, "within-target"),
        (5.0, [lost(4.0, 6.0)], OPEN, "interval-holds-target"),
        (5.0, [lost(4.0, None)], OPEN, "interval-holds-target"),
        (5.0, [lost(6.0, 7.0)], FAIL, "lost-more-than-target"),
        (5.0, [written(), lost(6.0, 7.0)], FAIL, "lost-more-than-target"),
        (0.0, [], OPEN, "nothing-acknowledged"),
        (0.0, [written(acked=0, kept=0)], OPEN, "nothing-acknowledged"),
        (0.0, [written(read_back=False, kept=0)], OPEN, "not-read-back"),
        (5.0, [written(), written(read_back=False, kept=0)], OPEN, "not-read-back"),
        (5.0, [written(acked_after_fence=1)], FAIL, "old-writer-acknowledged"),
        (5.0, [written(holes=(3,), lost=(3,), rpo=Interval(0, 1))], FAIL, "lost-out-of-order"),
        (5.0, [written(phantom=(3,))], FAIL, "refused-but-there"),
    ],
)
def test_the_loss(rpo: float, writes: list[Writes], verdict: Verdict, because: str) -> None:
    found = judge(objectives(rpo=rpo), [], [], writes)[1]
    assert (found.objective, found.verdict, found.because) == ("rpo", verdict, because)


def test_none_lost_is_measured_as_fine_as_the_writes() -> None:
    assert judge(objectives(), [], [], [written()])[1].measured == Interval(0.0, 0.2)


def test_degraded_operation_is_reading_and_the_network_is_any_answer() -> None:
    outages = [*three(SHORT, SHORT, SHORT), *(outage(f"v{at}", LONG, "write:database") for at in range(3))]
    found = {one.objective: one for one in judge(objectives(doo=10, nro=10), outages, three(None, None, None), [])}
    assert found["rto"].verdict is FAIL
    assert (found["doo"].verdict, found["doo"].measured) == (PASS, SHORT)
    assert found["nro"].because == "no-outage-seen"
    assert set(found) == {"rto", "rpo", "doo", "nro"}


def envelopes(**more: object) -> Writes:
    return replace(written(**more), channel="exchange", vantage="provinces", exchange=True)


GONE = {"lost": (99, 100), "kept": 98, "rpo": Interval(6.0, 7.0)}


@pytest.mark.parametrize(
    ("rpo_of", "writes", "verdicts"),
    [
        ({}, [written(), envelopes(**GONE)], {"rpo": (PASS, "none-lost")}),  # told, not judged
        ({}, [envelopes()], {"rpo": (OPEN, "nothing-acknowledged")}),  # envelopes say nothing of databases
        (
            {"exchange": 5.0},
            [written(), envelopes(**GONE)],
            {"rpo": (PASS, "none-lost"), "rpo:exchange": (FAIL, "lost-more-than-target")},
        ),
        (
            {"exchange": 60.0},
            [written(**GONE), envelopes(**GONE)],
            {"rpo": (FAIL, "lost-more-than-target"), "rpo:exchange": (PASS, "within-target")},
        ),
        (
            {"exchange": 0.0},
            [written()],
            {"rpo": (PASS, "none-lost"), "rpo:exchange": (OPEN, "nothing-acknowledged")},
        ),
        (
            {"exchange": 0.0},
            [written(), envelopes(read_back=False, kept=0)],
            {"rpo": (PASS, "none-lost"), "rpo:exchange": (OPEN, "not-read-back")},
        ),
    ],
)
def test_a_channel_has_an_objective_of_its_own(
    rpo_of: dict[str, float], writes: list[Writes], verdicts: dict[str, tuple[Verdict, str]]
) -> None:
    told = judge(Objectives.model_construct(rto=30.0, rpo=0.0, rpo_of=rpo_of), [], [], writes)
    assert {one.objective: (one.verdict, one.because) for one in told if one.objective != "rto"} == verdicts
