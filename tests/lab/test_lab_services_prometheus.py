"""A center's Prometheus starts from the rendered configuration, again after a loss of power, and stays small."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.services import prometheus
from lab.topology import PORTS
from tests.lab.loopback import Loopback, until

pytestmark = [
    pytest.mark.lab,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="needs prometheus installed"),
]

#: Stands where the project's ``ops`` stands and takes the same words.
OPS = """
import sys
from pathlib import Path
words = sys.argv[1:]
assert words[:2] == ["prometheus", "render"], words
given = dict(zip(words[2::2], words[3::2], strict=True))
assert given["--center"] == "dr" and given["--estate"].endswith("/estate")
text = "global: {scrape_interval: 1s}\\nscrape_configs: [{job_name: me, static_configs: [{targets: ['%s']}]}]\\n"
(Path(given["--out"]) / "prometheus.yml").write_text(text % "127.79.3.51:9090")
"""


@pytest.fixture
def lab() -> Iterator[Loopback]:
    one = Loopback(Path(tempfile.mkdtemp(prefix="lab79-", dir="/tmp")), "127.79")
    try:
        yield one
    finally:
        one.close()


def samples(lab: Loopback) -> int:
    """How many times it has scraped itself."""
    url = f"http://{lab.address('dr-ops')}:{PORTS['prometheus']}/api/v1/query?query=count_over_time(up[1h])"
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            found = json.load(answer)["data"]["result"]
    except OSError:
        return 0
    return int(found[0]["value"][1]) if found else 0


def test_it_scrapes_and_remembers_over_a_loss_of_power(lab: Loopback) -> None:
    project = lab.folder / "project"
    project.mkdir()
    (project / "ops.py").write_text(OPS)
    place = replace(lab.place("dr-ops"), project=project, python=Path(sys.executable))
    place.folder.mkdir(parents=True)
    run = place.folder / "run.sh"
    run.write_text(prometheus.service(place).run)
    before = 0
    for _ in range(2):
        server = subprocess.Popen(["sh", run], stdout=subprocess.DEVNULL)
        try:
            until(lambda least=before + 2: samples(lab) >= least)  # type: ignore[misc]
            before = samples(lab)
        finally:
            server.kill()
            server.wait()
