"""The engine in trouble: fences that lie or are lifted, partitions, late answers, full disks, lost locks, people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from failover import lock
from failover.actions import ACTIONS
from failover.concrete import Call
from failover.engine import Ended
from failover.engine_work import Choices
from failover.ports import Outcome, Reply
from failover.records import Kind, Record, State
from tests.fakes.drill_plans import BACK, UNPLANNED
from tests.fakes.drill_runs import APPROVER, COMMANDER, RUN, STARTER, Stage, Story, from_text, plan
from tests.fakes.three_centers import Centers, SimHands

SHORT = Choices(STARTER, stay=False, soak=1.0)
REAL = replace(SHORT, drill="real")
OLD, NEW, THIRD = "cloud-db", "bigdata-db", "dr-db"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Callable[[Story], Stage]]:
    def made(story: Story) -> Stage:
        stage = Stage(tmp_path, story)
        stage.approve()
        return stage

    yield made


#: the product's plan, with people who have less time
SWITCHOVER = plan("switchover-metro", ("timeout: 30m", "timeout: 20s"), ("confirm_within: 30m", "confirm_within: 20s"))


def switchover(world: Callable[[], Centers] = Centers, **more: object) -> Story:
    return Story(SWITCHOVER, world, **{"choices": SHORT, **more})  # type: ignore[arg-type]


def ended(stage: Stage, **choices: object) -> Ended:
    found = stage.play(**choices)  # type: ignore[arg-type]
    assert found is not None
    assert stage.world.dual() == []
    return found


def changed(stage: Stage) -> list[str]:
    """Actions that changed something, in their order; a write through an entry is only looked at."""
    acts = [call.action for _, _, call in stage.world.calls if ACTIONS[call.action].changes]
    return [action for action in acts if action != "write-through"]


def payloads(stage: Stage, kind: Kind) -> list[dict[str, object]]:
    return [dict(record.payload) for record in stage.told if record.kind is kind]


def world_with(**sabotage: Callable[[Call], Reply | None]) -> Callable[[], Centers]:
    def made() -> Centers:
        world = Centers()
        world.sabotage = {name.replace("_", "-"): does for name, does in sabotage.items()}
        return world

    return made


def once(reply: Reply) -> Callable[[Call], Reply | None]:
    """The first call is answered so; later ones are carried out."""
    left = [reply]
    return lambda _: left.pop() if left else None


# The outage path


def test_five_round_trips_lie_between_fence_and_traffic(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover())
    assert ended(played).state is State.COMPLETED
    calls = sorted(played.world.calls, key=lambda each: each[:2])
    fence = next(began for began, _, call in calls if call.action == "pg-fence")
    depth: list[tuple[float, int, str]] = []
    for began, end, call in calls:
        if began >= fence:
            before = max((deep for over, deep, _ in depth if over <= began + 1e-9), default=0)
            depth.append((end, before + 1, call.action))
    assert {deep for _, deep, action in depth if action == "entry-point"} == {5}
    waited = max(end for end, _, action in depth if action == "entry-point") - fence
    assert waited == pytest.approx(0.3 + 0.2 + 5 * 0.02, abs=1e-6)  # fence, promotion, and five ways there and back


# Fences


def test_a_fence_that_lies_is_found_before_the_promotion(stage: Callable[[Story], Stage]) -> None:
    lies = Reply(Outcome.DONE, facts={"lsn": 0, "timeline": 1, "system_id": "1"})
    played = stage(switchover(world_with(pg_fence=lambda _: lies)))
    assert ended(played).because == f"fence: pg-refused-write on {NEW}: {OLD} acknowledged a write"
    assert "pg-promote" not in changed(played)


def test_a_fence_that_is_lifted_after_its_proof_is_found_before_the_promotion(stage: Callable[[Story], Stage]) -> None:
    def world() -> Centers:
        made = Centers()
        made.after["pg-refused-write"] = lambda: setattr(made.servers[OLD], "fenced", False)
        return made

    played = stage(switchover(world))
    found = ended(played)
    assert found.state is State.PAUSED
    assert "fence-proved fail" in found.because
    assert "pg-promote" not in changed(played)


def isolated(world: Centers) -> Centers:
    """The writer lives and is cut off from everything but its own clients."""
    world.cut = {frozenset(("cloud", other)) for other in ("bigdata", "dr", "desk")}
    return world


def test_both_writers_alive_and_never_two_that_acknowledge(stage: Callable[[Story], Stage]) -> None:
    played = stage(Story(from_text(UNPLANNED), lambda: isolated(Centers()), choices=SHORT))
    assert ended(played).state is State.COMPLETED
    assert played.world.servers[OLD].serves == played.world.servers[NEW].serves == "primary"
    assert played.world.hung > 0, "the old writer's clients went on writing"
    assert {ack.server for ack in played.world.acks if ack.timeline > 1} == {NEW}
    assert played.world.acks[-1].server == NEW


def test_without_a_person_s_word_an_unreachable_writer_is_not_fenced(stage: Callable[[Story], Stage]) -> None:
    story = Story(from_text(UNPLANNED), lambda: isolated(Centers()), answers={"fence": "deny"}, choices=SHORT)
    played = stage(story)
    assert ended(played).state is State.PAUSED
    assert "pg-promote" not in changed(played)


def test_a_sabotaged_fence_in_a_partition_is_found_whatever_a_person_says(stage: Callable[[Story], Stage]) -> None:
    def world() -> Centers:
        made = world_with(pg_stop_receiving=lambda _: Reply(Outcome.DONE, facts={"lsn": 0}))()
        made.cut = {frozenset(("cloud", "desk"))}  # only the desk is blind: the copy goes on acknowledging
        return made

    played = stage(Story(from_text(UNPLANNED), world, choices=SHORT))
    assert f"{OLD} acknowledged a write" in ended(played).because
    assert payloads(played, Kind.ASKED) == [], "what is known to be wrong nobody is asked about"
    assert "pg-promote" not in changed(played)


# Promotions that answer late, or never


def test_a_promotion_that_happens_without_an_answer_is_settled_by_looking(stage: Callable[[Story], Stage]) -> None:
    def world() -> Centers:
        made = Centers()

        def silent(call: Call) -> Reply:
            made.sabotage.pop("pg-promote")
            made.carry_out(call, {}, 1.0)
            return Reply(Outcome.UNKNOWN, "no answer")

        made.sabotage["pg-promote"] = silent
        return made

    played = stage(switchover(world))
    assert ended(played).state is State.COMPLETED
    assert changed(played).count("pg-promote") == 1
    assert played.world.servers[NEW].promotions == 1


def test_a_promotion_that_nobody_can_tell_of_waits_for_a_person(stage: Callable[[Story], Stage]) -> None:
    def world() -> Centers:
        made = world_with(pg_promote=once(Reply(Outcome.UNKNOWN, "no answer")))()
        made.after["pg-promote"] = lambda: made.dead.add("bigdata")
        return made

    played = stage(switchover(world))
    assert ended(played).state is State.PAUSED
    assert [each["outcome"] for each in payloads(played, Kind.RESULT) if each["step"] == "promote"] == ["unknown"]
    played.world.dead.clear()
    played.people.say("resume")
    assert ended(played).state is State.COMPLETED
    assert played.world.servers[NEW].promotions == 1


# Refusals: nothing is touched


@pytest.mark.parametrize("result", ["fail", "unknown"])
def test_a_hard_gate_refuses(result: str, stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(gates={"replication-sync": result}))
    found = ended(played)
    assert (found.state, found.because) == (State.REFUSED, f"replication-sync {result}: as the test says")
    assert changed(played) == []


def test_a_soft_gate_does_not(stage: Callable[[Story], Stage]) -> None:
    assert ended(stage(switchover(gates={"survivor-capacity": "unknown"}))).state is State.COMPLETED


def test_only_the_real_thing_overrides_and_only_the_unknown(tmp_path: Path) -> None:
    reasons = {"replication-sync": "production has no power"}
    for name, result, drill, state in (
        ("drill", "unknown", "switchover", State.REFUSED),
        ("known", "fail", "real", State.REFUSED),
        ("real", "unknown", "real", State.COMPLETED),
    ):
        played = Stage(tmp_path / name, switchover(gates={"replication-sync": result}))
        played.approve()
        assert ended(played, drill=drill, overrides=reasons).state is state
        overrides = payloads(played, Kind.OVERRIDE)
        assert [(each["by"], each["reason"]) for each in overrides] == (
            [(STARTER, "production has no power")] if state is State.COMPLETED else []
        )


def test_a_host_that_is_missing_refuses(stage: Callable[[Story], Stage]) -> None:
    def world() -> Centers:
        made = Centers()
        made.dead.add("dr")
        return made

    played = stage(switchover(world))
    assert "hosts-answer fail: dr-db (no route to host)" in ended(played).because
    assert changed(played) == []


@pytest.mark.parametrize(("choices", "state"), [(SHORT, State.REFUSED), (REAL, State.COMPLETED)])
def test_a_vantage_that_is_blind_refuses_a_drill(
    choices: Choices, state: State, stage: Callable[[Story], Stage]
) -> None:
    def world() -> Centers:
        made = Centers()
        made.silent = {"dr": "no route to host"}
        return made

    played = stage(switchover(world, choices=choices))
    assert ended(played).state is state
    if state is State.REFUSED:
        assert changed(played) == []


@pytest.mark.parametrize("late", [0.0, 86_400.0])
def test_without_a_valid_approval_nothing_begins(late: float, tmp_path: Path) -> None:
    played = Stage(tmp_path, switchover())
    if late:
        played.approve(late)
    because = "expired" if late else "none"
    assert (ended(played).because, changed(played)) == (f"approval of approver: {because}", [])


def test_an_approval_may_come_while_the_run_waits(tmp_path: Path) -> None:
    played = Stage(tmp_path, switchover())
    played.hooks.append(
        lambda record: played.approve() if record.payload.get("state") == State.PENDING_APPROVAL else None
    )
    assert ended(played, stay=True).state is State.COMPLETED
    assert [each["by"] for each in payloads(played, Kind.APPROVED)] == [APPROVER]


# The desk itself


def test_a_full_disk_pauses_before_anything_is_done_unrecorded(tmp_path: Path) -> None:
    story = Story(from_text(BACK), choices=SHORT)
    whole = Stage(tmp_path / "whole", story)
    whole.approve()
    assert ended(whole).state is State.COMPLETED
    sizes = [len(line) for line in whole.folder.journal.read_bytes().splitlines(keepends=True)]
    for index in range(1, len(sizes), 3):
        played = Stage(tmp_path / str(index), story)
        played.approve()
        played.disk.full_at = sum(sizes[:index]) + 1
        assert "No space left" in ended(played).because
        played.disk.full_at = None
        meant = [each for each in played.journal.path.read_text().splitlines() if '"kind":"intent"' in each]
        assert len(changed(played)) <= sum(line.count('"action"') for line in meant)
        played.people.say("resume")
        assert ended(played).state is State.COMPLETED, f"the disk was full at record {index}"
        assert played.world.picture() == whole.world.picture()


def at(stage: Stage, kind: Kind, step: str, does: Callable[[], object]) -> None:
    """Do something the moment a record about a step is on disk."""

    def hook(record: Record) -> None:
        if record.kind is kind and record.payload.get("step") == step and not done:
            done.append(record)
            does()

    done: list[Record] = []
    stage.hooks.append(hook)


def test_an_engine_that_lost_its_lock_acts_no_more(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover())

    def taken() -> None:
        (played.state / "lock").unlink()
        lock.acquire(played.state, RUN, "somebody else", resume=True, sync=lambda _: None)

    at(played, Kind.INTENT, "fence", taken)
    assert ended(played).because.startswith("lock: ")
    assert "pg-fence" not in changed(played)


def test_hosts_that_know_a_newer_epoch_refuse_unless_a_person_takes_over(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover())
    played.world.epochs = {NEW: 40}
    assert "--take-over" in ended(played).because
    assert changed(played) == []


def test_taking_over_goes_above_what_hosts_have_seen_and_is_recorded(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover())
    played.world.epochs = {NEW: 40}
    assert ended(played, take_over="the other desk burnt").state is State.COMPLETED
    assert set(played.world.epochs.values()) == {41}
    assert [each["reason"] for each in payloads(played, Kind.OVERRIDE)] == ["the other desk burnt"]
    assert played.told[-1].epoch == 41


def test_when_another_desk_takes_over_in_the_middle_the_run_pauses(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover())
    at(played, Kind.INTENT, "promote", lambda: played.world.epochs.update({NEW: 99}))
    found = ended(played)
    assert found.state is State.PAUSED
    assert found.because.startswith("epoch: ")
    assert "pg-promote" not in changed(played)


# Orders


def test_the_kill_switch_stops_everything_and_a_person_goes_on(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover())
    at(played, Kind.RESULT, "checkpoint", lambda: played.kill_switch.throw(COMMANDER, "smoke", 0.0))
    assert ended(played).state is State.PAUSED
    before = changed(played)
    played.people.say("resume")
    assert ended(played).state is State.PAUSED, "it is still on"
    assert changed(played) == before
    played.kill_switch.clear()
    played.people.say("resume")
    assert ended(played).state is State.COMPLETED


def test_a_step_under_way_ends_before_it_is_undone(stage: Callable[[Story], Stage]) -> None:
    played = stage(Story(from_text(BACK), choices=SHORT))
    at(played, Kind.INTENT, "sync-first", lambda: played.people.say("abort"))
    assert ended(played).state is State.ROLLED_BACK
    assert payloads(played, Kind.UNDONE)[0]["step"] == "sync-first"
    assert played.world.servers[OLD].serves == "primary"
    assert played.world.lost() == []


def test_an_abort_undoes_in_reverse(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(answers={"go": ""}))
    at(played, Kind.ASKED, "go", lambda: played.people.say("abort"))
    assert ended(played).state is State.ROLLED_BACK
    assert [each["step"] for each in payloads(played, Kind.UNDONE)] == ["checkpoint", "clear-sync"]
    assert played.world.servers[OLD].serves == "primary"
    assert played.world.lost() == []


def test_an_abort_before_anything_was_touched(stage: Callable[[Story], Stage]) -> None:
    played = stage(Story(from_text(HUMAN_FIRST), answers={"go": ""}, choices=SHORT))
    at(played, Kind.ASKED, "go", lambda: played.people.say("abort"))
    assert ended(played).state is State.ABORTED
    assert changed(played) == []


HUMAN_FIRST = UNPLANNED.replace("    kind: fence\n", "    kind: fence\n    needs: go\n").replace(
    "steps:\n",
    """steps:
  go:
    kind: human
    name: {zh: 下令, en: Go}
    ask: {zh: 开始？, en: Go?}
    role: commander
    timeout: 60s
    estimate: 1s
""",
)


def test_a_condition_of_the_plan_orders_the_way_back(stage: Callable[[Story], Stage]) -> None:
    played = stage(Story(from_text(BACK), choices=replace(SHORT, soak=60.0)))
    at(
        played,
        Kind.RESULT,
        "sync-first",
        lambda: played.world.silent.update(dict.fromkeys(("cloud", "bigdata", "dr"), "x")),
    )
    assert ended(played).state is State.ROLLED_BACK
    assert [each["condition"] for each in payloads(played, Kind.ABORT)] == ["meters-silent"]
    assert played.world.lost() == []


def test_past_the_point_of_no_return_a_condition_only_pauses(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(choices=replace(SHORT, soak=60.0)))
    at(
        played,
        Kind.RESULT,
        "business",
        lambda: played.world.silent.update(dict.fromkeys(("cloud", "bigdata", "dr"), "x")),
    )
    assert ended(played).state is State.PAUSED
    assert payloads(played, Kind.UNDONE) == []


def test_a_way_back_that_leads_nowhere_is_not_begun(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(commits=False))
    at(played, Kind.RESULT, "business", lambda: played.people.say("roll-back"))
    found = ended(played)
    assert (found.state, "failback-metro" in found.because) == (State.PAUSED, True)
    assert payloads(played, Kind.UNDONE) == []


def test_an_undo_that_fails_leaves_no_other_untried_and_says_what_to_do(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(answers={"go": ""}))
    played.world.sabotage["pg-rejoin"] = lambda _: Reply(Outcome.FAILED, "no")
    at(played, Kind.ASKED, "go", lambda: played.people.say("abort"))
    assert ended(played).state is State.FAILED_DIRTY
    undone = {str(each["step"]): each for each in payloads(played, Kind.UNDONE)}
    assert (undone["checkpoint"]["outcome"], undone["clear-sync"]["outcome"]) == ("failed", "done")
    assert undone["checkpoint"]["by_hand"]


def test_no_undo_starts_a_second_writer(stage: Callable[[Story], Stage]) -> None:
    """The new writer cannot be stopped: the old one stays fenced, and the record says so."""
    played = stage(Story(from_text(BACK), commits=False, choices=SHORT))
    at(played, Kind.RESULT, "sync-first", lambda: played.world.sabotage.update({"pg-fence": _cannot}))
    assert ended(played).state is State.FAILED_DIRTY
    assert [name for name, each in played.world.servers.items() if each.serves == "primary"] == [NEW]


def _cannot(_call: Call) -> Reply:
    return Reply(Outcome.FAILED, "cannot be stopped")


# People


@pytest.mark.parametrize(("answer", "because"), [("deny", "denied"), ("", "nobody answered")])
def test_a_question_without_a_yes_pauses(answer: str, because: str, stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(answers={"go": answer}))
    found = ended(played)
    assert found.state is State.PAUSED
    assert because in found.because
    assert "pg-fence" not in changed(played)


@pytest.mark.parametrize("person", [STARTER, "zheng-wei", "nobody-at-all"])
def test_only_a_person_of_the_role_is_heard(person: str, stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(answers={"go": ""}))
    at(played, Kind.ASKED, "go", lambda: played.people.say("confirm", person, "go"))
    assert ended(played).state is State.PAUSED
    assert [each["counts"] for each in payloads(played, Kind.SAID)] == [False]


def test_nobody_commits_and_the_plan_says_pause(stage: Callable[[Story], Stage]) -> None:
    played = stage(switchover(commits=False))
    assert ended(played).because == "nobody committed in time"
    played.people.commits = True
    played.people.say("resume")
    assert ended(played).state is State.COMPLETED


def test_a_drill_that_is_now_real_is_not_taken_back_by_itself(stage: Callable[[Story], Stage]) -> None:
    played = stage(Story(from_text(BACK), commits=False, choices=SHORT))
    at(played, Kind.RESULT, "sync-first", lambda: played.people.say("real"))
    assert ended(played).state is State.PAUSED
    assert payloads(played, Kind.UNDONE) == []


def test_an_optional_step_that_fails_is_an_exception_on_record(stage: Callable[[Story], Stage]) -> None:
    text = UNPLANNED.replace("  follow-third:\n", "  follow-third:\n    optional: true\n")
    played = stage(Story(from_text(text), choices=SHORT))
    played.world.dead.add("cloud")
    played.world.sabotage["pg-follow"] = lambda _: Reply(Outcome.FAILED, "its log has diverged")
    assert ended(played).state is State.COMPLETED_WITH_EXCEPTIONS


def test_nothing_of_the_failed_center_is_asked(stage: Callable[[Story], Stage]) -> None:
    played = stage(Story(from_text(UNPLANNED), choices=SHORT))
    played.world.dead.add("cloud")
    assert ended(played).state is State.COMPLETED
    assert not [call for _, _, call in played.world.calls if call.host.startswith("cloud")]


def test_hands_that_never_answer_do_not_hang_the_engine(
    stage: Callable[[Story], Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    import asyncio

    async def stuck(*_: object, **__: object) -> Reply:
        await asyncio.sleep(1e9)
        raise AssertionError

    played = stage(switchover())
    at(played, Kind.STATE, "", lambda: None)
    played.hooks.append(
        lambda record: monkeypatch.setattr(SimHands, "act", stuck) if record.kind is Kind.DECIDED else None
    )
    found = ended(played)
    assert found.state is State.PAUSED
    assert "no answer in 60 s" in found.because
