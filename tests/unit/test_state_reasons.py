"""Every reason can be said in both languages, with all its facts, and facts are only ever text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.result import Status
from state.opinion import How
from state.reasons import TEXTS, say
from state.verdict import Reason
from tests.scenarios.world import Script, World

STATE = Path(__file__).parents[2] / "state"
KINDS = "any|host|service|component|province|center|link|watch|notices|system|estate"
MADE = {
    f"{kind}.{how}"
    for kind in ("host", "component", "province")
    for how in (How.PATH, How.STALE, How.NEVER, How.UNSURE)
}
MADE |= {f"{kind}.{status}" for kind in ("component", "province") for status in (Status.DOWN, Status.DEGRADED)}
MADE |= {f"{kind}.{word}" for kind in ("component", "province") for word in ("ok", "path_noted", "inside_fails")}
MADE |= {"component.partly"}


def used() -> set[str]:
    """The codes that the judging files write out, and those they put together."""
    files = [file for file in STATE.glob("*.py") if file.name != "reasons.py"]
    return {code for file in files for code in re.findall(rf'"((?:{KINDS})\.[a-z_]+)"', file.read_text())} | MADE


def test_every_code_has_both_texts_and_every_text_is_used() -> None:
    assert used() == set(TEXTS)


def test_the_chinese_is_chinese_and_asks_for_the_same_facts() -> None:
    for code, (zh, en) in TEXTS.items():
        assert re.search(r"[\u4e00-\u9fff]", zh), code
        assert not re.search(r"[\u4e00-\u9fff]", en), code
        assert set(re.findall(r"\{(\w+)\}", zh)) == set(re.findall(r"\{(\w+)\}", en)), code


def troubles() -> list[World]:
    worlds = [World() for _ in range(9)]
    worlds[0].stopped.add("marriage/app@cloud")
    worlds[1].off.add("cloud-db")
    worlds[2].frozen.add("bigdata-app")
    worlds[3].cut_both("cloud", "dr")
    worlds[4].isolate("bigdata")
    worlds[5].isolate("cloud", desk_too=False)
    worlds[6].dead_probers.add("dr")
    worlds[7].mute |= {"110000", "310000"}
    worlds[8].isolate("cloud")
    worlds[8].isolate("bigdata")
    return worlds


@pytest.mark.parametrize("world", troubles())
def test_judging_gives_every_fact_that_its_reasons_speak_of(world: World) -> None:
    script = Script()
    script.quiet_start(30.0)
    script.world = world
    script.run(90)
    reasons = [v.because for v in script.store.verdicts()] + [c.because for c in script.store.changes()]
    for reason in reasons:
        for lang in ("zh", "en"):
            sentence = say(reason, lang)
            assert "{" not in sentence
            assert "—" not in sentence, (reason, sentence)
    script.store.close()


def test_names_are_said_in_the_language_asked_for() -> None:
    reason = Reason("center.ok", {"center": "cloud", "center_zh": "民政政务云中心", "center_en": "Cloud center"})
    assert say(reason, "zh") == "民政政务云中心运行正常"
    assert say(reason, "en") == "Cloud center works"


def test_an_unknown_code_is_said_as_it_is() -> None:
    assert say(Reason("some.thing", {"b": "2", "a": "1"}), "zh") == "some.thing (a: 1, b: 2)"
    assert say(Reason("some.thing"), "en") == "some.thing"


def test_a_missing_fact_is_a_dash() -> None:
    assert say(Reason("host.ok"), "en") == "host — works"
    assert say(Reason("host.down", {"host": "h", "said": ""}), "zh") == "主机 h 宕机"


@given(st.sampled_from(sorted(TEXTS)), st.text(max_size=50), st.sampled_from(["zh", "en"]))
def test_facts_are_never_read_as_anything_but_text(code: str, hostile: str, lang: str) -> None:
    names = re.findall(r"\{(\w+)\}", TEXTS[code][0])
    value = f"{{said}} {{0.__class__}} {hostile}"
    sentence = say(Reason(code, dict.fromkeys(names, value)), lang)
    assert sentence.count("{0.__class__}") == len(re.findall(r"\{\w+\}", TEXTS[code][lang == "en"]))
