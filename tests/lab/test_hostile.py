"""Hostile text on its whole way: from servers, hosts, file names and the estate itself, through checks, verdicts, a
runbook and the terminal into the report. It runs nowhere, and people read it as the text that it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import urllib.parse
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from lab.client import Lab
from lab.faults import inject, undo
from lab.services.postgres import BIN
from lab.topology import PORTS
from tests.golden.reports.page import Page
from tests.lab import hostile
from tests.lab.hostile import FORBIDDEN, PROVINCES, SCRIPT, SHELL, TEMPLATE
from tests.lab.watch_process import OPS, Watch, until, watching

pytestmark = pytest.mark.lab
SHARED = "service:cloud-app/app"
IDS = re.compile(r"[A-Za-z0-9/@>._:-]*")  #: what a label of ours may hold
COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, slots=True)
class Story:
    """A lab full of hostile text, and a watch that has lived in it for a while."""

    lab: Lab
    watch: Watch

    def ops(self, *argv: str, expect: tuple[int, ...] = (0,)) -> str:
        """What a person sees in a wide terminal with colours."""
        wide = os.environ | {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "600"}
        options = ["--estate", str(self.lab.estate_folder)]
        if argv[0] in ("status", "report") or argv[:2] == ("runbook", "run"):
            options += ["--store", f"sqlite:///{self.watch.store}"]
        done = subprocess.run(
            [sys.executable, OPS, *argv, *options],
            cwd=self.watch.folder,
            env=wide,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode in expect, (done.returncode, done.stdout[-2000:], done.stderr[-3000:])
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    def records(self, kind: str) -> list[dict[str, Any]]:
        store = self.watch.opened()
        try:
            return store.records(kind)
        finally:
            store.close()

    def sentence(self, subject: str) -> str:
        """The reason of an open incident, as stored; empty while there is none."""
        query = "SELECT because FROM incidents WHERE subject = ? AND closed IS NULL"
        return self.watch.ask(query, subject) or ""


@pytest.fixture(scope="module")
def story(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Watch the hostile lab, stop a service there, and wait until the watch has repaired it by its runbook."""
    if lab.mode != "namespaces":
        pytest.skip("needs a lab in namespaces")
    folder = tmp_path_factory.mktemp("hostile")
    with (
        hostile.files(lab),
        hostile.servers(lab.topology.desk, folder) as ports,
        hostile.estate(lab, ports),
        watching(folder, lab.estate_folder, "--every", "1") as watch,
    ):
        told = Story(lab, watch)
        watch.start()
        _see_everything(told, hostile.checks(lab, ports))
        inject(lab, "stop-service", ["cloud-app", "app"])
        try:
            until(lambda: _repaired(told), "the watch has repaired the service", watch, 120)
            until(lambda: not told.sentence(SHARED), "its incident is closed", watch)
        finally:
            undo(lab, "stop-service", ["cloud-app", "app"])
        yield told
        assert watch.end() == 0


def _see_everything(story: Story, checks: Iterable[str]) -> None:
    """Every hostile answer has become a verdict, and the service that will be stopped is known to work."""
    awaited = {f"component:hostile/{name}@cloud": "unknown" if name == "disk" else "down" for name in checks}
    awaited |= {f"province:{code}": "degraded" for code in PROVINCES} | {SHARED: "ok"}
    for subject, status in awaited.items():
        until(partial(_is, story, subject, status), f"{subject} is {status}", story.watch, 120)


def _is(story: Story, subject: str, status: str) -> bool:
    return story.watch.status(subject) == status


def _repaired(story: Story) -> bool:
    return any(run["outcome"] == "repaired" and run["inputs"]["service"] == "app" for run in story.records("run"))


@pytest.fixture(autouse=True)
def nothing_ran(story: Story) -> Iterator[None]:
    """Before and after each test: no file was touched by any of the text."""
    yield
    assert hostile.owned(story.lab, story.watch.folder, OPS.parent / "var") == []


def shown(text: str) -> str:
    """Text for a terminal without our own colours: nothing that is left may steer the terminal or turn the text."""
    plain = COLOURS.sub("", text)
    assert "\x1b" not in plain
    assert not set(FORBIDDEN) & set(plain)
    return plain


def test_the_watch_names_what_it_saw_as_text(story: Story) -> None:
    log = shown(story.watch.log)
    assert TEMPLATE in log
    assert SHELL in log
    assert SCRIPT in log
    for code, name in zip(PROVINCES, hostile.FILE_NAMES, strict=True):
        visible = name.removeprefix(hostile.UNSEEN)
        assert f"{visible}.csv" in json.loads(story.sentence(f"province:{code}"))[1]["said"]


def test_the_watch_repaired_the_hostile_host(story: Story) -> None:
    (incident,) = [one for one in _incidents(story) if one.subject == SHARED]
    (run,) = [one for one in story.records("run") if one["inputs"].get("service") == "app"]
    assert (run["outcome"], run["inputs"]["host"], incident.repaired_by) == ("repaired", "cloud-app", run["id"])
    artifacts = Path(run["artifacts"])
    labels = json.loads((artifacts / "inventory" / "hosts.json").read_text())
    assert TEMPLATE in labels["all"]["hosts"]["cloud-app"]["tricenter_labels"]["owner"]["__ansible_unsafe"]


def _incidents(story: Story) -> list[Any]:
    store = story.watch.opened()
    try:
        return store.incidents()
    finally:
        store.close()


def test_a_folder_and_files_with_hostile_names_are_cleaned(story: Story) -> None:
    folder = hostile.scratch(story.lab)
    seen = story.lab.layout.data("cloud-app") / "scratch" / folder.name
    assert len(list(seen.iterdir())) == len(hostile.FILE_NAMES)
    said = shown(story.ops("runbook", "run", "free-disk", "host=cloud-app", f"folder={folder}"))
    assert "deleted 6 files" in said
    assert list(seen.iterdir()) == []


def test_hostile_inputs_are_refused_and_named(story: Story) -> None:
    given = (f"host={TEMPLATE}", f"service={hostile.LOUD}")
    said = shown(story.ops("runbook", "run", "restart-service", *given, expect=(2,)))
    assert TEMPLATE in said
    assert "is no host of the estate" in said
    assert "there is no runbook" in shown(story.ops("runbook", "run", hostile.LOUD, "host=cloud-app", expect=(2,)))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_board_shows_it_as_text(story: Story, lang: str) -> None:
    board = shown(story.ops("status", "--lang", lang, expect=(1,)))
    assert f"{TEMPLATE} {'中文' if lang == 'zh' else 'English'} {SCRIPT}" in board
    assert SHELL in board


def test_the_boards_json_is_json(story: Story) -> None:
    said = story.ops("status", "--json", expect=(1,))
    shown(said)
    page = json.loads(said)
    named = {one["subject"]: one["name"] for one in page["systems"]}
    assert named["system:marriage"] == f"{TEMPLATE} English {SCRIPT}"
    assert any(SHELL in one["sentence"] for one in page["incidents"])


def test_checks_asked_by_hand_show_it_as_text(story: Story) -> None:
    table = shown(story.ops("check", "host=cloud-app|cloud-xchg", expect=(1,)))
    assert TEMPLATE in table
    assert SHELL in table


def test_batches_with_hostile_names_are_taken_in(story: Story, until: Callable[..., None]) -> None:
    query = f"SELECT count(*) FROM exchange_batch WHERE province = '{hostile.COMPLETE}' AND file !~ '^[0-9_T]+.csv$'"
    host = "cloud-db"
    argv = [str(BIN / "psql"), "-XAtqU", "postgres", "-d", "civil", "-h", str(story.lab.inside(host) / "run" / "pg")]
    until(
        lambda: story.lab.run(host, [*argv, "-c", query]).stdout.strip() == str(len(hostile.FILE_NAMES)),
        "the front end has taken in every hostile batch",
    )
    log = story.lab.layout.host("cloud-xchg") / "log" / "ingest.log"
    shown(log.read_text(errors="replace"))


def test_what_looks_for_the_file_would_find_it(story: Story) -> None:
    made = str(story.lab.inside("cloud-xchg") / "data" / "exchange" / "owned")
    story.lab.run("cloud-xchg", ["touch", made, "/tmp/owned"])
    (story.watch.folder / "owned").touch()
    found = hostile.owned(story.lab, story.watch.folder)
    story.lab.run("cloud-xchg", ["rm", made, "/tmp/owned"])
    (story.watch.folder / "owned").unlink()
    assert {f"cloud-xchg:{made}", "cloud-xchg:/tmp/owned", str(story.watch.folder / "owned")} <= set(found)


def test_other_listings_show_it_as_text(story: Story) -> None:
    known = json.loads(shown(story.ops("inventory", "ansible")))
    assert "__ansible_unsafe" in json.dumps(known)
    shown(story.ops("inventory", "hosts"))
    shown(story.ops("validate"))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_weekly_report_shows_it_as_text_and_runs_nothing_of_it(story: Story, lang: str) -> None:
    said = shown(story.ops("report", "weekly", "--lang", lang))
    html = (story.watch.folder / said.strip()).read_text(encoding="utf-8")
    page = Page(html)
    assert not set(FORBIDDEN + "\x1b") & set(html)
    assert page.tags & {"img", "iframe", "object", "embed", "base", "form", "link"} == set()
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    policy = next(a["content"] or "" for tag, a in page.elements if tag == "meta" and "http-equiv" in a)
    hashes = [b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in page.scripts]
    assert sorted(re.findall(r"'sha256-([^']+)'", policy)) == sorted(hashes)
    assert len(hashes) == 2, "the library and our own few lines"
    for text in (TEMPLATE, SHELL, SCRIPT, hostile.IMAGE):
        assert any(text in line for line in page.lines), text
    labels = [note["text"] for figure in page.data for note in figure["layout"]["annotations"]]
    assert any("&lt;script&gt;" in label for label in labels)
    assert not [label for label in labels if "<script" in label or "<img" in label]


def test_metrics_hold_ids_only(story: Story) -> None:
    address = f"http://{story.lab.address('cloud-ops')}"
    families = list(text_string_to_metric_families(_get(f"{address}:{PORTS['prober']}/metrics")))
    ours = [sample for one in families for sample in one.samples if sample.name.startswith("tricenter_check_")]
    assert any("hostile/plugin" in sample.labels["check"] for sample in ours)
    query = urllib.parse.urlencode({"query": '{__name__=~"tricenter_check_.*"}'})
    answer = json.loads(_get(f"{address}:{PORTS['prometheus']}/api/v1/query?{query}"))
    stored = [series["metric"] for series in answer["data"]["result"]]
    assert any("hostile/plugin" in labels["check"] for labels in stored)
    for labels in [*(sample.labels for sample in ours), *stored]:
        assert all(IDS.fullmatch(value) for value in labels.values()), labels


def test_the_prober_tells_it_as_json_text(story: Story) -> None:
    page = _get(f"http://{story.lab.address('cloud-ops')}:{PORTS['prober']}/results")
    shown(page)
    told = {one["check"]: one for one in json.loads(page)["results"]}
    certificate = told["hostile/tls@cloud/cloud-app/ask"]["evidence"]
    assert "touch owned" in certificate["subject"]


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as answer:
        return str(answer.read().decode())
