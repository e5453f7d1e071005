"""The findings of the security watch: from answers and from the estate, by rules that are data. Pure but for its file.

A finding is no assessment. What a rule rests on is said with it, and whether anybody has verified that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from checks.baseline_items import Outcome, baseline
from checks.check import Check
from checks.result import Result, Status
from checks.security_checks import rule_of
from checks.sentence import clean
from inventory import subject
from inventory.document import load_document
from inventory.model import Document, Estate, Host, Identifier, Name, Seconds, System

FILE = Path(__file__).parent / "security_rules.yml"
RESTORE_TESTS = ("restore-test", "restore-backup")  #: beginnings of the names of runbooks that test a restore
_DAY = 86400.0
_NAMED = 6  #: items that a sentence names


class Rule(Document):
    """What a rule is about, what it rests on, and how its findings are said."""

    id: Identifier
    name: Name
    basis: Name
    verified: bool
    limit: Seconds | None = None
    says: dict[Status, Name]


class Rules(Document):
    """All of them."""

    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule says of one subject."""

    rule: str
    subject: str
    status: Status
    facts: Mapping[str, str] = field(default_factory=dict)
    items: Mapping[str, str] = field(default_factory=dict)  #: baseline items that do not hold: id -> what was read

    def because(self, lang: str) -> str:
        """The reason, in ``zh`` or ``en``."""
        rule = rules()[self.rule]
        items = [f"{_item_name(name, lang)} ({value or '?'})" for name, value in self.items.items()]
        shown = ("、" if lang == "zh" else ", ").join(items[:_NAMED]) + (" …" if len(items) > _NAMED else "")
        facts = {**self.facts, "subject": subject.name(self.subject), "items": shown}
        return rule.says[self.status].said(lang).format_map(_Facts(facts))


class _Facts(dict[str, str]):
    """Facts to be filled in; one that is missing shows as a dash."""

    def __missing__(self, key: str) -> str:
        return "—"


@cache
def rules() -> dict[str, Rule]:
    """The rules by id, in the order in which findings are shown."""
    return {rule.id: rule for rule in load_document(FILE, Rules).rules}


def from_answer(check: Check, result: Result) -> Finding:
    """The finding behind an answer. A rule that has no word for a status leaves it unknown."""
    rule = rule_of(check)
    assert rule is not None
    value = result.value
    sources = ", ".join(name.removeprefix("from ") for name in result.evidence if name.startswith("from "))
    facts = {
        "sentence": result.sentence,
        "value": "—" if value is None else f"{value:.2f}".rstrip("0").rstrip("."),
        "days": "—" if value is None else f"{value / _DAY:.0f}",
        "unexpected": str(result.evidence.get("unexpected", "—")),
        "sources": sources or "—",
    }
    status = result.status if result.status in rules()[rule].says else Status.UNKNOWN
    return Finding(rule, check.subject, status, facts, _items(result) if rule == "baseline" else {})


def of_hosts(estate: Estate, hosts: Iterable[Host]) -> tuple[System, ...]:
    """The systems that have a part on one of these hosts."""
    ids = {host.id for host in hosts}
    return tuple(
        system
        for system in estate.systems
        if any(ids & set(place.hosts) for part in system.components for place in part.placement.values())
    )


def remote_copies(systems: Iterable[System], estate: Estate) -> list[Finding]:
    """Whether each system's data is copied to another city; what the estate does not say does not exist."""
    site = {center.id: center.site for center in estate.centers}
    found = []
    for system in systems:
        copied = system.replication
        away = [to for to in copied.to if site.get(to) != site.get(copied.source)] if copied else []
        names = [estate.center(each).name for each in away]
        where = {f"where_{lang}": ", ".join(name.said(lang) for name in names) for lang in ("zh", "en")}
        found.append(_about(system, "remote-copy", Status.OK if away else Status.DOWN, where))
    return found


def restore_tests(systems: Iterable[System], runs: Sequence[Mapping[str, object]], now: float) -> list[Finding]:
    """How long ago a restore of each system's backups was last tested with success, by the records of runs."""
    limit = rules()["restore-test"].limit or 0.0
    found = []
    for system in systems:
        tested = [float(str(run["started"])) for run in runs if _tests(run, system)]
        age = now - max(tested) if tested else None
        status = Status.DOWN if age is None else Status.OK if age < limit else Status.DEGRADED
        days = "—" if age is None else f"{age / _DAY:.0f}"
        found.append(_about(system, "restore-test", status, {"days": days}))
    return found


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """What needs somebody last, nearest to the prompt; within that by rule and subject."""
    worst = [Status.OK, Status.UNKNOWN, Status.DEGRADED, Status.DOWN]
    place = list(rules())
    return sorted(findings, key=lambda one: (worst.index(one.status), place.index(one.rule), one.subject))


def _about(system: System, rule: str, status: Status, facts: Mapping[str, str]) -> Finding:
    return Finding(rule, subject.system(system.id), status, facts)


def _tests(run: Mapping[str, object], system: System) -> bool:
    """Whether a run tested a restore of this system's data and its verification said that it worked."""
    named = str(run.get("runbook", "")).startswith(RESTORE_TESTS)
    worked = run.get("outcome") == "repaired" and not run.get("running") and not run.get("check_mode")
    inputs = run.get("inputs")
    given = inputs if isinstance(inputs, Mapping) else {}
    hosts = {host for part in system.components for place in part.placement.values() for host in place.hosts}
    meant = run.get("subject") == subject.system(system.id) or given.get("system") == system.id
    return named and worked and (meant or ("system" not in given and given.get("host") in hosts))


def _items(result: Result) -> dict[str, str]:
    """Items of the baseline that fail, or that are not known where none fails."""
    told = {name: str(text) for name, text in result.evidence.items() if isinstance(text, str)}
    for outcome in (Outcome.FAILS, Outcome.UNKNOWN):
        named = {name: text.partition(": ")[2] for name, text in told.items() if text.startswith(outcome)}
        if named:
            return {name: clean(value, 80) for name, value in named.items()}
    return {}


def _item_name(item: str, lang: str) -> str:
    return next((one.name.said(lang) for one in baseline().items if one.id == item), clean(item, 60))
