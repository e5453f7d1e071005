"""A real Alertmanager on loopback, configured as ``docs/howto/tell-people.md`` says, only faster; and its receiver."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

PROGRAM = shutil.which("prometheus-alertmanager", path="/usr/bin:/usr/local/bin")
_HOWTO = Path(__file__).parents[2] / "docs" / "howto" / "tell-people.md"


@dataclass
class Pager:
    """Whatever people are reached by: it keeps what Alertmanager sends."""

    port: int = 0
    messages: list[dict[str, Any]] = field(default_factory=list)

    def told(self, status: str) -> list[str]:
        """The incidents of that status over all messages, each once."""
        found = {a["labels"]["incident"] for m in self.messages for a in m["alerts"] if a["status"] == status}
        return sorted(found, key=int)


@contextmanager
def pager() -> Iterator[Pager]:
    """A webhook receiver of ours."""
    kept = Pager()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            kept.messages.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()


def documented() -> dict[str, Any]:
    """The configuration that the documentation gives."""
    blocks = re.findall(r"```yaml\n(.*?)```", _HOWTO.read_text(encoding="utf-8"), re.DOTALL)
    found = [block for block in blocks if "route:" in block]
    assert len(found) == 1
    return dict(yaml.safe_load(found[0]))


@contextmanager
def alertmanager(folder: Path, port: int, duty: int, heartbeat: int) -> Iterator[str]:
    """Run it on a port, with the ports of its two receivers; yields its URL."""
    assert PROGRAM
    config = documented()
    config["route"] |= {"group_wait": "200ms", "group_interval": "1s"}
    config["route"]["routes"][0] |= {"group_wait": "100ms", "group_interval": "500ms", "repeat_interval": "500ms"}
    for receiver, place in zip(config["receivers"], (f"{duty}/alerts", f"{heartbeat}/watchdog"), strict=True):
        receiver["webhook_configs"][0]["url"] = f"http://127.0.0.1:{place}"
    folder.mkdir(exist_ok=True)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    argv = [PROGRAM, f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/data"]
    argv += [f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=", "--log.level=error"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _await_ready(url, process)
        yield url
    finally:
        process.kill()
        process.wait()


def active(url: str) -> list[dict[str, Any]]:
    """The alerts that fire there now, without the heartbeat."""
    with urllib.request.urlopen(f"{url}/api/v2/alerts?active=true", timeout=5) as answer:
        return [alert for alert in json.load(answer) if alert["labels"]["alertname"] != "Watchdog"]


def _await_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    limit = time.monotonic() + 60
    while time.monotonic() < limit:
        assert process.poll() is None, "Alertmanager ended"
        try:
            with urllib.request.urlopen(f"{url}/-/ready", timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError("Alertmanager did not become ready")
