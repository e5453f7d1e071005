"""Before anything is touched: connections, gates, approvals, meters. All reasons against it are named at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from failover import approvals
from failover.concrete import Call
from failover.engine_calls import look
from failover.engine_work import Work
from failover.ports import Outcome, Reply
from failover.preflight_gates import Opinion
from failover.records import Kind, State

_PATIENCE = 10.0  #: seconds for a gate's question
_AGAIN = 60.0  #: gates older than this are judged again
_OVERRIDE_HOLDS = 3600.0  #: seconds for which an override is meant
HOSTS, VANTAGES, EPOCH = "hosts-answer", "vantages-measure", "epoch"


async def preflight(work: Work) -> None:
    """Judge, then wait for approvals where people may still give them; the next state is on record."""
    against = [*await warm(work), *await _gates(work)]
    if against:
        work.enter(State.REFUSED, "; ".join(against)[:2000])
        return
    missing = _approvals(work)
    if missing and not _waits(work, missing):
        work.enter(State.REFUSED, "; ".join(missing))
    elif missing:
        work.enter(State.PENDING_APPROVAL, "; ".join(missing))
    else:
        await _start(work)


async def pending(work: Work) -> None:
    """Wait for approvals; gates that have grown old meanwhile are judged again."""
    began = work.now()
    while not work.ordered.is_set():
        missing = _approvals(work)
        if not missing and work.now() - began > _AGAIN:
            work.enter(State.PREFLIGHT, "approved; judged again")
            return
        if not missing:
            await _start(work)
            return
        await work.news(1.0)


async def warm(work: Work) -> list[str]:
    """Open the connections; why the run cannot go on, if so."""
    hosts = [host for host in work.plan.hosts if host not in work.plan.gone]
    replies = work.warmed = await work.hands.warm(hosts)
    problems = {host: _silent(replies.get(host)) for host in hosts}
    offsets = {host: _offset(reply) for host, reply in replies.items() if "offset_ns" in reply.facts}
    work.note(Kind.WARMED, {"hosts": problems, "offsets": offsets})
    silent = [host for host, why in problems.items() if why]
    against = _outranked(work, replies)
    if silent and not _taken_upon(work, HOSTS):
        against.append(f"{HOSTS} fail: {', '.join(f'{host} ({problems[host]})' for host in silent)}")
    return against


def _silent(reply: Reply | None) -> str:
    if reply is None:
        return "no answer"
    return "" if reply.outcome is Outcome.DONE else (reply.says or reply.outcome.value)[:200]


def _offset(reply: Reply) -> dict[str, object]:
    return {key: reply.facts.get(key) for key in ("offset_ns", "error_ns")}


def _outranked(work: Work, replies: Mapping[str, Reply]) -> list[str]:
    """Hosts that have seen a newer epoch: another desk acts, or its epoch was lost and a person says so."""
    seen = {host: reply.facts["epoch"] for host, reply in replies.items() if type(reply.facts.get("epoch")) is int}
    newest = max(seen.values(), default=0)
    if newest <= work.lock.epoch:
        return []
    if not work.choices.take_over:
        hosts = ", ".join(sorted(host for host, epoch in seen.items() if epoch > work.lock.epoch))
        return [f"{EPOCH} fail: {hosts} has been given epoch {newest}, this desk holds {work.lock.epoch} (--take-over)"]
    work.lock.raise_epoch(newest)
    work.journal.epoch = work.lock.epoch
    _override(work, EPOCH, work.choices.take_over)
    return []


async def _gates(work: Work) -> list[str]:
    async def ask(calls: Sequence[Call]) -> Sequence[Reply]:
        return [reply for _, reply in await look(work, calls, _PATIENCE)]

    opinions = await work.world.gates.judge(work.plan, work.warmed, ask)
    return [against for opinion in opinions if (against := _noted(work, opinion))]


def _noted(work: Work, opinion: Opinion) -> str:
    """Put a gate on record; what it has against the run, if anything. Only the real thing may override, the unknown."""
    work.note(
        Kind.GATE,
        {
            "gate": opinion.gate,
            "hard": opinion.hard,
            "result": opinion.result,
            "because": opinion.because[:500],
            "code": opinion.code,
            "said": dict(opinion.said),
        },
    )
    if opinion.result == "pass" or not opinion.hard:
        return ""
    if opinion.result == "unknown" and _taken_upon(work, opinion.gate):
        return ""
    return f"{opinion.gate} {opinion.result}: {opinion.because}"


def _taken_upon(work: Work, gate: str) -> bool:
    """Whether the one who starts the real thing takes this upon themselves; it is put on record."""
    reason = work.choices.overrides.get(gate)
    if not reason or not work.choices.real:
        return False
    _override(work, gate, reason)
    return True


def _override(work: Work, gate: str, reason: str) -> None:
    by = work.choices.starter
    work.note(
        Kind.OVERRIDE,
        {"gate": gate, "by": by, "reason": reason[:500], "until": work.clock.wall() + _OVERRIDE_HOLDS},
        actor=by,
    )


def _approvals(work: Work) -> list[str]:
    """What approvals are missing; those that count are put on record."""
    given = approvals.read(work.world.approvals)
    plan, starter = work.plan.plan, str(work.standing.opened.get("starter", work.choices.starter))
    good, missing = approvals.judge(plan, work.plan.digest, given, starter, work.clock.wall())
    for each in good:
        if work.standing.approved.get(each.role) != each.by:
            work.note(Kind.APPROVED, {"role": each.role, "by": each.by, "until": each.until}, actor=each.by)
    return [
        f"approval of {each.role}: {each.because}" for each in missing if not _taken_upon(work, f"approval-{each.role}")
    ]


def _waits(work: Work, missing: Iterable[str]) -> bool:
    """Whether it makes sense to wait: an approval that expired was denied."""
    return work.choices.stay and not any(each.endswith("expired") for each in missing)


async def _start(work: Work) -> None:
    """Start the meters; from the decision on, time counts."""
    against = await start_meters(work)
    if against:
        work.enter(State.REFUSED, against)
        return
    for rule, reason in work.choices.overrides.items():
        if work.choices.real and rule not in work.standing.overrides:
            _override(work, rule, reason)
    work.note(Kind.DECIDED, {"what": "go", "by": work.choices.starter}, actor=work.choices.starter)
    work.enter(State.RUNNING)


async def start_meters(work: Work) -> str:
    """Start (or find again) the meters; why a drill cannot do with them."""
    try:
        async with asyncio.timeout(60.0):
            vantages = dict(await work.meters.start())
    except Exception as error:  # whatever is wrong with the meters: the answer below says what follows from it
        vantages = {"meters": str(error)[:200] or "no answer"}
    work.note(Kind.METERS, {"state": "started", "vantages": vantages})
    lost = {work.plan.centers.get(role.value, role.value) for role in work.plan.plan.lost} | set(work.plan.gone)
    silent = [f"{name} ({why})" for name, why in vantages.items() if why and name not in lost]
    if work.choices.real or (vantages and not silent) or _taken_upon(work, VANTAGES):
        return ""
    return f"{VANTAGES} fail: {', '.join(silent) or 'no vantage measures'}"
