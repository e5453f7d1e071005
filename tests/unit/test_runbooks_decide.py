"""Deciding: a table of situations, each with the answer and its reason."""

from __future__ import annotations

from dataclasses import replace
from string import Formatter
from typing import Any

import pytest

from checks.result import Status
from inventory import subject as subjects
from runbooks.card import Card, Failing, Risk
from runbooks.catalogue import load
from runbooks.decide import decide
from runbooks.guards import Policy
from runbooks.reasons import TEXTS, say
from runbooks.run_record import Outcome, Proposal, Run
from state.verdict import Fault, Incident, Reason, Verdict, Vote
from tests.fakes import small_estate as small

NOW = 1_800_000_000.0
ESTATE = small.estate()
CHECKS = small.checks(ESTATE)
CARDS = load()
OK, DEGRADED, DOWN, UNKNOWN = Status.OK, Status.DEGRADED, Status.DOWN, Status.UNKNOWN


def verdict(subject: str, status: Status, fault: Fault, said: dict[str, Status], cause: str | None = None) -> Verdict:
    votes = tuple(Vote(check, "cloud", answer, NOW - 9, 1.0) for check, answer in said.items())
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
    *verdicts: Verdict, runs: tuple[Run, ...] = (), policy: Policy | None = None, cards: dict[str, Card] | None = None
) -> list[Proposal]:
    incidents = [incident(found.subject, at) for at, found in enumerate(verdicts, 1) if found.status is not OK]
    known = [found for found in HEALTHY if found.subject not in {one.subject for one in verdicts}]
    catalogue = cards or CARDS
    return decide(
        ESTATE, CHECKS, incidents, [*known, *verdicts], catalogue=catalogue, runs=runs, now=NOW, policy=policy
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
    return replace(of, votes=(*of.votes, Vote("marriage/app@cloud/app1/http", "dr", OK, NOW - 9, 1.0)))


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
    assert restart(app_verdict(), cards=risky, policy=Policy(approved=frozenset({("restart-service", 1)}))).allowed
    assert not restart(app_verdict(), cards=risky, policy=Policy(approved=frozenset({("restart-service", 2)}))).allowed
    assert restart(app_verdict(), cards=risky, policy=Policy(risk=Risk.HIGH)).allowed


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
