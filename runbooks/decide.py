"""Which runbooks may run now, which may not, and because of what. Pure: the time comes in as an argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace

from checks.check import Check
from checks.result import Status
from inventory import subject as subjects
from inventory.calendar import at
from inventory.model import Estate
from runbooks import facts, inputs
from runbooks.approval import Approval
from runbooks.card import Card, Trigger
from runbooks.guards import GUARDS
from runbooks.rehearsal import must_rehearse
from runbooks.run_record import Outcome, Proposal, Run
from runbooks.verify import told_by
from runbooks.world import Case, Policy, World
from state.verdict import Incident, Reason, Verdict


def _misfit(trigger: Trigger, verdict: Verdict | None, subject: str, world: World) -> Reason | None:
    """Why the trigger does not fit what is known of the subject, or None if it does."""
    if verdict is None or verdict.status is Status.UNKNOWN:
        return Reason("runbook.no_verdict", {"subject": subject})
    if verdict.cause is not None and verdict.cause != subject:
        return Reason("runbook.suffers", {"subject": subject, "cause": verdict.cause})
    if verdict.doubt is not None:
        return Reason("runbook.doubt", {"subject": subject, "cause": verdict.doubt})
    if verdict.fault not in trigger.fault:
        wanted = "/".join(trigger.fault)
        return Reason("runbook.fault", {"subject": subject, "fault": verdict.fault.value, "wanted": wanted})
    if verdict.status not in trigger.status:
        wanted = "/".join(trigger.status)
        return Reason("runbook.status", {"subject": subject, "status": verdict.status.value, "wanted": wanted})
    return _unless(trigger, subject, world)


def _unless(trigger: Trigger, subject: str, world: World) -> Reason | None:
    if trigger.unless is None:
        return None
    for check in world.checks.values():
        if check.subject in told_by(world.estate, subject) and facts.meant(trigger.unless, check):
            return Reason("runbook.unless", {"check": check.id})
    return None


def _behind(trigger: Trigger, verdict: Verdict, world: World) -> list[Check]:
    """The failing checks that the trigger means, in the order of their ids.

    One that works from anywhere does not count: whoever sees it fail may be looking through a broken link.
    """
    said: dict[str, set[Status]] = {}
    for vote in verdict.votes:
        said.setdefault(vote.check, set()).add(vote.status)
    failing = sorted(check for check, seen in said.items() if _fails(seen, trigger.failing.says))
    known = (world.checks[check] for check in failing if check in world.checks)
    return [check for check in known if facts.meant(trigger.failing, check)]


def _fails(seen: set[Status], says: Collection[Status]) -> bool:
    known = seen - {Status.UNKNOWN}
    return bool(known) and known <= set(says)


def _no(card: Card, incident: Incident, because: Reason, given: Mapping[str, str] | None = None) -> Proposal:
    return Proposal(card.id, given or {}, incident.id, incident.subject, False, because)


def _candidates(card: Card, trigger: Trigger, incident: Incident, world: World) -> Iterator[Case | Proposal]:
    """One case per target that the failing checks name, or a proposal that says why there is none."""
    verdict = world.verdicts.get(incident.subject)
    why_not = _misfit(trigger, verdict, incident.subject, world)
    if why_not or verdict is None:
        yield _no(card, incident, why_not or Reason("runbook.no_verdict", {"subject": incident.subject}))
        return
    targets: list[Mapping[str, str]] = []
    for check in _behind(trigger, verdict, world):
        given = facts.fill(trigger, incident.subject, check, world.estate)
        if given not in targets:
            targets.append(given)
            yield _case(card, incident, check, given, world)
    if not targets:
        yield _no(card, incident, Reason("runbook.no_check", {"subject": incident.subject}))


def _case(card: Card, incident: Incident, check: Check, given: Mapping[str, str], world: World) -> Case | Proposal:
    try:
        inputs.read(card, given, world.estate)
    except inputs.InvalidInputs as wrong:
        return _no(card, incident, Reason("runbook.inputs", {"problem": str(wrong)}), given)
    return Case(card, incident, world.verdicts[incident.subject], check, world.estate.host(given["host"]), given)


def _judge(case: Case, world: World) -> Proposal:
    for guard in GUARDS:
        if why_not := guard(case, world):
            return _no(case.card, case.incident, why_not, case.given)
    verdict = case.verdict
    shown = {
        "runbook": case.card.id,
        "subject": verdict.subject,
        "status": verdict.status.value,
        "fault": verdict.fault.value,
        "check": case.check.id,
        "target": case.target,
    }
    first = must_rehearse(case, world)
    because = Reason("runbook.rehearse" if first else "runbook.fits", shown)
    return Proposal(case.card.id, case.given, case.incident.id, case.incident.subject, True, because, first)


def _as_running(proposal: Proposal, now: float) -> Run:
    """What is allowed counts as under way for all that is decided after it."""
    return Run(
        id="",
        runbook=proposal.runbook,
        inputs=proposal.inputs,
        incident=proposal.incident,
        subject=proposal.subject,
        started=now,
        took=0.0,
        outcome=Outcome.UNKNOWN,
        sentence="",
        check_mode=proposal.check_mode,
        running=True,
    )


def decide(
    estate: Estate,
    checks: Iterable[Check],
    incidents: Iterable[Incident],
    verdicts: Iterable[Verdict],
    *,
    catalogue: Mapping[str, Card],
    runs: Iterable[Run],
    now: float,
    policy: Policy | None = None,
    approvals: Iterable[Approval] = (),
    held: Reason | None = None,
) -> list[Proposal]:
    """What could be done about the open incidents: allowed now, or not now, with the reason either way.

    The oldest incident comes first, and for each the least dangerous runbook. What is allowed counts as under way for
    what follows, so all allowed proposals may be started together. ``runs`` should reach back a day; ``now`` is Unix
    seconds; ``held`` is why no runbook may start at all. A card proposes nothing for a subject of a kind it is not for.
    """
    by_id = {check.id: check for check in checks}
    by_subject = {verdict.subject: verdict for verdict in verdicts}
    effects = at(estate.calendar, now) if estate.calendar else None
    rules, agreed = policy or Policy(), tuple(approvals)
    world = World(estate, by_id, by_subject, tuple(runs), catalogue, rules, now, agreed, effects, held)
    cards = sorted(catalogue.values(), key=lambda card: (card.risk.number, card.id))
    proposals: list[Proposal] = []
    for incident in sorted((i for i in incidents if i.closed is None), key=lambda i: (i.opened, i.id)):
        for card in cards:
            if card.trigger is None or subjects.kind(incident.subject) not in card.trigger.subject:
                continue
            for candidate in _candidates(card, card.trigger, incident, world):
                proposal = _judge(candidate, world) if isinstance(candidate, Case) else candidate
                proposals.append(proposal)
                if proposal.allowed:
                    world = replace(world, runs=(*world.runs, _as_running(proposal, now)))
    return proposals
