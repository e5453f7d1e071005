"""Deciding: a table of situations, each with the answer and its reason."""

from __future__ import annotations

from dataclasses import replace
from string import Formatter
from typing import Any

import pytest

from checks.check import Check
from checks.result import Status
from inventory import subject as subjects
from inventory.model import Estate
from runbooks.approval import Approval
from runbooks.card import Card, Failing, Quorum, Risk
from runbooks.catalogue import load
from runbooks.decide import decide
from runbooks.reasons import TEXTS, say
from runbooks.run_record import Outcome, Proposal, Run
from runbooks.world import Policy
from state.verdict import Fault, Incident, Reason, Verdict, Vote
from tests.fakes import small_estate as small
from tests.fakes.calendars import calendar

NOW = 1_800_000_000.0
ESTATE = small.estate()
CHECKS = small.checks(ESTATE)
CARDS = load()
OK, DEGRADED, DOWN, UNKNOWN = Status.OK, Status.DEGRADED, Status.DOWN, Status.UNKNOWN


def verdict(subject: str, status: Status, fault: Fault, said: dict[str, Status], cause: str | None = None) -> Verdict:
    """All vantages agree."""
    votes = tuple(
        Vote(check, vantage, answer, NOW - 9, 1.0) for check, answer in said.items() for vantage in ("cloud", "dr")
    )
    return Verdict(subject, status, fault, Reason("x"), NOW - 9, NOW, cause, votes)


def host_verdict(host: str, status: Status = OK, **said: Status) -> Verdict:
    votes = {f"host/{host}/{name}": answer for name, answer in said.items()}
    return verdict(subjects.host(host), status, Fault.NONE if status is OK else Fault.HOST, votes)


def app_verdict(app1: Status = DOWN, app2: Status = OK, status: Status = DOWN, **more: Any) -> Verdict:
    said = {"marriage/app@cloud/app1/http": app1, "marriage/app@cloud/app2/http": app2}
    return replace(verdict(small.APP, status, Fault.SERVICE, said), **more)


def incident(subject: str = small.APP, number: int = 1) -> Incident:
    return Incident(number, subject, Fault.SERVICE, NOW - 9, NOW - 5, None, Reason("x"))


def past(ago: float, outcome: Outcome = Outcome.NOT_REPAIRED, **more: Any) -> Run:
    inputs = {"host": "app1", "service": "app"}
    run = Run("r", "restart-service", inputs, None, small.APP, NOW - ago, 1.0, outcome, "")
    return replace(run, **more)


HEALTHY = [host_verdict(host.id) for host in ESTATE.hosts]


def proposals(
    *verdicts: Verdict,
    runs: tuple[Run, ...] = (),
    policy: Policy | None = None,
    cards: dict[str, Card] | None = None,
    approvals: tuple[Approval, ...] = (),
    held: Reason | None = None,
    estate: Estate = ESTATE,
    of: list[Check] | None = None,
) -> list[Proposal]:
    incidents = [incident(found.subject, at) for at, found in enumerate(verdicts, 1) if found.status is not OK]
    known = [found for found in HEALTHY if found.subject not in {one.subject for one in verdicts}]
    return decide(
        estate,
        of or CHECKS,
        incidents,
        [*known, *verdicts],
        catalogue=cards or CARDS,
        runs=runs,
        now=NOW,
        policy=policy,
        approvals=approvals,
        held=held,
    )


def restart(*verdicts: Verdict, **more: Any) -> Proposal:
    return next(found for found in proposals(*verdicts, **more) if found.runbook == "restart-service")


def test_a_service_that_is_down_on_a_healthy_host_is_restarted_with_what_the_incident_says() -> None:
    found = restart(app_verdict())
    assert found.allowed
    assert found.inputs == {"host": "app1", "service": "app"}
    assert (found.incident, found.subject, found.because.code) == (1, small.APP, "runbook.fits")
    assert found.because.facts["check"] == "marriage/app@cloud/app1/http"


def test_a_full_disk_is_freed_although_it_makes_the_host_ill() -> None:
    ill = host_verdict("app1", DOWN, disk=DOWN, ssh=OK)
    [found] = proposals(ill)
    assert (found.runbook, found.allowed) == ("free-disk", True)
    assert found.inputs == {"host": "app1", "folder": "/srv/scratch"}


def test_a_disk_is_not_freed_where_no_folder_is_declared() -> None:
    [found] = proposals(host_verdict("app2", DOWN, disk=DOWN, ssh=OK))
    assert (found.allowed, found.because.code) == (False, "runbook.inputs")


def test_a_standby_that_stopped_replaying_is_resumed_and_never_restarted() -> None:
    lagging = verdict(small.STANDBY_DB, DEGRADED, Fault.SERVICE, {"marriage/db@dr/dr-db/pg": DEGRADED})
    found = {one.runbook: one for one in proposals(lagging)}
    assert found["resume-replication"].allowed
    assert found["resume-replication"].inputs == {"host": "dr-db", "port": "5432", "socket": "/srv/pg"}
    assert found["restart-service"].because.code == "runbook.unless"


def test_no_restart_renews_a_certificate() -> None:
    checks = [replace(check, kind="tls") if check.subject == small.APP else check for check in CHECKS]
    found = decide(ESTATE, checks, [incident()], [*HEALTHY, app_verdict()], catalogue=CARDS, runs=(), now=NOW)
    assert {one.runbook: one.because.code for one in found}["restart-service"] == "runbook.no_check"


def frozen(card: str, **changes: Any) -> dict[str, Card]:
    return {card: CARDS[card].model_copy(update=changes)}


def eager(**changes: Any) -> dict[str, Card]:
    """restart-service with another trigger."""
    trigger = CARDS["restart-service"].trigger
    assert trigger is not None
    return frozen("restart-service", trigger=trigger.model_copy(update=changes))


def seen_ok_from_dr(of: Verdict) -> Verdict:
    return replace(of, votes=tuple(replace(one, status=OK) if one.vantage == "dr" else one for one in of.votes))


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("runbook.no_verdict", lambda: restart(app_verdict(status=UNKNOWN))),
        ("runbook.suffers", lambda: restart(app_verdict(cause="host:app1"))),
        ("runbook.doubt", lambda: restart(app_verdict(doubt="center:cloud"))),
        ("runbook.young", lambda: restart(app_verdict(), policy=Policy(stand=9.0))),
        ("runbook.fault", lambda: restart(app_verdict(fault=Fault.LINK))),
        ("runbook.status", lambda: restart(app_verdict(status=DEGRADED), cards=eager(status=(DOWN,)))),
        ("runbook.no_check", lambda: restart(app_verdict(app1=UNKNOWN))),
        ("runbook.no_check", lambda: restart(app_verdict(app1=DEGRADED))),
        ("runbook.no_check", lambda: restart(seen_ok_from_dr(app_verdict()))),
        ("runbook.unreachable", lambda: restart(app_verdict(), host_verdict("app1", DOWN, ssh=DOWN))),
        ("runbook.unreachable", lambda: restart(app_verdict(), host_verdict("app1", UNKNOWN, ssh=UNKNOWN))),
        ("runbook.host_busy", lambda: restart(app_verdict(), runs=(past(5, running=True, runbook="free-disk"),))),
        ("runbook.per_incident", lambda: restart(app_verdict(), runs=(past(900, incident=1),) * 2)),
        ("runbook.gave_up", lambda: restart(app_verdict(), runs=(past(7200), past(9000)))),
        (
            "runbook.gave_up",
            lambda: restart(app_verdict(), runs=(past(7200), past(8000, Outcome.CANCELED), past(9000))),
        ),
        ("runbook.cool_down", lambda: restart(app_verdict(), runs=(past(60, Outcome.REPAIRED),))),
        ("runbook.per_hour", lambda: restart(app_verdict(), runs=(past(900, Outcome.REPAIRED, inputs={}),) * 6)),
        (
            "runbook.scope",
            lambda: restart(app_verdict(), runs=(past(5, running=True, inputs={"host": "app2", "service": "app"}),)),
        ),
        (
            "runbook.busy",
            lambda: restart(app_verdict(), runs=(past(5, running=True, runbook="x", inputs={"host": "db1"}),) * 2),
        ),
        ("runbook.approval", lambda: restart(app_verdict(), cards=frozen("restart-service", approval=True))),
        ("runbook.approval", lambda: restart(app_verdict(), cards=frozen("restart-service", risk=Risk.HIGH))),
    ],
)
def test_not_now_and_the_reason(code: str, found: Any) -> None:
    proposal = found()
    assert (proposal.allowed, proposal.because.code) == (False, code)
    assert {name for _, name, _, _ in Formatter().parse(TEXTS[code][1]) if name} <= proposal.because.facts.keys()


@pytest.mark.parametrize(
    "runs",
    [
        (past(7200),),  # one failure is not two
        (past(7200, Outcome.REPAIRED), past(9000), past(9900)),  # it helped since
        (past(90_000), past(91_000)),  # more than a day ago
        (past(1, Outcome.CHECKED, check_mode=True),) * 9,  # changed nothing
        (past(5000, running=True),),  # left behind by a crash
        (past(7200, Outcome.CANCELED), past(7300, Outcome.CANCELED)),  # a person's choice is no failure
    ],
)
def test_a_past_that_does_not_forbid(runs: tuple[Run, ...]) -> None:
    assert restart(app_verdict(), runs=runs).allowed


def test_of_many_incidents_with_one_cause_one_is_acted_on() -> None:
    """Twelve systems share one service: it is restarted once, not twelve times."""
    same = [incident(number=number) for number in range(1, 13)]
    found = decide(
        ESTATE, CHECKS, same, [*HEALTHY, app_verdict()], catalogue=frozen("restart-service"), runs=(), now=NOW
    )
    assert [one.allowed for one in found] == [True] + [False] * 11
    assert {one.because.code for one in found[1:]} == {"runbook.host_busy"}


def test_two_members_down_are_restarted_one_after_the_other() -> None:
    found = [one for one in proposals(app_verdict(DOWN, DOWN)) if one.runbook == "restart-service"]
    assert [(one.inputs["host"], one.because.code) for one in found] == [
        ("app1", "runbook.fits"),
        ("app2", "runbook.scope"),
    ]


def test_one_of_two_members_down_degrades_the_component_and_is_restarted() -> None:
    found = restart(app_verdict(DOWN, OK, status=DEGRADED))
    assert (found.allowed, found.inputs["host"]) == (True, "app1")


def test_the_last_member_that_serves_is_let_alone_and_any_other_is_not() -> None:
    slow_too = eager(failing=Failing(kind=("http",), says=(DEGRADED, DOWN)))
    found = proposals(app_verdict(DEGRADED, DOWN, status=DEGRADED), cards=slow_too)
    assert {one.inputs["host"]: one.because.code for one in found}["app1"] == "runbook.last_serving"
    assert restart(app_verdict(DEGRADED, OK, status=DEGRADED), cards=slow_too).allowed


def test_approval_is_for_one_runbook_and_one_incident() -> None:
    risky = frozen("restart-service", risk=Risk.HIGH)
    assert restart(app_verdict(), cards=risky, approvals=(agreed("li"), agreed("wang"))).allowed
    assert restart(app_verdict(), cards=risky, policy=Policy(risk=Risk.HIGH)).allowed
    for not_enough in (
        (agreed("li"), agreed("li")),  # the same eyes twice
        (agreed("li"), agreed("wang", incident=2)),
        (agreed("li"), agreed("wang", runbook="free-disk")),
        (agreed("li"), agreed("wang", ago=4000.0)),  # agreed to another situation
        (agreed("li"), agreed("wang", ago=-5.0)),  # from the future
    ):
        found = restart(app_verdict(), cards=risky, approvals=not_enough)
        assert (found.because.code, found.because.facts["agreed"]) == ("runbook.approval", "1")
    medium = frozen("restart-service", risk=Risk.MEDIUM)
    assert restart(app_verdict(), cards=medium, approvals=(agreed("li"),)).allowed


def agreed(by: str, runbook: str = "restart-service", incident: int = 1, ago: float = 60.0) -> Approval:
    return Approval(runbook, incident, by, NOW - ago, "")


@pytest.mark.parametrize(
    ("quorum", "votes", "code"),
    [
        (Quorum.MAJORITY, (DOWN, DOWN, UNKNOWN), "runbook.fits"),
        (Quorum.MAJORITY, (DOWN, UNKNOWN, UNKNOWN), "runbook.quorum"),  # silence agrees to nothing
        (Quorum.ALL, (DOWN, DOWN, UNKNOWN), "runbook.quorum"),
        (Quorum.ALL, (DOWN, DOWN, DOWN), "runbook.fits"),
        (Quorum.ONE, (DOWN, UNKNOWN, UNKNOWN), "runbook.fits"),
        (Quorum.ONE, (DOWN, OK, UNKNOWN), "runbook.no_check"),  # whoever sees it fail may look through a broken link
    ],
)
def test_how_many_vantages_must_agree(quorum: Quorum, votes: tuple[Status, ...], code: str) -> None:
    asked = ("cloud", "dr", "bigdata")
    checks = [replace(one, vantages=asked) for one in CHECKS]
    said = [
        Vote("marriage/app@cloud/app1/http", name, vote, NOW - 9, 1.0) for name, vote in zip(asked, votes, strict=True)
    ]
    found = restart(app_verdict(votes=tuple(said)), cards=eager(quorum=quorum), of=checks)
    assert found.because.code == code


NIGHT = {"start": "2027-01-15T14:00", "end": "2027-01-15T18:00"}  # NOW is 16:00
GUARD = {"first": "2027-01-15", "last": "2027-01-15"}


def planned(**said: Any) -> Estate:
    return ESTATE.model_copy(update={"calendar": calendar(**said)})


@pytest.mark.parametrize(
    ("estate", "code", "persons"),
    [
        (planned(), "runbook.fits", 0),
        (planned(maintenance={"x": NIGHT}), "runbook.maintenance", 1),
        (planned(maintenance={"x": {**NIGHT, "subjects": ("host:app1",)}}), "runbook.maintenance", 1),
        (planned(maintenance={"x": {**NIGHT, "subjects": ("host:db1",)}}), "runbook.fits", 0),
        (planned(maintenance={"x": {**NIGHT, "approved": None}}), "runbook.fits", 0),
        (planned(drills={"x": {**NIGHT, "subjects": ("center:cloud",)}}), "runbook.drill", 1),
        (planned(guard={"x": GUARD}), "runbook.guard_period", 2),
        (planned(guard={"x": {**GUARD, "runbooks": "risky"}}), "runbook.fits", 0),
        (planned(guard={"x": {**GUARD, "runbooks": "nothing"}}), "runbook.fits", 0),
        (planned(guard={"x": {**GUARD, "first": "2027-01-14", "last": "2027-01-14"}}), "runbook.fits", 0),
    ],
)
def test_the_calendar_freezes_and_persons_may_agree(estate: Estate, code: str, persons: int) -> None:
    found = restart(app_verdict(), estate=estate)
    assert found.because.code == code
    names = ["li", "wang"][:persons]
    if persons:
        assert not restart(app_verdict(), estate=estate, approvals=tuple(agreed(one) for one in names[:-1])).allowed
        assert found.because.facts["entry_zh"] == "名"
        assert found.because.facts["until"].startswith("2027-01-1")
    assert restart(app_verdict(), estate=estate, approvals=tuple(agreed(one) for one in names)).allowed


def test_what_is_risky_waits_also_where_only_that_is_frozen() -> None:
    found = restart(
        app_verdict(),
        estate=planned(guard={"x": {**GUARD, "runbooks": "risky"}}),
        cards=frozen("restart-service", risk=Risk.MEDIUM),
        approvals=(agreed("li"),),
    )
    assert found.because.code == "runbook.guard_period"


def test_nothing_starts_while_something_larger_is_at_work() -> None:
    found = restart(app_verdict(), held=Reason("runbook.held", {"run": "20270115T160000Z-switchover-metro-0001"}))
    assert (found.allowed, found.because.code) == (False, "runbook.held")
    assert "switchover-metro" in say(found.because, "zh")


FIRST = frozen("restart-service", check_first=True)


@pytest.mark.parametrize(
    ("past_runs", "code", "check_mode"),
    [
        ((), "runbook.rehearse", True),
        (("checked", 60.0), "runbook.fits", False),
        (("checked", 900.0), "runbook.rehearse", True),  # too long ago
        (("failed", 60.0), "runbook.check_failed", False),
        (("failed", 400.0), "runbook.rehearse", True),
        (("failed", 400.0, "failed", 900.0), "runbook.check_gave_up", False),
        (("failed", 400.0, "checked", 900.0), "runbook.rehearse", True),
        (("checked", 60.0, "failed", 400.0), "runbook.fits", False),
        (("canceled", 60.0), "runbook.rehearse", True),
    ],
)
def test_check_mode_first(past_runs: tuple[Any, ...], code: str, check_mode: bool) -> None:
    pairs = zip(past_runs[::2], past_runs[1::2], strict=True)
    runs = tuple(past(ago, Outcome(outcome), check_mode=True, incident=1) for outcome, ago in pairs)
    found = restart(app_verdict(), cards=FIRST, runs=runs)
    assert (found.because.code, found.check_mode) == (code, check_mode)
    assert found.allowed == (code in ("runbook.fits", "runbook.rehearse"))


def test_a_rehearsal_speaks_for_one_incident_and_until_something_was_changed() -> None:
    other = past(60, Outcome.CHECKED, check_mode=True, incident=2)
    assert restart(app_verdict(), cards=FIRST, runs=(other,)).check_mode
    before = past(500, Outcome.CHECKED, check_mode=True, incident=1)
    assert restart(app_verdict(), cards=FIRST, runs=(before, past(300, incident=1))).check_mode


def test_what_is_risky_is_rehearsed_unless_its_card_says_otherwise() -> None:
    agreed_to = {"approvals": (agreed("li"), agreed("wang"))}
    assert restart(app_verdict(), cards=frozen("restart-service", risk=Risk.MEDIUM), **agreed_to).check_mode
    sure = frozen("restart-service", risk=Risk.MEDIUM, check_first=False)
    assert not restart(app_verdict(), cards=sure, **agreed_to).check_mode


def test_a_storm_ends_acting() -> None:
    elsewhere = tuple(past(ago, Outcome.REPAIRED, runbook="free-disk", inputs={}) for ago in range(10, 310, 10))
    assert restart(app_verdict(), runs=elsewhere).because.code == "runbook.storm"
    assert restart(app_verdict(), runs=elsewhere[1:]).allowed


def test_a_member_that_is_acted_on_serves_nobody() -> None:
    """app2 is fine by its checks, but it is being restarted: then app1, which still serves a little, is the last."""
    wide = eager(failing=Failing(kind=("http",), says=(DEGRADED, DOWN)))
    card = {"restart-service": wide["restart-service"].model_copy(update={"scope": 9, "share": 1.0})}
    busy = past(5, running=True, inputs={"host": "app2", "service": "app"})
    found = restart(app_verdict(DEGRADED, OK, status=DEGRADED), cards=card, runs=(busy,))
    assert found.because.code == "runbook.last_serving"
    assert restart(app_verdict(DEGRADED, OK, status=DEGRADED), cards=card).allowed


def test_both_centers_of_a_pair_are_never_acted_on_together() -> None:
    card = frozen("restart-service", scope=9, share=1.0)
    busy = past(5, running=True, inputs={"host": "dr-app", "service": "app"})
    assert restart(app_verdict(), cards=card, runs=(busy,)).because.code == "runbook.pair"
    harmless = replace(busy, runbook="free-disk")  # interrupts nothing
    assert restart(app_verdict(), cards=CARDS | card, runs=(harmless,)).allowed


def test_no_more_than_a_share_of_a_group_at_once() -> None:
    busy = past(5, running=True, inputs={"host": "app2", "service": "app"})
    found = restart(app_verdict(DOWN, DOWN), cards=frozen("restart-service", scope=9), runs=(busy,))
    assert (found.because.code, found.because.facts["of"], found.because.facts["limit"]) == ("runbook.share", "3", "1")


def test_closed_incidents_are_left_alone() -> None:
    closed = replace(incident(), closed=NOW)
    assert decide(ESTATE, CHECKS, [closed], [app_verdict()], catalogue=CARDS, runs=(), now=NOW) == []


def test_the_reasons_have_a_text_in_both_languages_with_the_same_facts() -> None:
    def asked(text: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    assert all(asked(zh) == asked(en) for zh, en in TEXTS.values())


def test_a_reason_is_said_in_both_languages_and_its_facts_are_not_read_again() -> None:
    evil = "{host} {{ lookup('pipe', 'touch owned') }} <script>"
    reason = Reason("runbook.host_busy", {"runbook": evil, "host": "app1"})
    assert say(reason, "en") == f"not now: {evil} is at work on app1"
    assert say(reason, "zh").startswith("暂不执行")
    assert say(Reason("any.unjudged"), "en") == "not judged yet"


def test_a_name_that_looks_like_a_template_stays_text_in_a_proposal() -> None:
    evil = "{{ lookup('pipe', 'touch owned') }}"
    hosts = [small.host("app1", "cloud", labels={"scratch": f"/srv/{evil}"}), *map(plain, OTHERS)]
    estate = small.estate(hosts)
    ill = host_verdict("app1", DEGRADED, disk=DOWN, ssh=OK)
    [found] = decide(estate, small.checks(estate), [incident(ill.subject)], [ill], catalogue=CARDS, runs=(), now=NOW)
    assert found.inputs["folder"] == f"/srv/{evil}"


OTHERS = [("app2", "cloud"), ("db1", "cloud"), ("dr-app", "dr"), ("dr-db", "dr")]


def plain(placed: tuple[str, str]) -> dict[str, Any]:
    return small.host(*placed)
