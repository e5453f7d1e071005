"""What the engine puts on record becomes a drill record; what others wrote never breaks it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failover import chain, verify_bundle
from failover.evidence import seal
from failover.findings import findings
from failover.records import Kind, State
from failover.retell import drill_record, planned, words
from failover.run_folder import RunFolder
from failover.verify_bundle import verify
from tests.fakes.drill_runs import APPROVER, COMMANDER, STARTER, Stage, Story, plan
from tests.golden.drills import sample
from tests.golden.drills.journal import Script, small


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A whole switchover by the real engine in simulated centers."""
    stage = Stage(tmp_path_factory.mktemp("run"), Story(plan()))
    stage.approve()
    assert stage.play()
    return stage.folder


def test_a_run_of_the_engine_is_retold(played: RunFolder) -> None:
    found = chain.check(played.journal.read_bytes().splitlines(keepends=True))
    record = drill_record(found.records, plan().plan, None)
    assert (record.plan, record.drill, record.state) == ("switchover-metro", "switchover", State.COMPLETED)
    assert (record.started_by, record.source, record.target) == (STARTER, "cloud", "bigdata")
    assert {step.outcome for step in record.steps} <= {"done", "skipped"}
    assert all(step.took is not None and step.took >= 0 for step in record.steps if step.outcome == "done")
    assert [one.by for one in record.approvals] == [APPROVER]
    assert {answer.by for answer in record.answers} == {COMMANDER}
    assert all(gate.result == "pass" for gate in record.gates) and len(record.gates) == len(plan().plan.gates)
    assert record.decided is not None
    assert record.ended is not None and record.ended > record.began
    assert {one.result for one in record.invariants} == {"pass"}
    assert [one.code for one in findings(record)] == ["meters-none"]


def test_the_engines_chain_and_the_lone_verifier_follow_the_same_rules(played: RunFolder) -> None:
    data = played.journal.read_bytes()
    ours, theirs = verify_bundle.chain(data), chain.check(data.splitlines(keepends=True))
    assert (ours.problem, theirs.broken) == ("", "")
    assert (len(ours.records), ours.head) == (len(theirs.records), theirs.head)
    seal(played)
    assert verify(played.folder)[1] == []


@pytest.mark.parametrize("alg", ["sm3", "sha256"])
def test_both_name_the_same_first_bad_record(alg: str) -> None:
    text = small(alg).text()
    for place in range(0, len(text), 7):
        flipped = bytearray(text)
        flipped[place] ^= 0x01
        lines = bytes(flipped).splitlines(keepends=True) if b"\r" not in flipped else [bytes(flipped)]
        ours, theirs = verify_bundle.chain(bytes(flipped)), chain.check(lines)
        assert ours.problem and theirs.broken, place
        assert len(ours.records) == len(theirs.records), place


# What stands in it.


def test_a_good_run_has_its_people_gates_steps_and_times() -> None:
    record, _ = sample.good()
    assert (record.version, record.klass, record.owner) == (3, "switchover", "wang-wei")
    assert [step.outcome for step in record.steps] == ["done"] * len(sample.STEPS)
    fence = next(step for step in record.steps if step.id == "fence")
    assert fence.took == pytest.approx(0.33)
    assert record.wall(record.began) == record.began_wall
    assert [answer.what for answer in record.answers] == ["confirm", "commit"]
    assert record.answers[0].question.zh == "各项业务是否正常？"


def test_planned_times_follow_the_graph() -> None:
    begins = planned(sample.plan())
    assert begins["lag-gate"] == 0
    assert begins["fence"] == 4
    assert begins["business"] == begins["rejoin"] == pytest.approx(5.9)
    assert begins["confirm"] == pytest.approx(25.9)


def test_an_override_stands_with_its_gate() -> None:
    record, _ = sample.lossy()
    gate = next(gate for gate in record.gates if gate.gate == "lag-within-rpo")
    assert (gate.result, gate.overridden_by) == ("unknown", "wang-wei")


def test_undone_steps_say_so() -> None:
    record, _ = sample.rolled_back()
    undone = {step.id: step.undone for step in record.steps if step.undone}
    assert undone == {"fence": "done", "catch-up": "done", "clear-sync": "done"}
    assert {step.id: step.outcome for step in record.steps}["point"] == ""


def test_a_run_without_end_is_not_ended() -> None:
    script = sample.good_script()
    script.lines.pop()
    record = drill_record(script.records(), sample.plan(), None)
    assert record.ended is None
    assert record.state is State.COMMIT_WAIT
    assert "run-open" in {one.code for one in findings(record)}


def test_without_its_plan_a_run_is_told_by_the_names_of_its_steps() -> None:
    record = drill_record(sample.good_script().records(), None, None)
    assert [step.id for step in record.steps] == [one[0] for one in sample.STEPS]
    assert all(step.estimate is None and step.planned is None for step in record.steps)


def test_a_restart_of_the_desk_joins_its_times_by_wall_clock() -> None:
    script = small()
    for line in script.lines[2:]:
        line["boot_id"], line["mono_ns"] = "another", line["mono_ns"] - 4_000_000_000_000
    record = drill_record(script.records(), None, None)
    assert record.rebooted
    assert record.ended is not None
    assert (record.ended - record.began) / 1e9 == pytest.approx(3.0)


def test_what_does_not_begin_with_an_opening_is_no_run() -> None:
    script = Script("x")
    script.at(0, Kind.STATE, {"state": "running"})
    with pytest.raises(ValueError, match="opens"):
        drill_record(script.records(), None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLAN = sample.plan()
KEYS = (
    *("plan", "people", "versions", "steps", "gate", "by", "reason", "because", "role", "step", "part", "attempt"),
    *("outcome", "rule", "after", "result", "what", "state", "question", "vantages", "condition", "plan_version"),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(list(Kind)), st.dictionaries(st.sampled_from(KEYS), JSON)), max_size=8))
def test_no_payload_breaks_it(payloads: list[tuple[Kind, dict[str, object]]]) -> None:
    script = small()
    for number, (kind, payload) in enumerate(payloads):
        script.at(4 + number, kind, payload)
    for known in (None, PLAN):
        record = drill_record(script.records(), known, None)
        assert record.records == 4 + len(payloads)
        assert all(len(one.id) == 10 for one in findings(record))


def test_reasons_come_in_both_languages_as_codes_or_as_text() -> None:
    assert words({"zh": "好", "en": "good"}).zh == "好"
    assert words({"code": "none-lost", "facts": {"n": 3}}).facts == {"n": "3"}
    assert words("none-lost").code == "none-lost"
    assert words("pg_ctl: no answer").code == ""
    assert not words(None)
    assert not words(["x"])
    assert len(words("x" * 100_000).zh) == 2000
