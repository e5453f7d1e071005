"""Judging hosts: the login decides, the other checks can only degrade. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from checks.check import Check
from checks.result import Status
from inventory import subject
from inventory.model import Host
from state.opinion import How, Opinion, opinion
from state.scene import Scene
from state.verdict import Fault, Reason, Verdict, Vote

_ANSWERING = ("http", "tls", "postgres", "sftp", "ssh")  #: kinds whose success needs a living process over there


def judge_host(scene: Scene, host: Host) -> Verdict:
    """The verdict on one machine, from its own checks (and, if the login fails, from whatever else it answers)."""
    about = subject.host(host.id)
    opinions = [opinion(scene, check) for check in scene.index.of(about)]
    votes = tuple(vote for each in opinions for vote in each.votes)
    login = next((each for each in opinions if is_login(each.check)), None)
    vital = login or _stand_in(opinions)
    if vital is None:
        return Verdict(
            about, Status.UNKNOWN, Fault.WATCH, Reason("host.unwatched", {"host": host.id}), scene.now, scene.now
        )
    status, fault, reason, since = _decided(scene, host, vital, [each for each in opinions if each is not vital])
    return Verdict(about, status, fault, reason, since, scene.now, votes=votes)


def wavers(scene: Scene, host_id: str) -> bool:
    """Whether a machine's login just failed somewhere, unconfirmed: what fails on it may be the machine's fault."""
    asked = [check for check in scene.index.of(subject.host(host_id)) if is_login(check)]
    signals = [scene.signals.get((check.id, vantage)) for check in asked for vantage in check.vantages]
    return any(
        signal.latest.status is Status.DOWN and not signal.stale(scene.now)
        for signal in signals
        if signal and signal.confirmed in (Status.OK, Status.DEGRADED)
    )


def logins(scene: Scene, host_id: str) -> Sequence[Check]:
    """The checks that decide whether a machine is up: its logins, or all of its own if it has none."""
    checks = scene.index.of(subject.host(host_id))
    return [check for check in checks if is_login(check)] or checks


def is_login(check: Check) -> bool:
    """Whether a check logs in: the one question that a frozen machine cannot answer."""
    return check.kind == "ssh" and getattr(check.params, "ask", None) == "login"


def _stand_in(opinions: list[Opinion]) -> Opinion | None:
    """Without a login check the healthiest of the others stands for the machine: it is down if all of them are."""
    order = [Status.OK, Status.DEGRADED, Status.UNKNOWN, Status.DOWN]
    return min(opinions, key=lambda each: order.index(each.status), default=None)


def _decided(scene: Scene, host: Host, vital: Opinion, others: list[Opinion]) -> tuple[Status, Fault, Reason, float]:
    facts = {"host": host.id, "said": vital.sentence, "from": ", ".join(vital.failing)}
    if vital.status is Status.DOWN:
        return _lost(scene, host, vital, facts)
    if vital.status is Status.UNKNOWN:
        return Status.UNKNOWN, _blame(vital), Reason(f"host.{vital.how}", facts), vital.since
    if vital.how is How.INSIDE_FAILS:
        return Status.DEGRADED, Fault.HOST, Reason("host.inside_fails", facts), vital.since
    ill = [
        each for each in others if each.status in (Status.DOWN, Status.DEGRADED) and _alive_after(scene, vital, each)
    ]
    if ill or vital.status is Status.DEGRADED:
        return _ill(host, ill or [vital])
    code = "host.path_noted" if vital.how is How.PATH_NOTED else "host.ok"
    since = max([vital.since, *(each.since for each in others if each.status is Status.OK)])
    return Status.OK, Fault.NONE, Reason(code, facts), since


def _alive_after(scene: Scene, vital: Opinion, ill: Opinion) -> bool:
    """Whether the login was seen to work after another check began to fail; until then the machine may be dying."""
    return any(scene.works_after(vote, ill.since) for vote in vital.votes)


def _blame(vital: Opinion) -> Fault:
    return Fault.LINK if vital.how is How.PATH else Fault.WATCH


def _ill(host: Host, ill: list[Opinion]) -> tuple[Status, Fault, Reason, float]:
    worst = min(ill, key=lambda each: (each.status is not Status.DOWN, each.check.id))
    facts = {"host": host.id, "check": worst.check.id, "said": worst.sentence}
    return Status.DEGRADED, Fault.HOST, Reason("host.check_fails", facts), min(each.since for each in ill)


def _lost(scene: Scene, host: Host, vital: Opinion, facts: dict[str, str]) -> tuple[Status, Fault, Reason, float]:
    """No login. Other answers mean that only the login is broken; a mere TCP connect means a frozen machine.

    They must be older than enough of the failed logins: a machine that comes back does so one program after the other.
    """
    answers = [vote for vote in _working_since(scene, host, vital) if _kind(scene, vote) in _ANSWERING]
    if answers:
        facts["check"] = answers[0].check
        return Status.DEGRADED, Fault.SERVICE, Reason("host.login_fails", facts), vital.since
    connects = [vote for vote in _working_since(scene, host, vital) if _kind(scene, vote) == "tcp"]
    code = "host.frozen" if connects else "host.down"
    return Status.DOWN, Fault.HOST, Reason(code, facts), vital.since


def _working_since(scene: Scene, host: Host, vital: Opinion) -> list[Vote]:
    return [
        vote
        for check in scene.index.on_host.get(host.id, ())
        if check is not vital.check
        for vote in scene.votes(check)
        if vote.status in (Status.OK, Status.DEGRADED)
        and scene.works_after(vote, vital.since)
        and any(scene.renewed_after(failed, vote.since) for failed in vital.votes if failed.status is Status.DOWN)
    ]


def _kind(scene: Scene, vote: Vote) -> str:
    return scene.index.by_id[vote.check].kind
