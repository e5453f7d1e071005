"""Both languages say everything, with the same facts, and nothing that nobody asks for."""

from __future__ import annotations

import inspect
import re
from enum import StrEnum
from pathlib import Path
from string import Formatter

import pytest

from failover import findings
from failover.drill_record import Seen
from failover.findings import Severity
from failover.gates import GATES
from failover.human import WORDS
from failover.measured import Verdict
from failover.meter import judge
from failover.meter.phases import NAMES
from failover.plan import Class, Kind, Mode
from failover.readiness import Standing
from failover.records import State
from failover.seen import Passed
from inventory.model import Role
from reports import language as language_module
from reports.language import LANGUAGES, language
from reports.view import Ending, Tone
from runbooks.run_record import Outcome
from state.countdown import Stage
from state.incident_act import Act, Grade
from state.verdict import Availability, Fault

REPORTS = Path(language_module.__file__).parent
#: prefixes whose last part is filled in when the report is made, and what it is filled with
MADE: dict[str, type[StrEnum] | tuple[str, ...]] = {
    "tone": Tone,
    "class": Availability,
    "fault": Fault,
    "role": Role,
    "outcome": Outcome,
    "verdict": ("met", "missed", "undetermined"),
    "sections": ("summary", "availability", "incidents", "runs", "links", "watch", "method"),
    "attention": ("center", "link"),
    "grade": (*Grade, "none", "unsure", "by_person", "suggested"),
    "stage": Stage,
    "act": (*Act, "took_over"),
    "told": ("opened", "closed", "merged", "grade", "due", "due_soon", "due_past", "brief"),
    "mail": ("count_opened", "count_closed", "count_other"),
    "drill": ("title_switchover", "title_rehearsal", "title_real", "title_tabletop"),
    "drill_section": (
        *("summary", "overview", "goals", "roles", "scenario", "timeline"),
        *("achieved", "business", "findings", "conclusion", "evidence"),
    ),
    "drill_state": State,
    "tabletop_state": ("completed", "completed-with-exceptions", "aborted", "running"),
    "drill_tone": Tone,
    "tabletop_tone": ("good", "attention"),
    "drill_verdict": (*Verdict, "uncounted"),
    "drill_type": ("tabletop", "rehearsal", "switchover", "real"),
    "drill_class": Class,
    "drill_mode": Mode,
    "drill_card": ("rto", "rpo", "doo", "nro"),
    "objective": ("rto", "rpo", "rpo_of", "doo", "nro", "other"),
    "goal_meaning": ("rto", "rpo", "rpo_of", "doo", "nro"),
    "channel": ("database", "exchange"),
    "judged": (
        *re.findall(r'Verdict\.[A-Z]+, "([a-z-]+)"', inspect.getsource(judge)),
        "no-outage-seen",
    ),
    "role_name": ("commander", "operator", "approver", "business", "observer"),
    "said_what": (*WORDS, "other"),
    "gate_name": tuple(GATES),
    "gate_result": Passed,
    "rule_name": ("never-two-writers", "never-empty-entry", "lag-within-rpo"),
    "step_outcome": ("done", "failed", "unknown", "skipped", "open", "untouched"),
    "table_outcome": ("done", "failed", "open", "untouched"),
    "step_kind": Kind,
    "condition": ("outage-over", "meters-silent", "old-writer-acks", "kill-switch"),
    "stream": ("fresh", "kept"),
    "outage_note": (
        *("prober-gap", "no-end", "no-start", "clock-jump", "wrong-content"),
        *("cut-short", "flapping", "again"),
    ),
    "phase": NAMES,
    "finding": (
        *(f"severity_{severity}" for severity in Severity),
        *("id", "what", "severity", "owner", "due", "status"),
    ),
    "history": ("at", "state", "rto", "rpo", "run"),
    "finding_text": (
        *(f"run-{state}" for state in ("rolled-back", "failed-dirty", "refused", "aborted", "open")),
        *("objective-missed", "objective-open"),
        *re.findall(r'"([a-z]+(?:-[a-z]+)+|aborted|twice)"', inspect.getsource(findings)),
        *("gate-failed", "gate-unknown"),
    ),
    "seen": Seen,
    "ready": (
        *Standing,
        *(f"would_{passed}" for passed in Passed),
        *(f"none_{source}" for source in ("measured", "promised", "estimated")),
        *("measured", "promised", "estimated"),
    ),
}


def placeholders(text: str) -> set[str]:
    return {field for _, field, _, _ in Formatter().parse(text) if field is not None}


def test_both_languages_have_the_same_sentences_with_the_same_facts() -> None:
    zh, en = (language(code).sentences for code in LANGUAGES)
    assert zh.keys() == en.keys()
    assert [key for key in zh if placeholders(zh[key]) != placeholders(en[key])] == []
    assert [key for key in zh if not zh[key].strip() or not en[key].strip()] == []


def test_chinese_is_chinese_and_english_is_not() -> None:
    han = re.compile("[一-鿿]")
    assert [key for key, text in language("en").sentences.items() if han.search(text)] == []


def test_every_sentence_is_used_and_every_used_one_exists() -> None:
    code = "\n".join(file.read_text() for file in [*REPORTS.glob("*.py"), *REPORTS.glob("templates/*.j2")])
    used = set(re.findall(r"""\b(?:say|self)\(\s*"([a-z_]+\.[a-z_]+)"[,)]""", code))
    used |= set(re.findall(r'"(report\.(?:short|long)_window)"', code))
    used |= {f"{prefix}.{word}" for prefix, words in MADE.items() for word in words}
    used |= {f"charts.{how}" for how in Ending}
    used |= {key for key in re.findall(r"""["']([a-z_]+\.[a-z_]+)["']""", code) if key in language("zh").sentences}
    used |= {f"method.formula_{name}" for name in ("measured", "low", "high", "coverage", "budget")}
    known = set(language("zh").sentences)
    assert used - known == set()
    assert sorted(known - used) == []


def test_facts_are_not_read_as_templates() -> None:
    assert language("en")("report.more", n="{0.__class__} {n}") == "{0.__class__} {n} more not listed"


def test_another_language_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"`fr`.*zh, en"):
        language("fr")
