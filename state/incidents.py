"""Which incidents are opened, kept, merged into their root, or closed by the current verdicts. Pure.

Only roots open incidents, once nothing larger is in doubt (``state/doubt.py``). An incident survives unknown; only ok
closes it. When its subject turns out to suffer from something larger it is merged into that one's incident, which then
dates back to the earliest beginning. What a person has closed although it was not over opens no new incident, until it
was ok in between, became worse, or others turned out to suffer from it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from checks.result import Status
from inventory import subject
from state.verdict import Incident, Verdict

GONE = "any.gone"  #: the reason code of a subject that is no longer in the estate

_NONE: Mapping[str, Status] = {}
_TROUBLE = (Status.DOWN, Status.DEGRADED)


@dataclass(frozen=True, slots=True)
class Ledger:
    """What has to be written: new incidents (id 0), those that changed (closed ones too), and merges: id -> root."""

    opened: tuple[Incident, ...]
    updated: tuple[Incident, ...]
    merged: Mapping[int, str]
    over: tuple[str, ...] = ()  #: subjects that were waived and are well again: from now on they count as any other


def ledger(
    open_now: Sequence[Incident], verdicts: Mapping[str, Verdict], at: float, waived: Mapping[str, Status] = _NONE
) -> Ledger:
    """What the current verdicts mean for the open incidents.

    ``verdicts`` hold at least every subject that is not ok; a subject that is missing is ok since ``at``. ``waived``
    are the subjects whose incident a person closed by force: subject -> its status then.
    """
    roots = {verdict.subject: verdict for verdict in verdicts.values() if _is_root(verdict)}
    known = {incident.subject for incident in open_now}
    suffering = _suffering(verdicts.values())
    merged = {incident.id: cause for incident in open_now if (cause := _cause(incident, verdicts)) in roots}
    beginnings = _beginnings(open_now, merged)
    opened = [
        _open(verdict, min(verdict.since, beginnings.get(name, verdict.since)), at, suffering[name])
        for name, verdict in roots.items()
        if name not in known and (name in beginnings or _tells_more(verdict, waived.get(name)))
    ]
    updated = []
    for incident in open_now:
        if incident.id not in merged:
            kept = _kept(incident, verdicts.get(incident.subject), at, suffering[incident.subject])
            kept = replace(kept, opened=min(kept.opened, beginnings.get(kept.subject, kept.opened)))
            updated += [kept] if kept != incident else []
    return Ledger(tuple(opened), tuple(updated), merged, tuple(name for name in waived if _is_well(verdicts.get(name))))


def _is_root(verdict: Verdict) -> bool:
    alone = verdict.cause is None and verdict.doubt is None
    return alone and verdict.status in _TROUBLE and subject.kind(verdict.subject) != subject.ESTATE


def _tells_more(verdict: Verdict, waived: Status | None) -> bool:
    """Whether this is news to whoever closed the incident by force: nobody did, or they knew of less."""
    if waived is Status.DEGRADED:
        return verdict.status is Status.DOWN
    return waived is not Status.DOWN


def _is_well(verdict: Verdict | None) -> bool:
    return verdict is None or verdict.status is Status.OK or verdict.because.code == GONE


def _cause(incident: Incident, verdicts: Mapping[str, Verdict]) -> str:
    verdict = verdicts.get(incident.subject)
    return (verdict.cause or "") if verdict and verdict.status is not Status.OK else ""


def _suffering(verdicts: Iterable[Verdict]) -> defaultdict[str, tuple[str, ...]]:
    groups: defaultdict[str, tuple[str, ...]] = defaultdict(tuple)
    for verdict in sorted(verdicts, key=lambda each: each.subject):
        if verdict.cause and verdict.status is not Status.OK and subject.kind(verdict.subject) != subject.ESTATE:
            groups[verdict.cause] += (verdict.subject,)
    return groups


def _beginnings(open_now: Sequence[Incident], merged: Mapping[int, str]) -> dict[str, float]:
    """Root subject -> the earliest beginning among the incidents merged into it."""
    earliest: dict[str, float] = {}
    for incident in open_now:
        if incident.id in merged:
            root = merged[incident.id]
            earliest[root] = min(incident.opened, earliest.get(root, incident.opened))
    return earliest


def _open(verdict: Verdict, begun: float, at: float, affects: tuple[str, ...]) -> Incident:
    return Incident(0, verdict.subject, verdict.fault, begun, at, None, verdict.because, affects)


def _kept(incident: Incident, verdict: Verdict | None, at: float, affects: tuple[str, ...]) -> Incident:
    """The incident as it stands now. What it once affected stays on it; unknown adds nothing and closes nothing."""
    if verdict is None or verdict.because.code == GONE:
        return replace(incident, closed=at)
    if verdict.status is Status.OK:
        return replace(incident, closed=max(incident.opened, verdict.since))
    everything = tuple(sorted({*incident.affects, *affects}))
    if verdict.status is Status.UNKNOWN or verdict.cause:
        return replace(incident, affects=everything)
    return replace(incident, fault=verdict.fault, because=verdict.because, affects=everything)
