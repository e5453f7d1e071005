"""The drill report as people read it: the right conclusion first, one file, hostile text as text, the same bytes."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from failover.drill_record import Seen
from failover.findings import findings
from failover.measured import Interval, Judged, Verdict, Writes
from inventory.errors import Mark
from inventory.model import Meters, Name, Probes, Vantage
from reports.drill import drill, drill_view
from reports.drill_bands import TABLE, band_sentences
from reports.drill_chart import MOST_GOOD, switch_chart
from reports.drill_facts import DrillFacts
from reports.drill_figure import drill_charts
from reports.drill_view import DrillView
from reports.drill_words import bounds, vantage_name
from reports.language import LANGUAGES, language
from reports.view import Tone
from tests.golden.drills import sample
from tests.golden.reports.page import Page
from tests.golden.reports.sample import estate

GOLDEN = Path(__file__).parent.parent / "golden" / "drills"
FILES = {
    "journal.jsonl": {"size": 21034, "hash": "ab" * 32},
    "meters/dr/probes.jsonl": {"size": 801, "hash": "cd" * 32},
}
MANIFEST = {"alg": "sm3", "files": FILES, "left_out": {}}
SEALED = [name for name in sample.DRILLS if name != "hostile"]


@cache
def facts(name: str) -> DrillFacts:
    record, tracks = sample.DRILLS[name]()
    return DrillFacts(record, estate(), sample.plan(), tracks, findings(record), MANIFEST, "ef" * 32)


@cache
def view(name: str, lang: str = "zh") -> DrillView:
    return drill_view(facts(name), language(lang))


@cache
def html(name: str, lang: str) -> str:
    return drill(facts(name), lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", SEALED)
def test_reads_as_agreed(name: str, lang: str) -> None:
    """To accept new wording: delete the file, run the test once, read the difference in git."""
    read = Page(html(name, lang)).text + "\n"
    agreed = GOLDEN / f"{name}.{lang}.txt"
    if not agreed.exists():
        agreed.write_text(read, encoding="utf-8")
        pytest.fail(f"{agreed.name} was missing and has been written: read it")
    assert read == agreed.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["good", "hostile"])
def test_equal_facts_give_equal_bytes(name: str) -> None:
    assert drill(facts(name), "zh") == html(name, "zh")


# Conclusions.


@pytest.mark.parametrize(
    ("name", "tone", "zh", "en"),
    [
        (
            "good",
            Tone.GOOD,
            "切换完成：用户侧业务中断 0.8～1.2 秒，1187 笔已确认写入无一丢失，各项指标全部达标。",
            "Switched over: clients were without service for 0.8 to 1.2 s, none of 1187 acknowledged writes was lost, "
            "all targets were met.",
        ),
        (
            "lossy",
            Tone.BAD,
            "切换完成，但有例外：用户侧业务中断 34.6～35.1 秒，丢失 4 笔已确认写入，"
            "恢复时间目标（RTO）、恢复点目标（RPO）未达标。",
            "Switched over, with exceptions: clients were without service for 34.6 to 35.1 s, "
            "4 acknowledged writes were lost, missed: recovery time objective (RTO), recovery point objective (RPO).",
        ),
        (
            "inconclusive",
            Tone.UNKNOWN,
            "切换完成：用户侧业务中断 28.0～31.5 秒，数据丢失情况未测得，"
            "恢复时间目标（RTO）、恢复点目标（RPO）不能判定。",
            "Switched over: clients were without service for 28.0 to 31.5 s, data loss was not measured, "
            "undetermined: recovery time objective (RTO), recovery point objective (RPO).",
        ),
        (
            "rolled-back",
            Tone.BAD,
            "切换未完成，已全部回退：用户侧业务中断 14.1～14.6 秒，1187 笔已确认写入无一丢失。",
            "Not switched over; everything was taken back: clients were without service for 14.1 to 14.6 s, "
            "none of 1187 acknowledged writes was lost.",
        ),
        ("refused", Tone.ATTENTION, "前置条件不满足，未执行任何操作。", "Preconditions not met; nothing was touched."),
        (
            "tabletop",
            Tone.ATTENTION,
            "桌面推演完成：11 个步骤中 10 个确认可行，1 个存在问题。",
            "Table-top finished: of 11 steps 10 were confirmed, 1 have problems.",
        ),
    ],
)
def test_the_first_sentence_is_the_right_conclusion(name: str, tone: Tone, zh: str, en: str) -> None:
    for lang, words in (("zh", zh), ("en", en)):
        headline = view(name, lang).headline
        assert headline.text.startswith(words)
        assert headline.tone is tone


def test_what_was_taken_back_met_no_target() -> None:
    assert {card.verdict.text for card in view("rolled-back").cards} == {"未完成切换，不作判定"}
    assert "达标" not in {row.verdict.text for row in view("rolled-back").goals}


def test_a_broken_rule_is_never_good() -> None:
    one = facts("good")
    broken = (replace(one.record.invariants[0], result="fail"), *one.record.invariants[1:])
    record = replace(one.record, invariants=broken)
    assert drill_view(replace(one, record=record), language("zh")).headline.tone is Tone.BAD


def test_nothing_measured_is_never_good() -> None:
    one = facts("good")
    told = drill_view(replace(one, record=replace(one.record, measured=None)), language("zh"))
    assert told.headline.tone is Tone.UNKNOWN
    assert "业务中断时间未测得" in told.headline.text
    assert {card.figure for card in told.cards} == {"未测得"}


def test_no_outage_seen_is_told_with_the_resolution_and_never_as_none() -> None:
    one = facts("good")
    assert one.record.measured and one.record.measured.worst
    quiet = replace(one.record.measured.worst, rto=None)
    judged = replace(
        one.record.measured.judged[0], measured=Interval(0.0, 0.6), because="no-outage-seen", verdict=Verdict.PASS
    )
    measured = replace(one.record.measured, worst=quiet, judged=(judged, *one.record.measured.judged[1:]))
    told = drill_view(replace(one, record=replace(one.record, measured=measured)), language("zh"))
    assert "未观测到业务中断（探测分辨率 不超过 0.60 秒）" in told.headline.text


@pytest.mark.parametrize(
    ("low", "high", "zh"),
    [
        (0.883, 1.191, "0.8～1.2 秒"),
        (0.0, 0.6, "不超过 0.60 秒"),
        (0.313, 0.519, "0.31～0.52 秒"),
        (34.66, 35.11, "34.6～35.2 秒"),
        (118.0, 247.2, "1 分 58 秒～4 分 8 秒"),
        (12.0, None, "不少于 12.0 秒"),
        (1.0, float("inf"), "不少于 1.0 秒"),
    ],
)
def test_an_interval_is_never_printed_narrower_than_it_is(low: float, high: float | None, zh: str) -> None:
    assert bounds(Interval(low, high), language("zh")) == zh


# Table-tops and rehearsals.


def test_a_table_top_says_that_nothing_was_measured_and_shows_no_figure() -> None:
    page = Page(html("tabletop", "zh"))
    assert "未触动任何系统，也未测量任何指标" in page.text
    assert "桌面推演不产生恢复能力结论" in page.text
    assert page.scripts == []
    assert view("tabletop").cards == ()
    assert "plotly" not in html("tabletop", "zh").lower()


def test_a_rehearsal_and_a_failed_run_verify_nothing() -> None:
    proven = "可作为该预案恢复能力的依据"
    assert proven in "".join(view("good").conclusion)
    for name in ("lossy", "inconclusive", "rolled-back", "refused", "tabletop"):
        assert proven not in "".join(view(name).conclusion), name


@pytest.mark.parametrize("lang", LANGUAGES)
def test_it_never_speaks_of_a_certificate_and_prints_no_level_that_nobody_verified(lang: str) -> None:
    for name in SEALED:
        text = Page(html(name, lang)).text.lower()
        assert not re.search("certif|认证|20988|等级保护", text)


def test_a_level_is_printed_only_from_a_verified_edition_and_only_as_compatible(tmp_path: Path) -> None:
    record = facts("good").record
    say = language("zh")
    assert "verified: true" not in TABLE.read_text()
    assert list(band_sentences(record, say)) == []
    checked = tmp_path / "bands.yml"
    text = TABLE.read_text().replace("verified: false", "verified: true", 1)
    checked.write_text(text.replace('verified_by: ""', "verified_by: somebody, 2026-01-01", 1))
    (sentence,) = band_sentences(record, say, checked)
    assert "第 6 级" in sentence
    assert "相容" in sentence and "不作等级认定" in sentence
    assert list(band_sentences(facts("inconclusive").record, say, checked)) == []
    assert list(band_sentences(facts("tabletop").record, say, checked)) == []


# The picture.


def test_every_vantage_write_and_attempt_is_a_row_with_its_result() -> None:
    chart = view("lossy").switch
    assert chart
    rows = {row.label: row.note for row in chart.rows}
    assert rows["异地灾备中心 · 长连接"] == "中断 34.6～35.1 秒"
    assert rows["写入 · db（异地灾备中心）"] == "丢失 4 笔"
    assert rows["原主库试写 · db"] == "全部被拒绝"
    assert len(rows) == 8


def test_the_window_holds_the_whole_outage_every_lost_write_and_time_on_both_sides() -> None:
    for name in ("good", "lossy", "rolled-back"):
        chart = view(name).switch
        assert chart
        possible = [row.possible for row in chart.rows if row.possible]
        assert chart.start < min(start for start, _ in possible) - 0.9
        assert chart.end > max(end for _, end in possible) + 0.9
        lost = [at for row in chart.rows for at, seen in row.points if seen is Seen.LOST]
        assert len(lost) == (4 if name == "lossy" else 0)


def test_thinning_leaves_out_good_samples_only() -> None:
    chart = view("lossy").switch
    assert chart and chart.thinned > 1 and not chart.capped
    one = facts("lossy")
    track = next(track for track in one.tracks if track.vantage == "dr" and track.name == "kept")
    shown = next(row for row in chart.rows if row.label == "异地灾备中心 · 长连接")
    failed = sum(sample_.seen is Seen.FAILED for sample_ in track.samples)
    assert sum(seen is Seen.FAILED for _, seen in shown.points) == failed
    assert sum(seen is Seen.OK for _, seen in shown.points) <= MOST_GOOD


def test_every_meaning_has_a_sign_of_its_own() -> None:
    chart = next(chart for chart in drill_charts(view("lossy"), language("zh")) if chart.id == "switch")
    traces = [trace for trace in chart.figure["data"] if trace["type"] == "scatter"]
    signs = {trace["name"]: trace["marker"]["symbol"] for trace in traces}
    assert signs["访问失败"] != signs["访问成功"] != signs["已确认而丢失"] != signs["未答复，未写入"]
    bars = [trace["marker"]["pattern"]["shape"] for trace in chart.figure["data"] if trace["type"] == "bar"]
    assert sorted(bars) == ["", "/"]


def test_the_steps_that_count_are_marked_by_name() -> None:
    chart = next(chart for chart in drill_charts(view("good"), language("zh")) if chart.id == "switch")
    names = " ".join(note["text"] for note in chart.figure["layout"]["annotations"])
    for name in ("隔离原主库并以拒写证明", "提升新主库", "业务入口指向新主库", "执行", "生效"):
        assert name in names
    assert sum(shape["type"] == "line" for shape in chart.figure["layout"]["shapes"]) == 3


def test_the_picture_is_told_to_those_who_cannot_see_it() -> None:
    chart = view("lossy", "en").switch
    assert chart
    assert "outage of 34.6 to 35.1 s" in chart.alt
    assert "1183 kept, 4 lost" not in chart.alt  # the track tells of its own samples
    assert "4 lost" in chart.alt
    assert "Promote the new primary" in chart.alt


def test_without_samples_or_for_a_table_top_there_is_no_picture() -> None:
    say = language("zh")
    assert switch_chart(replace(facts("good"), tracks=()), "", say) is None
    assert switch_chart(facts("refused"), "", say) is None
    assert switch_chart(replace(facts("tabletop"), tracks=facts("good").tracks), "", say) is None


# The tables.


def test_findings_have_an_owner_and_a_date() -> None:
    rows = {row.what: row for row in view("lossy").findings}
    row = rows["步骤“原主库作为备库加入”失败"]
    assert (row.owner, row.due, row.status) == ("li-na", "2026-09-26", "未关闭")
    assert row.because == "时间线已分叉，需重建副本"


def test_an_undo_that_failed_says_what_to_do_by_hand() -> None:
    one = facts("rolled-back")
    steps = tuple(
        replace(step, undone="failed", by_hand=replace(step.because, zh="手工启动原主库", en="Start it by hand"))
        if step.id == "fence"
        else step
        for step in one.record.steps
    )
    told = drill_view(replace(one, record=replace(one.record, steps=steps)), language("zh"))
    assert "须人工处置：隔离原主库并以拒写证明——手工启动原主库" in told.conclusion


def test_times_are_those_of_the_estate() -> None:
    assert view("good").when.startswith("2026-09-12 09:00:00 至 2026-09-12 09:02:52")
    assert view("good").steps[2].actual.startswith("09:01:02.5")


def test_the_evidence_names_every_file_with_its_hash_and_how_to_verify() -> None:
    text = Page(html("good", "zh")).text
    assert "meters/dr/probes.jsonl" in text and "cd" * 32 in text
    assert f"python verify_bundle.py {facts('good').record.run}.tar.gz --head {'ef' * 32}" in text
    unsealed = drill_view(replace(facts("good"), manifest={}, manifest_hash=""), language("zh"))
    assert unsealed.files == ()


# The exchange beside the databases.


def with_envelopes(**more: object) -> DrillFacts:
    """The good run, in which the exchange was measured as well."""
    one = facts("good")
    told = {"kept": 58, "lost": (59, 60), "exchange": True, "waiting": 3, "rpo": Interval(1.0, 2.5), **more}
    writes = Writes("exchange", "provinces", 60, 4, 1, dropped=1, **told)  # type: ignore[arg-type]
    measured = one.record.measured
    assert measured is not None
    judged = (*measured.judged, Judged("rpo:exchange", 0.0, Interval(1.0, 2.5), Verdict.FAIL, "lost-more-than-target"))
    return replace(
        one, record=replace(one.record, measured=replace(measured, writes=(*measured.writes, writes), judged=judged))
    )


def test_envelopes_are_told_beside_the_databases_and_judged_by_themselves() -> None:
    told = drill_view(with_envelopes(), language("zh"))
    assert (
        "交换通道：交换前置机确认接收探针报文 60 份，切换后丢失 2 份，未答复 1 份，收件箱待入库 3 份。" in told.support
    )
    (row,) = [one for one in told.writes if one.channel.startswith("交换通道")]
    assert (row.kept, row.lost, row.fenced.text) == ("58（其中 3 份在收件箱待入库）", "2", "不适用")
    assert [one.name for one in told.cards if "交换" in one.name] == ["交换通道恢复点目标（RPO）"]
    assert "1,187" in told.headline.text or "1187" in told.headline.text, "what databases kept is not mixed up with it"
    goals = {one.name: one.verdict.text for one in told.goals}
    assert (goals["恢复点目标（RPO）"], goals["交换通道恢复点目标（RPO）"]) == ("达标", "未达标")
    english = drill_view(with_envelopes(), language("en"))
    assert any("In the exchange channel the front end took 60 envelopes; 2 were lost" in one for one in english.support)


def test_envelopes_that_were_not_read_back_are_not_called_kept() -> None:
    told = drill_view(with_envelopes(read_back=False, kept=0, lost=(), rpo=None, waiting=0), language("zh"))
    assert "交换通道：交换前置机确认接收探针报文 60 份，未能完整读回，丢失情况不明。" in told.support


def test_a_vantage_outside_of_all_centers_is_called_by_the_name_the_estate_gives_it() -> None:
    mark = Mark(Path("meters.yml"), 1)
    known = [
        Vantage(id="provinces", name=Name(zh="各省", en="Provinces"), address="10.0.9.1", folder="/m", mark=mark),
        Vantage(id="other", address="10.0.9.2", folder="/m", mark=mark),
    ]
    meters = Meters(probes=Probes(urls=("http://10.0.0.1",), marker="m", mark=mark), vantages=tuple(known))
    one = replace(with_envelopes(), estate=estate().model_copy(update={"meters": meters}))
    assert [vantage_name(one, "provinces", language(lang)) for lang in ("zh", "en")] == ["各省", "Provinces"]
    assert vantage_name(one, "other", language("zh")) == "other"


# One file that needs nothing, and text that stays text.


@pytest.mark.parametrize("name", ["good", "tabletop", "hostile"])
def test_it_is_one_file_that_asks_for_nothing(name: str) -> None:
    page = Page(html(name, "zh"))
    for tag, attributes in page.elements:
        assert tag not in {"link", "img", "iframe", "object", "embed", "form", "base"}
        for attribute in ("src", "href", "action", "srcset"):
            assert (attributes.get(attribute) or "#").startswith("#")
        assert not [attribute for attribute in attributes if attribute.startswith("on")]
    policy = next(a["content"] for t, a in page.elements if t == "meta" and a.get("http-equiv"))
    hashes = {f"'sha256-{b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in page.scripts}
    assert policy and "default-src 'none'" in policy
    assert all(hash_ in policy for hash_ in hashes)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_text_from_outside_stays_text(lang: str) -> None:
    source = html("hostile", lang)
    page = Page(source)
    assert "<script>alert(1)</script>" in page.text
    assert "{{ 7*7 }}" in page.text and "49{%" not in page.text
    assert source.count("<script") == 2 + len(page.data)
    assert all("alert(1)" not in script for script in page.scripts)
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e\u2066-\u2069]", source)


def test_text_from_outside_is_bounded() -> None:
    assert len(html("hostile", "zh")) - len(html("good", "zh")) < 200_000
    assert "A" * 2001 not in html("hostile", "zh")


def test_labels_of_the_charts_are_not_read_as_markup() -> None:
    drawn = {chart.id: json.dumps(chart.figure) for chart in drill_charts(view("hostile"), language("zh"))}
    assert drawn.keys() == {"switch", "steps"}
    assert not [name for name, text in drawn.items() if "<script" in text or "<b>bold" in text]
    assert "&lt;script&gt;" in drawn["switch"]


def test_the_page_reads_in_order_with_one_heading_of_each_section() -> None:
    page = Page(html("good", "zh"))
    sections = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert sections == [
        *("summary", "overview", "goals", "roles", "scenario", "timeline"),
        *("achieved", "business", "findings", "conclusion", "evidence"),
    ]
