"""Passing causes down: what stands in a lost center, on a dead host or behind a cut link only suffers from it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from checks.result import Status
from inventory import subject
from inventory.model import Estate
from state import facts as fact
from state.places import isolated
from state.verdict import Fault, Reason, Verdict


def under_center(estate: Estate, verdict: Verdict, center: Verdict) -> Verdict:
    """The verdict on something that stands in a center, given the verdict on the center.

    In a center from which nothing gets out nothing is known. In one that is down, what is down is down because of it.
    """
    if isolated(center):
        facts = {"what": subject.name(verdict.subject), **fact.center(estate, subject.name(center.subject))}
        reason = Reason("any.center_dark", facts)
        return replace(
            verdict,
            status=Status.UNKNOWN,
            fault=Fault.ISOLATED,
            because=reason,
            since=center.since,
            cause=center.subject,
        )
    if center.fault is Fault.CENTER and verdict.status is not Status.OK:
        return replace(verdict, fault=Fault.CENTER, cause=center.subject)
    return verdict


def under_host(verdict: Verdict, hosts: Iterable[Verdict]) -> Verdict:
    """The verdict on something that runs on machines: if it is in trouble and one of them is down, that is why."""
    down = next((host for host in hosts if host.status is Status.DOWN), None)
    if down is None or verdict.status is Status.OK or verdict.cause:
        return verdict
    facts = {"what": subject.name(verdict.subject), "host": subject.name(down.subject)}
    reason = Reason("any.host_down", facts)
    return replace(verdict, fault=down.fault, because=reason, cause=down.cause or down.subject)


def under_wavering(verdict: Verdict, host: str) -> Verdict:
    """The verdict on something whose machine just failed a login: blamed on it until that is confirmed or refuted."""
    if verdict.cause or verdict.status is Status.OK:
        return verdict
    facts = {"what": subject.name(verdict.subject), "host": host}
    return replace(verdict, fault=Fault.HOST, because=Reason("any.host_wavers", facts), cause=subject.host(host))


def under_link(estate: Estate, verdict: Verdict, center: str, found: Mapping[str, Verdict]) -> Verdict:
    """The verdict on something that nobody who speaks can reach: blamed on the cut link between them, if one is."""
    if verdict.fault is not Fault.LINK or verdict.cause:
        return verdict
    failing = {vote.vantage for vote in verdict.votes if vote.status is Status.DOWN}
    for link in estate.links:
        cut = found[subject.link(link.id)]
        if center in link.between and failing & set(link.between) and cut.status is Status.DOWN:
            return replace(verdict, cause=cut.cause or cut.subject)
    return verdict
