"""Gates on the databases: one writer, synchronous copies, and how much of the data is not there yet. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from failover.concrete import ConcretePlan
from failover.gate_words import Answer, fails, number, passes, unknown
from failover.ports import Outcome
from failover.seen import Seen


def _facts(seen: Seen, host: str) -> Mapping[str, Any] | None:
    """What a server said of itself; None when it did not answer."""
    reply = seen.databases.get(host)
    return reply.facts if reply and reply.outcome is Outcome.DONE else None


def _silent(seen: Seen, plan: ConcretePlan) -> list[str]:
    return [call.host for call in plan.writers if _facts(seen, call.host) is None]


def one_writer(plan: ConcretePlan, seen: Seen, _: Mapping[str, Any]) -> Answer:
    """Exactly one server writes, and it is the one that the plan means."""
    asked = [call.host for call in plan.writers]
    roles = {host: str(facts.get("role", "")) for host in asked if (facts := _facts(seen, host)) is not None}
    primaries = [host for host, role in roles.items() if role == "primary"]
    if len(primaries) > 1:
        return fails("gate.two_writers", hosts=", ".join(primaries))
    strangers = [host for host in primaries if host != plan.old_writer]
    if strangers:
        return fails("gate.other_writer", host=strangers[0], wanted=plan.old_writer)
    silent = _silent(seen, plan)
    if not asked or silent:
        return unknown("gate.silent_databases", hosts=", ".join(silent))
    if plan.old_writer in plan.gone:
        return passes("gate.no_writer", hosts=", ".join(asked))
    if not primaries:
        return fails("gate.none_writes", wanted=plan.old_writer)
    return passes("gate.one_writer", host=plan.old_writer)


def replication_sync(plan: ConcretePlan, seen: Seen, _: Mapping[str, Any]) -> Answer:
    """The new writer is a synchronous copy, so it has all that was acknowledged.

    A writer that is silent cannot say so: then it counts what it said when it was last heard.
    """
    target = plan.new_writer
    if target == plan.old_writer:
        return _any_sync(plan, seen)
    writer = _facts(seen, plan.old_writer)
    if writer is None:
        return _was_sync(plan, seen)
    peer = _peer(writer, target)
    if peer is None:
        return fails("gate.not_receiving", host=target, writer=plan.old_writer)
    if _is_sync(peer) and peer.get("state") == "streaming":
        return passes("gate.sync", host=target)
    return fails("gate.not_sync", host=target, sync=str(peer.get("sync")), state=str(peer.get("state")))


def _was_sync(plan: ConcretePlan, seen: Seen) -> Answer:
    waited_for, ago = seen.heard.synchronous, seen.heard.ago
    if waited_for is None or ago is None:
        return unknown("gate.writer_silent", host=plan.old_writer)
    say, code = (passes, "gate.was_sync") if plan.new_writer in waited_for else (fails, "gate.was_not_sync")
    return say(code, host=plan.new_writer, writer=plan.old_writer, seconds=f"{ago:.0f}")


def _any_sync(plan: ConcretePlan, seen: Seen) -> Answer:
    writer = _facts(seen, plan.old_writer)
    if writer is None:
        return unknown("gate.writer_silent", host=plan.old_writer)
    peers = [peer for peer in _peers(writer) if _is_sync(peer)]
    names = ", ".join(str(peer.get("name")) for peer in peers)
    return passes("gate.sync", host=names) if peers else fails("gate.no_sync_copy", host=plan.old_writer)


def _peers(facts: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    peers = facts.get("peers")
    return [peer for peer in peers if isinstance(peer, Mapping)] if isinstance(peers, list | tuple) else []


def _is_sync(peer: Mapping[str, Any]) -> bool:
    return peer.get("sync") in (True, "sync", "quorum")


def _peer(facts: Mapping[str, Any], host: str) -> Mapping[str, Any] | None:
    return next((peer for peer in _peers(facts) if peer.get("name") == host), None)


def lag_within_rpo(plan: ConcretePlan, seen: Seen, give: Mapping[str, Any]) -> Answer:
    """What the new writer has not received is younger than the limit.

    Data counts as missing only as far as it was not transmitted: a copy that has the writer's last position lacks
    nothing, however long ago that was. When the writer cannot be asked, what it wrote after it last spoke to the copy
    is missing, up to the moment when it stopped acknowledging. All of it is measured when the run begins: at the
    promotion the silence is longer, the loss is not.
    """
    limit = float(give["limit"])
    copy = _facts(seen, plan.new_writer)
    if plan.new_writer == plan.old_writer:
        return passes("gate.writer_stays", host=plan.old_writer)
    if copy is None:
        return unknown("gate.silent_databases", hosts=plan.new_writer)
    writer = _facts(seen, plan.old_writer)
    if writer is not None and writer.get("role") == "primary":
        return _lag_told(plan, writer, copy, limit)
    return _lag_guessed(plan, seen, copy, limit)


def _lag_told(plan: ConcretePlan, writer: Mapping[str, Any], copy: Mapping[str, Any], limit: float) -> Answer:
    """The writer answers: it knows what the copy lacks."""
    peer = _peer(writer, plan.new_writer)
    if peer is None:
        return fails("gate.not_receiving", host=plan.new_writer, writer=plan.old_writer)
    written, received = number(writer.get("lsn")), number(copy.get("received"))
    if written is not None and received is not None and received >= written:
        return passes("gate.lag", host=plan.new_writer, seconds="0", limit=f"{limit:g}")
    lag = number(peer.get("lag_seconds"))
    return _compared(plan, lag, limit)


def _lag_guessed(plan: ConcretePlan, seen: Seen, copy: Mapping[str, Any], limit: float) -> Answer:
    """The writer is silent: a copy that it waited for lacks nothing; any other knows when it last heard of it."""
    if plan.new_writer in (seen.heard.synchronous or ()):
        return _was_sync(plan, seen)
    heard = number(copy.get("receive_age"))
    if heard is None:
        return unknown("gate.lag_untold", host=plan.new_writer)
    silent = seen.heard.silent_for
    if silent is not None and silent <= heard:  # else it lived on: the copy heard it after the watch did not
        return _compared(plan, heard - silent, limit)
    if heard <= limit:  # whenever it stopped, that was later than when it last spoke
        return passes("gate.lag", host=plan.new_writer, seconds=f"{heard:.1f}", limit=f"{limit:g}")
    return unknown("gate.lag_at_most", host=plan.new_writer, seconds=f"{heard:.1f}", limit=f"{limit:g}")


def _compared(plan: ConcretePlan, lag: float | None, limit: float) -> Answer:
    if lag is None:
        return unknown("gate.lag_untold", host=plan.new_writer)
    say = passes if lag <= limit else fails
    return say(
        "gate.lag" if lag <= limit else "gate.lags", host=plan.new_writer, seconds=f"{lag:.1f}", limit=f"{limit:g}"
    )
