"""A database whose primary Patroni chooses: what its member here knows, and asking it to hand the primary over.

Patroni stops the old primary, waits until the new one has all of its log, and only then lets it take over. It is asked
for that as a whole. Whether it is so, the servers themselves are asked: Patroni may know the cluster of a while ago.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import Any

from failover.remote import patroni_api, pg_state, server
from failover.remote.patroni_api import Answer, Order
from failover.remote.pg_wire import WireError
from failover.remote.task import Done, Facts, Failed, Peer, Refused, Task, Unknown

_LEAST = 4  #: the oldest version that may be trusted: 3.0.2 can lose acknowledged writes when a partition heals
_STALE = 30.0  #: seconds after which what a member knows of the cluster is no answer any more
_LOOK = 0.05
_TURN = 0.3
_RECEIVES = ("streaming", "running")
_SYNCHRONOUS = ("sync_standby", "quorum_standby")
_NOT_DONE = (400, 401, 403, 404, 405, 412)  #: with these Patroni refuses before it does anything
_GIVEN_UP = "Switchover failed"  #: with 503; any other word with it leaves open what still comes


@dataclass(frozen=True)
class Member:
    """The member of this host, as it says itself."""

    version: str
    primary: bool
    seen: float  #: seconds since it last heard of the cluster

    @classmethod
    def of(cls, task: Task) -> Member:
        """Asked now. Raises :class:`Refused` for another host's member, and for a version that loses data."""
        told = patroni_api.ask(task, "/patroni")
        patroni = told.get("patroni")
        name, version = (
            (str(patroni.get(key)) for key in ("name", "version")) if isinstance(patroni, dict) else ("", "")
        )
        if name != task.host:
            raise Refused(f"the member here calls itself {name[:60] or 'nothing'}, not {task.host}: nothing was done")
        major = re.match(r"\d{1,4}", version)
        if not major or int(major.group()) < _LEAST:
            raise Refused(f"Patroni {version[:20]} is older than {_LEAST}, which may lose acknowledged writes")
        seen = told.get("dcs_last_seen")
        age = abs(time.time() - seen) if isinstance(seen, int | float) else _STALE * 2
        return cls(version, told.get("role") in ("primary", "master"), age)


def state(task: Task) -> Done:
    """Action ``patroni-state``; another leader than the wanted one, or a candidate that may not lead, is a failure.

    It waits for the candidate: after a change Patroni needs a turn or two until it lets a copy take over.
    """
    member = Member.of(task)
    if not member.seen <= _STALE:
        raise Unknown(f"the member here has not heard of its cluster for {member.seen:.0f} s")
    facts = _cluster(task, member)
    wanted, leader = task.give.get("leader"), facts["leader"]
    if wanted is not None and leader != wanted:
        raise Failed(f"the leader is {leader or 'nobody'}, not {wanted}", facts)
    if (leader == task.host) is not member.primary:
        raise Unknown("the cluster and the member here do not agree on who leads", facts)
    candidate = task.give.get("candidate")
    while candidate is not None and (why := _may_not_lead(str(candidate), facts)):
        if task.left() < 2 * _TURN:
            raise Failed(why, facts)
        time.sleep(_TURN)
        facts = _cluster(task, member)
    return Done(f"{leader or 'nobody'} leads{', paused' if facts['paused'] else ''}", facts)


def _cluster(task: Task, member: Member) -> Facts:
    told = patroni_api.ask(task, "/cluster")
    members = _members(told)
    leaders = [name for name, one in members.items() if one["role"] == "leader"]
    leader = leaders[0] if len(leaders) == 1 else ""
    mode = patroni_api.ask(task, "/config").get("synchronous_mode")
    facts: Facts = {"leader": leader, "version": member.version, "paused": told.get("pause") is True}
    return facts | {"synchronous": mode not in (None, False, "off"), "members": members}


def _may_not_lead(candidate: str, cluster: Facts) -> str:
    """Where commits wait for a copy, only such a one may; anywhere it must be receiving."""
    one = cluster["members"].get(candidate)
    if one is None:
        return f"Patroni knows no member {candidate}"
    if one["state"] not in _RECEIVES:
        return f"{candidate} is {one['state']}, not streaming"
    if cluster["synchronous"] and one["role"] not in _SYNCHRONOUS:
        return f"{candidate} is {one['role']}, and Patroni lets only a synchronous copy take over"
    return ""


def _members(told: dict[str, Any]) -> dict[str, dict[str, str]]:
    listed = told.get("members")
    rows = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {str(one.get("name"))[:60]: {key: str(one.get(key))[:30] for key in ("role", "state")} for one in rows[:50]}


def switchover(task: Task) -> Done:
    """Action ``patroni-switchover``: this host's member hands over to ``candidate``."""
    server.assert_host(task)
    candidate = str(task.give["candidate"])
    peer = task.peer(candidate)
    try:
        member = Member.of(task)
    except Unknown as error:
        raise Refused(f"{error}: nothing was done") from error
    there = _there(task, peer)
    if not member.primary and there.get("role") == "primary":
        return Done(f"{candidate} is primary already", there | {"already": True})
    if against := _not_now(task, candidate, member, there):
        raise Refused(f"{against}: nothing was done")
    order = patroni_api.order(task, "/switchover", {"leader": task.host, "candidate": candidate})
    try:
        return _watched(task, order, candidate, peer)
    finally:
        order.close()


def _not_now(task: Task, candidate: str, member: Member, there: Facts) -> str:
    """Why it cannot be ordered; a candidate that cannot be asked now could not be seen to take over, either."""
    if candidate == task.host:
        return f"{candidate} cannot hand over to itself"
    if not member.primary:
        return f"the member here does not lead, and {candidate} is no primary"
    if not there:
        return f"the server on {candidate} cannot be asked"
    return f"{candidate} says that it is primary, and so does {task.host}" if there["role"] == "primary" else ""


def _watched(task: Task, order: Order, candidate: str, peer: Peer) -> Done:
    """Until the new primary says so itself: Patroni looks only once a second, and clients are waiting."""
    answer: Answer | None = None
    while not task.over:
        facts = _there(task, peer)
        if facts.get("role") == "primary":
            return Done(f"{candidate} is primary on timeline {facts['timeline']}", facts | {"already": False})
        if answer is None:
            answer = order.answer(task.left(_LOOK))
            _against(answer)
        else:
            time.sleep(task.left(_LOOK))
    said = f"Patroni says: {answer.text}" if answer else "Patroni says nothing"
    raise Unknown(f"{candidate} was to become primary, and is not yet; {said}")


def _against(answer: Answer | None) -> None:
    """What speaks surely against it ends the wait; everything else has to be watched."""
    if answer is None:
        return
    if answer.status in _NOT_DONE:
        raise Refused(f"Patroni refuses ({answer.status}): {answer.text}")
    if answer.status == 503 and answer.text.startswith(_GIVEN_UP):
        raise Failed(f"Patroni has given it up: {answer.text}")


def _there(task: Task, peer: Peer) -> Facts:
    """What that server says of itself; nothing when it does not answer."""
    try:
        with server.there(task, peer, 2.0) as session:
            told = pg_state.describe(session)
    except WireError:
        return {}
    return {key: told[key] for key in ("role", "timeline", "lsn", "system_id")}
