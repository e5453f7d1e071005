"""The weekly report as people read it: conclusions, honest figures, one file, the same bytes."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from checks.result import Status
from inventory import subject
from reports.facts import Facts
from reports.language import LANGUAGES, language
from reports.view import Tone
from reports.weekly import weekly, weekly_view
from state.verdict import Change, Fault, Reason
from tests.golden.reports import sample
from tests.golden.reports.page import Page

GOLDEN = Path(__file__).parent.parent / "golden" / "reports"
HISTORIES = {"week": sample.week, "minutes": sample.minutes}


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", HISTORIES)
def test_reads_as_agreed(name: str, lang: str) -> None:
    """To accept new wording: delete the file, run the test once, read the difference in git."""
    read = Page(weekly(HISTORIES[name](), lang)).text + "\n"
    agreed = GOLDEN / f"{name}.{lang}.txt"
    if not agreed.exists():
        agreed.write_text(read, encoding="utf-8")
        pytest.fail(f"{agreed.name} was missing and has been written: read it")
    assert read == agreed.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_equal_facts_give_equal_bytes(lang: str) -> None:
    assert weekly(sample.week(), lang) == weekly(sample.week(), lang)


def test_the_order_in_which_changes_were_read_does_not_matter() -> None:
    facts = sample.week()
    shuffled = replace(facts, changes=facts.changes[::-1])
    view, other = (weekly_view(one, language("en")) for one in (facts, shuffled))
    assert replace(view, sources=()) == replace(other, sources=())


# Conclusions: what a person who reads only the first screen must take away.


def quiet() -> Facts:
    facts = sample.week()
    changes = tuple(sample.everything_up(facts.estate, sample.MONDAY - sample.DAY))
    return replace(facts, changes=changes, incidents=(), runs=(), watched=((facts.start - 60, facts.end + 60),))


def down_now() -> Facts:
    facts = quiet()
    fell = facts.end - sample.HOUR
    marriage = subject.system("marriage")
    change = Change(marriage, Status.OK, Status.DOWN, Fault.SERVICE, facts.changes[0].because, fell, fell + 9)
    return replace(facts, changes=(*facts.changes, change))


def blind() -> Facts:
    return replace(quiet(), watched=())


@pytest.mark.parametrize(
    ("facts", "tone", "zh", "en"),
    [
        (quiet(), Tone.GOOD, "6 个业务系统全部达到可用性目标。", "All 6 systems met their availability target."),
        (down_now(), Tone.BAD, "仍有 1 个业务系统中断：婚姻登记跨省通办", "Still down at the end of the period"),
        (blind(), Tone.UNKNOWN, "不能对任何业务系统下结论", "not enough monitoring data to judge any system"),
        (sample.week(), Tone.BAD, "6 个业务系统中有 1 个未达到可用性目标", "1 of 6 systems missed"),
    ],
    ids=["quiet", "down-now", "blind", "week"],
)
def test_the_first_sentence_is_the_right_conclusion(facts: Facts, tone: Tone, zh: str, en: str) -> None:
    for lang, words in (("zh", zh), ("en", en)):
        headline = weekly_view(facts, language(lang)).judgement.headline
        assert words in headline.text
        assert headline.tone is tone


def test_a_quiet_week_in_which_a_link_ends_degraded_is_not_called_fine() -> None:
    facts = quiet()
    at = facts.end - sample.HOUR
    slow = Change(subject.link("cloud-dr"), Status.OK, Status.DEGRADED, Fault.LINK, facts.changes[0].because, at, at)
    judged = weekly_view(replace(facts, changes=(*facts.changes, slow)), language("en")).judgement
    assert judged.headline.tone is Tone.ATTENTION
    assert judged.attention == ("Cloud – recovery: degraded at the end of the period.",)


# Figures.


def test_below_nine_tenths_of_coverage_there_is_no_number() -> None:
    facts = quiet()
    seen = replace(facts, watched=((facts.start - 60, facts.start + 0.89 * sample.WEEK),))
    for lang, words in (("zh", "数据不足"), ("en", "insufficient data")):
        row = weekly_view(seen, language(lang)).systems[0]
        assert (row.measured, row.range, row.coverage) == (words, "", "89%")


def test_unknown_time_makes_the_figure_a_range_and_the_verdict_undetermined() -> None:
    row = weekly_view(sample.week(), language("en")).systems[0]
    assert (row.measured, row.range) == ("100%", "99.751% – 100%")
    assert row.verdict.text == "undetermined"


def test_a_window_that_has_not_ended_counts_only_what_has_passed() -> None:
    facts = quiet()
    half = replace(
        facts, now=facts.start + sample.WEEK / 2, watched=((facts.start - 60, facts.start + sample.WEEK / 2),)
    )
    view = weekly_view(half, language("en"))
    assert {row.coverage for row in view.systems} == {"100%"}
    assert "the time after it is not counted" in view.window.notices[0]


def test_moments_that_nobody_had_time_to_judge_are_no_gap() -> None:
    view = weekly_view(sample.minutes(), language("en"))
    assert view.end == sample.minutes().watched[0][1]


def test_a_short_window_says_so() -> None:
    notices = " ".join(weekly_view(sample.minutes(), language("en")).window.notices)
    assert "covers only 3 min 58 s, less than a week" in notices
    assert "a single confirmed outage makes them miss" in notices
    assert weekly_view(sample.week(), language("en")).window.notices == ()


def test_an_incident_closed_after_the_window_was_open_in_it() -> None:
    facts = sample.week()
    late = replace(facts.incidents[1], closed=facts.end + 60)
    view = weekly_view(replace(facts, incidents=(facts.incidents[0], late)), language("en"))
    assert view.tally.incidents_open == 1
    assert view.incidents[1].closed == "open"


def test_the_digest_follows_the_facts_and_nothing_else() -> None:
    facts = sample.week()
    assert replace(facts, now=facts.now + 60).digest == facts.digest
    assert replace(facts, changes=facts.changes[1:]).digest != facts.digest
    assert re.fullmatch("[0-9a-f]{64}", facts.digest)


# One file.


@pytest.mark.parametrize("lang", LANGUAGES)
def test_refers_to_nothing_outside_itself(lang: str) -> None:
    page = Page(weekly(sample.week(), lang))
    assert page.tags & {"link", "img", "iframe", "object", "embed", "base", "form", "audio", "video"} == set()
    targets = {
        value for _, attributes in page.elements for name, value in attributes.items() if name in ("src", "href")
    }
    assert all(target is not None and target.startswith("#") for target in targets)
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert {str(target)[1:] for target in targets} <= ids


def test_only_its_own_scripts_may_run() -> None:
    page = Page(weekly(sample.week(), "zh"))
    policy = next(a["content"] or "" for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    hashes = {b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts}
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert "default-src 'none'" in policy
    assert "unsafe-eval" not in policy


def test_every_chart_has_a_text_alternative_and_a_caption() -> None:
    page = Page(weekly(sample.week(), "zh"))
    figures = [attributes for tag, attributes in page.elements if tag == "figure"]
    assert {figure["data-chart"] for figure in figures} == {"budget", "incidents"}
    assert all(figure["aria-label"] for figure in figures)
    assert sum(tag == "figcaption" for tag, _ in page.elements) == len(figures)
    strips = [attributes for tag, attributes in page.elements if tag == "svg" and attributes.get("role") == "img"]
    assert strips
    assert all(strip["aria-label"] for strip in strips)


def test_stays_light() -> None:
    assert len(weekly(sample.week(), "zh").encode()) < 2_500_000


def test_an_estate_with_nothing_in_it_has_a_report() -> None:
    bare = sample.estate().model_copy(update={"systems": (), "links": (), "exchange": None, "centers": ()})
    facts = Facts(estate=bare, start=sample.MONDAY, end=sample.MONDAY + sample.WEEK, now=sample.MONDAY + sample.WEEK)
    page = Page(weekly(facts, "en"))
    assert "there is nothing to judge" in page.text
    assert page.scripts == []


# Text from outside.

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "{{ 7*7 }}",
    "{% for x in y %}",
    "</script><script>alert(1)</script>",
    '" onload="alert(1)',
    "'; touch owned",
    "%{y}<br><b>bold</b><a href='javascript:alert(1)'>x</a>",
]


@cache
def calm_page(lang: str) -> Page:
    return Page(weekly(sample.week(), lang))


def attacked(text: str) -> Facts:
    """The sample week with ``text`` wherever text comes from outside."""
    facts = sample.week()
    because = Reason(facts.incidents[0].because.code, dict.fromkeys(facts.incidents[0].because.facts, text))
    host = subject.host(text)
    name = sample.system("marriage", text, text, 0.9995)
    estate = facts.estate.model_copy(update={"systems": (*facts.estate.systems[:2], name, *facts.estate.systems[3:])})
    return replace(
        facts,
        estate=estate,
        changes=tuple(replace(change, because=because) for change in facts.changes),
        incidents=tuple(replace(one, subject=host, because=because, affects=(host,)) for one in facts.incidents),
        runs=tuple(replace(run, runbook=text, subject=host, sentence=text) for run in facts.runs),
    )


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_shown_as_text(text: str, lang: str) -> None:
    calm, page = calm_page(lang), Page(weekly(attacked(text), lang))
    assert page.tags == calm.tags
    assert page.scripts == calm.scripts
    assert {name for _, attributes in page.elements for name in attributes} == {
        name for _, attributes in calm.elements for name in attributes
    }
    assert page.lines.count(text) >= 3
    assert "49" not in set(page.lines) - set(calm.lines)


def test_hostile_text_is_text_in_the_charts_too() -> None:
    page = Page(weekly(attacked("<b>x</b>&lt;i&gt;"), "en"))
    labels = [note["text"] for figure in page.data for note in figure["layout"]["annotations"]]
    assert any("&lt;b&gt;x&lt;/b&gt;&amp;lt;i" in label for label in labels)
    hovers = [text for figure in page.data for trace in figure["data"] for text in trace["hovertext"]]
    assert not [text for text in [*labels, *hovers] if "<b>x" in text]


@pytest.mark.parametrize("sign", ["\x1b[31m", "\u202e", "\u200b", "\x00", "\x07"])
def test_what_cannot_be_seen_is_not_printed(sign: str) -> None:
    html = weekly(attacked(f"a{sign}b"), "en")
    assert sign not in html
    assert Page(html).text


def test_a_hundred_kilobytes_stay_bounded() -> None:
    calm, flooded = weekly(sample.week(), "en"), weekly(attacked("x" * 100_000), "en")
    assert len(flooded) - len(calm) < 20_000


def test_five_thousand_incidents_stay_readable() -> None:
    facts = sample.week()
    one = facts.incidents[0]
    many = tuple(replace(one, id=i, opened=one.opened + i, noticed=one.noticed + i) for i in range(5000))
    page = Page(weekly(replace(facts, incidents=many), "en"))
    assert "4800 more not listed" in page.text
