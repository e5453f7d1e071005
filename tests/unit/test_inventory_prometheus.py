"""What each center's Prometheus is told; ``promtool`` judges it where it is installed (Debian package prometheus)."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from inventory.errors import OperatorError
from inventory.load import load
from inventory.model import Estate
from inventory.prometheus import render

TESTS = Path(__file__).parent.parent
GOLDEN = TESTS / "golden" / "prometheus"
SAMPLE = TESTS.parent / "inventory" / "estates" / "civil-affairs"


@pytest.fixture(scope="module")
def estate() -> Estate:
    return load(TESTS / "golden" / "broken" / "base")


def test_the_files_of_a_center(estate: Estate) -> None:
    files = render(estate.model_copy(update={"digest": "0" * 64}), "one")
    golden = {str(file.relative_to(GOLDEN / "one")): file.read_text() for file in (GOLDEN / "one").rglob("*.yml")}
    assert files == golden


def test_a_center_without_a_prober_only_scrapes_its_hosts(estate: Estate) -> None:
    files = render(estate, "three")
    configuration = yaml.safe_load(files["prometheus.yml"])
    assert [job["job_name"] for job in configuration["scrape_configs"]] == ["node"]
    assert yaml.safe_load(files["targets/node.yml"])[0]["targets"] == ["203.0.113.21:9100"]


def test_the_prober_is_scraped_as_often_as_the_most_frequent_check(estate: Estate) -> None:
    def interval(**options: float) -> tuple[str, str]:
        job = yaml.safe_load(render(estate, "one", **options)["prometheus.yml"])["scrape_configs"][0]
        return job["scrape_interval"], job["scrape_timeout"]

    assert interval() == ("10000ms", "10000ms")
    assert interval(interval=2.5) == ("2500ms", "2500ms")
    assert interval(interval=0.1) == ("1000ms", "1000ms")
    assert interval(interval=3600) == ("60000ms", "10000ms")


def test_an_address_of_version_six_is_bracketed(estate: Estate) -> None:
    host = estate.host("one-app").model_copy(update={"address": "2001:db8::1"})
    center = estate.center("one").model_copy(update={"prober": "https://[2001:db8::9]/prober"})
    files = render(estate.model_copy(update={"hosts": (host,), "centers": (center,)}), "one")
    job = yaml.safe_load(files["prometheus.yml"])["scrape_configs"][0]
    assert job["static_configs"] == [{"targets": ["[2001:db8::9]:443"]}]
    assert (job["scheme"], job["metrics_path"]) == ("https", "/prober/metrics")
    assert yaml.safe_load(files["targets/node.yml"])[0]["targets"] == ["[2001:db8::1]:9100"]


def test_an_unknown_center_is_named(estate: Estate) -> None:
    with pytest.raises(OperatorError, match="`onne` is not a center of small — did you mean `one`"):
        render(estate, "onne")


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is missing: install the package prometheus")
@pytest.mark.parametrize("center", ["cloud", "bigdata", "dr"])
def test_promtool_accepts_it(center: str, tmp_path: Path) -> None:
    for name, text in render(load(SAMPLE), center).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    run = subprocess.run(
        ["promtool", "check", "config", "prometheus.yml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "SUCCESS" in run.stdout
