"""A real Prometheus on loopback whose past was written beforehand, with promtool."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from checks.result import Result

PROMETHEUS = shutil.which("prometheus")
PROMTOOL = shutil.which("promtool")


def openmetrics(results: Iterable[Result], scrape: float, end: float) -> str:
    """What would have been scraped every ``scrape`` seconds: the newest answer of each check, again and again."""
    by_key: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_key.setdefault((result.check, result.vantage), []).append(result)
    lines = {"status": ["# TYPE tricenter_check_status gauge"], "at": ["# TYPE tricenter_check_at_seconds gauge"]}
    for (check, vantage), told in by_key.items():
        told.sort(key=lambda result: result.at)
        labels = f'{{check="{check}",vantage="{vantage}",subject="any"}}'
        for result, until in zip(told, [each.at for each in told[1:]] + [min(told[-1].at + 60, end)], strict=True):
            at = result.at + 0.5
            while at < until + 0.5:
                lines["status"].append(f"tricenter_check_status{labels} {result.status.number} {at:.3f}")
                lines["at"].append(f"tricenter_check_at_seconds{labels} {result.at!r} {at:.3f}")
                at += scrape
    return "\n".join([*lines["status"], *lines["at"], "# EOF", ""])


@contextmanager
def prometheus(folder: Path, past: str) -> Iterator[str]:
    """Run a server that remembers ``past`` (OpenMetrics text with times) while the block runs; yields its address."""
    assert PROMETHEUS and PROMTOOL
    (folder / "past.txt").write_text(past)
    write = [PROMTOOL, "tsdb", "create-blocks-from", "openmetrics", str(folder / "past.txt"), str(folder / "data")]
    subprocess.run(write, check=True, capture_output=True, timeout=60)
    (folder / "prometheus.yml").write_text("scrape_configs: []\n")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    options = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/data"]
    with (folder / "prometheus.log").open("wb") as log:
        server = subprocess.Popen([PROMETHEUS, *options, f"--web.listen-address={address}"], stderr=log, stdout=log)
    try:
        _wait_for(f"http://{address}/-/ready", server)
        yield f"http://{address}"
    finally:
        server.kill()
        server.wait()


def _wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 30
    while time.monotonic() < limit and server.poll() is None:
        try:
            with urlopen(url, timeout=1):
                return
        except (URLError, OSError):
            time.sleep(0.05)
    raise RuntimeError("prometheus did not start")
