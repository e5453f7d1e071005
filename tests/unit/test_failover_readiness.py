"""Readiness: what is known without touching anything, what past runs have shown, and every reason against it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from checks.result import Result, Status
from failover.concrete import ConcretePlan
from failover.content import content_hash
from failover.findings import register
from failover.lint import ours
from failover.measured import Interval, Verdict
from failover.plan_load import PlanFile
from failover.readiness import LONGEST_VALID, Readiness, Run, Standing, concerns, readiness, waited
from failover.readiness_gates import FRESH, Known, newest
from failover.readiness_words import TEXTS, say
from failover.seen import Passed
from inventory import subject
from inventory.model import Estate, Owner
from state.verdict import Fault, Reason
from state.verdict import Verdict as Judgement
from tests.fakes.drill_runs import plan as bound_plan
from tests.fakes.lab_estate import lab_estate
from tests.golden.drills import sample

NOW = 1_800_000_000.0
DAY = 86400.0
CONTENT = "c0ffee"


@pytest.fixture(scope="module")
def estate() -> Estate:
    return lab_estate()


@pytest.fixture(scope="module")
def file() -> PlanFile:
    return ours()["switchover-metro"]


@pytest.fixture(scope="module")
def bound() -> ConcretePlan:
    return bound_plan()


def verdict(about: str, status: Status) -> Judgement:
    return Judgement(about, status, Fault.NONE, Reason("x"), NOW - 60, NOW - 1)


def database(host: str, **evidence: str | float) -> Result:
    return Result(f"db/{host}", "cloud", Status.OK, "", NOW - 5, 0.01, evidence=evidence)


def known(bound: ConcretePlan, **changed: object) -> Known:
    """The watch runs, all hosts are up, one writer with a synchronous copy."""
    primary: dict[str, str | float] = {
        "role": "primary",
        "standbys": f"{bound.new_writer} streaming sync",
        "lag_bytes": 0.0,
    }
    databases = {call.host: database(call.host, role="standby") for call in bound.writers}
    databases[bound.old_writer] = database(bound.old_writer, **primary)
    hosts = {subject.host(host): verdict(subject.host(host), Status.OK) for host in bound.hosts}
    told = Known(NOW, NOW - 2, hosts, databases, ())
    return replace(told, **changed)  # type: ignore[arg-type]


def good_run(file: PlanFile, bound: ConcretePlan, estate: Estate) -> Run:
    """A full run of this plan, in this estate, with these programs, ten days ago."""
    record = replace(
        sample.good()[0],
        run="20260101T000000Z-good-0000",
        plan=file.plan.plan,
        version=file.plan.version,
        plan_digest=file.digest,
        estate_digest=estate.digest,
        owner=file.plan.owner.person,
        versions={"content": CONTENT},
        began_wall=NOW - 10 * DAY,
    )
    return Run(record, bound.hosts)


def one(
    file: PlanFile, estate: Estate, runs: list[Run], seen: Known, content: str = CONTENT, findings: bool = False
) -> Readiness:
    found = register(run.record for run in runs) if findings else ()
    (told,) = readiness([file], estate, runs, seen, found, content)
    return told


def codes(reasons: tuple[Reason, ...]) -> list[str]:
    return [reason.code for reason in reasons]


# Verified, and what ends it.


def test_a_full_run_that_met_every_target_verifies_the_plan(
    file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    told = one(file, estate, [good_run(file, bound, estate)], known(bound))
    assert told.standing is Standing.VERIFIED
    assert told.why == ()
    assert (told.rto.source, told.rto.worst, told.rto.runs) == ("measured", Interval(0.88, 1.19), 1)
    assert (told.rpo.source, told.rpo.worst) == ("measured", Interval(0.0, 0.0))


def test_a_plan_that_was_never_run_in_full_is_never_verified(
    file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    talked = replace(sample.tabletop()[0], plan=file.plan.plan)
    rehearsed = replace(good_run(file, bound, estate).record, drill="rehearsal")
    refused = replace(sample.refused()[0], plan=file.plan.plan)
    for runs in ([], [Run(talked)], [Run(rehearsed)], [Run(refused)], [Run(sample.good()[0], bound.hosts)]):
        told = one(file, estate, runs, known(bound))
        assert told.standing is Standing.NEVER
        assert codes(told.why) == ["ready.never_run"]
        assert told.rto.source == "estimated"
        assert told.rto.worst == Interval(0.0, waited(file))
        assert told.rpo.source == "promised"


Change = Callable[[Run, PlanFile], Run]


def aged(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, began_wall=NOW - LONGEST_VALID - DAY))


def from_the_future(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, began_wall=NOW + DAY))


def other_plan_file(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, plan_digest="0" * 64))


def other_estate(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, estate_digest="0" * 64))


def renamed_host(run: Run, _: PlanFile) -> Run:
    return replace(run, hosts=("cloud-db-old", *run.hosts[1:]))


def no_hosts(run: Run, _: PlanFile) -> Run:
    return replace(run, hosts=())


def other_programs(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, versions={"content": "other"}))


def unrecorded_programs(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, versions={}))


def other_owner(run: Run, _: PlanFile) -> Run:
    return replace(run, record=replace(run.record, owner="somebody who left"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (aged, "ready.aged"),
        (from_the_future, "ready.from_the_future"),
        (other_plan_file, "ready.plan_changed"),
        (other_estate, "ready.estate_changed"),
        (renamed_host, "ready.hosts_changed"),
        (no_hosts, "ready.hosts_unrecorded"),
        (other_programs, "ready.content_changed"),
        (unrecorded_programs, "ready.content_unrecorded"),
        (other_owner, "ready.owner_changed"),
    ],
)
def test_what_is_no_longer_as_it_was_needs_verification(
    change: Change, code: str, file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    told = one(file, estate, [change(good_run(file, bound, estate), file)], known(bound))
    assert told.standing is Standing.NEEDS
    assert codes(told.why) == [code]


def test_all_reasons_are_given_at_once(file: PlanFile, bound: ConcretePlan, estate: Estate) -> None:
    run = good_run(file, bound, estate)
    for change in (aged, other_plan_file, other_estate, renamed_host, other_programs, other_owner):
        run = change(run, file)
    assert len(one(file, estate, [run], known(bound)).why) == 6


def test_a_later_run_that_failed_counts_for_more_than_the_one_that_passed(
    file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    good = good_run(file, bound, estate)
    bad = replace(
        good.record,
        run="20260102T000000Z-bad-0000",
        began_wall=NOW - DAY,
        measured=sample.lossy()[0].measured,
    )
    told = one(file, estate, [Run(bad, bound.hosts), good], known(bound), findings=True)
    assert codes(told.why) == ["ready.failed_since", "ready.findings"]
    assert told.rto.worst == Interval(34.6, 35.1)
    assert told.rpo.worst == Interval(0.31, 0.52)
    only_bad = one(file, estate, [Run(bad, bound.hosts)], known(bound))
    assert (only_bad.standing, codes(only_bad.why)) == (Standing.NEEDS, ["ready.never_met"])


def test_a_plan_without_an_owner_is_not_verified(file: PlanFile, bound: ConcretePlan, estate: Estate) -> None:
    nobody = Owner(unit=file.plan.owner.unit, person="")
    orphan = replace(file, plan=file.plan.model_copy(update={"owner": nobody}))
    told = one(orphan, estate, [good_run(file, bound, estate)], known(bound))
    assert codes(told.why) == ["ready.no_owner"]


# The gates, as far as the watch knows.


def gates(told: Readiness) -> Mapping[str, Passed]:
    return {gate.gate: gate.result for gate in told.gates}


def test_what_the_watch_knows_is_judged_and_what_only_hosts_could_say_stays_unknown(
    file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    told = one(file, estate, [], known(bound))
    assert {gate: result for gate, result in gates(told).items() if result is Passed.PASS}.keys() == {
        *("hosts-answer", "one-writer", "replication-sync", "lag-within-rpo"),
        *("no-other-run", "guard-period", "probes-fine-enough"),
    }
    assert {gate for gate, result in gates(told).items() if result is Passed.UNKNOWN} == {
        *("entries-serve", "survivor-capacity", "disk-free", "clocks-agree"),
    }
    assert told.would is Passed.UNKNOWN
    assert set(codes(told.stops)) == {"ready.not_asked"}


def test_what_the_last_run_found_is_told_and_does_not_make_it_known(
    file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    told = one(file, estate, [good_run(file, bound, estate)], known(bound))
    capacity = next(gate for gate in told.gates if gate.gate == "survivor-capacity")
    assert (capacity.result, capacity.because.code) == (Passed.UNKNOWN, "ready.asked_last")


@pytest.mark.parametrize("watched_at", [None, NOW - FRESH - 1, NOW + 100])
def test_without_a_watch_that_speaks_of_now_nothing_of_the_estate_is_known(
    watched_at: float | None, file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    told = one(file, estate, [], known(bound, watched_at=watched_at))
    for gate in ("hosts-answer", "one-writer", "replication-sync", "lag-within-rpo"):
        assert gates(told)[gate] is Passed.UNKNOWN


def test_a_host_that_is_down_stops_it(file: PlanFile, bound: ConcretePlan, estate: Estate) -> None:
    about = subject.host(bound.new_writer)
    seen = known(bound)
    told = one(file, estate, [], replace(seen, verdicts={**seen.verdicts, about: verdict(about, Status.DOWN)}))
    assert told.would is Passed.FAIL
    assert codes(told.stops) == ["ready.hosts_down"]


@pytest.mark.parametrize(
    ("evidence", "sync", "lag"),
    [
        ({"standbys": "{} streaming sync", "lag_bytes": 0.0}, Passed.PASS, Passed.PASS),
        ({"standbys": "{} streaming async", "lag_bytes": 900.0, "lag_seconds": 2.0}, Passed.FAIL, Passed.PASS),
        ({"standbys": "{} catchup sync", "lag_bytes": 9e9, "lag_seconds": 90.0}, Passed.FAIL, Passed.FAIL),
        ({"standbys": "{} streaming sync, x streaming async", "lag_seconds": 90.0}, Passed.PASS, Passed.UNKNOWN),
        ({"standbys": "another streaming sync", "lag_bytes": 0.0}, Passed.UNKNOWN, Passed.UNKNOWN),
        ({"standbys": "none"}, Passed.UNKNOWN, Passed.UNKNOWN),
        ({"standbys": "{} streaming sync"}, Passed.PASS, Passed.UNKNOWN),
    ],
)
def test_replication_is_judged_by_the_primarys_own_words(
    evidence: dict[str, str | float],
    sync: Passed,
    lag: Passed,
    file: PlanFile,
    bound: ConcretePlan,
    estate: Estate,
) -> None:
    words = {key: text.format(bound.new_writer) if isinstance(text, str) else text for key, text in evidence.items()}
    seen = known(bound)
    databases = {**seen.databases, bound.old_writer: database(bound.old_writer, role="primary", **words)}
    told = gates(one(file, estate, [], replace(seen, databases=databases)))
    assert (told["replication-sync"], told["lag-within-rpo"]) == (sync, lag)


def test_two_writers_another_writer_and_a_silent_database(file: PlanFile, bound: ConcretePlan, estate: Estate) -> None:
    seen = known(bound)

    def writer(**roles: Result | None) -> tuple[Passed, str]:
        named = {"old": bound.old_writer, "new": bound.new_writer}
        databases = {**seen.databases, **{named[key]: value for key, value in roles.items() if value}}
        for key, value in roles.items():
            if value is None:
                del databases[named[key]]
        told = one(file, estate, [], replace(seen, databases=databases))
        gate = next(gate for gate in told.gates if gate.gate == "one-writer")
        return gate.result, gate.because.code

    primary, standby = (database(bound.new_writer, role=role) for role in ("primary", "standby"))
    assert writer(new=primary) == (Passed.FAIL, "gate.two_writers")
    assert writer(new=primary, old=standby) == (Passed.FAIL, "gate.other_writer")
    assert writer(new=None) == (Passed.UNKNOWN, "gate.silent_databases")
    stale = replace(standby, at=NOW - FRESH - 1)
    assert writer(new=stale) == (Passed.UNKNOWN, "gate.silent_databases")


def test_a_run_under_way_stops_every_other(file: PlanFile, bound: ConcretePlan, estate: Estate) -> None:
    assert gates(one(file, estate, [], known(bound, open_runs=("x",))))["no-other-run"] is Passed.FAIL
    assert gates(one(file, estate, [], known(bound, open_runs=None)))["no-other-run"] is Passed.UNKNOWN


def test_a_plan_that_does_not_fit_the_estate_would_not_begin(
    file: PlanFile, bound: ConcretePlan, estate: Estate
) -> None:
    keyless = tuple(
        host.model_copy(update={"ssh": host.ssh.model_copy(update={"host_key": None})}) for host in estate.hosts
    )
    told = one(file, estate.model_copy(update={"hosts": keyless}), [], known(bound))
    assert told.would is Passed.FAIL
    assert "bind.no_key" in codes(told.stops)
    assert told.rto.source == "estimated"


def test_the_newest_answer_of_each_database_counts() -> None:
    old, new = (replace(database("a"), at=at) for at in (1.0, 2.0))
    assert newest([new, old, replace(old, check="other")], {"db/a": "a"}) == {"a": new}


def test_which_plans_speak_of_the_loss_of_a_center(estate: Estate, bound: ConcretePlan) -> None:
    roles = {center.id: str(center.role) for center in estate.centers}
    told = readiness(list(ours().values()), estate, [], known(bound))
    names = {center: {one.file.plan.plan for one in told if concerns(one, center, roles)} for center in roles}
    assert {"lost-production-metro", "lost-production-dr", "lost-city-dr", "switchover-metro"} <= names["cloud"]
    assert "dr-lost" in names["dr"]
    assert "dr-lost" not in names["cloud"]


def test_every_reason_is_said_in_both_languages() -> None:
    for code, texts in TEXTS.items():
        facts = dict.fromkeys(("gate", "run", "result", "hosts", "n", "host", "width", "rto", "role", "days"), "7")
        facts |= dict.fromkeys(("limit", "version", "before", "now", "ids"), "7")
        said = [say(Reason(code, facts), lang) for lang in ("zh", "en")]
        assert all("{" not in text for text in said)
        assert said[0] != said[1]
        assert len(texts) == 2


def test_the_hash_of_what_reaches_hosts_follows_every_program(tmp_path: Path) -> None:
    (tmp_path / "remote").mkdir()
    script = tmp_path / "remote" / "pg_fence.py"
    script.write_text("a")
    before = content_hash((tmp_path / "remote",))
    script.write_text("b")
    changed = content_hash((tmp_path / "remote",))
    script.rename(script.with_name("pg_other.py"))
    assert len({before, changed, content_hash((tmp_path / "remote",))}) == 3
    assert content_hash() == content_hash()


def test_a_run_that_broke_a_rule_verifies_nothing(file: PlanFile, bound: ConcretePlan, estate: Estate) -> None:
    good = good_run(file, bound, estate)
    broken = (replace(good.record.invariants[0], result="unknown"), *good.record.invariants[1:])
    told = one(file, estate, [replace(good, record=replace(good.record, invariants=broken))], known(bound))
    assert told.standing is Standing.NEEDS
    assert good.record.measured
    open_ = replace(good.record.measured.judged[0], verdict=Verdict.INCONCLUSIVE)
    measured = replace(good.record.measured, judged=(open_, *good.record.measured.judged[1:]))
    told = one(file, estate, [replace(good, record=replace(good.record, measured=measured))], known(bound))
    assert told.standing is Standing.NEEDS
