"""An HTTP server on loopback that answers as Prometheus and probers do, or as they do on a bad day."""

from __future__ import annotations

import contextlib
import gzip
import json
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

#: Answers one request.
Respond = Callable[[BaseHTTPRequestHandler], None]


@dataclass
class PrometheusServer:
    """Started by ``with``. ``query`` answers ``/api/v1/query``, ``results`` the prober's ``/results``."""

    query: Respond
    results: Respond | None = None
    asked: list[tuple[str, dict[str, list[str]]]] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def __enter__(self) -> PrometheusServer:
        fake = self
        self.released = threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                fake.asked.append((parts.path, parse_qs(parts.query)))
                fake.headers.append(dict(self.headers.items()))
                answer = {"/api/v1/query": fake.query, "/results": fake.results}.get(parts.path) or status(404, b"no")
                with contextlib.suppress(OSError):  # clients that hang up are part of the tests
                    answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    def silence(self, handler: BaseHTTPRequestHandler) -> None:
        """An answer that does not come before the test is over."""
        self.released.wait(30)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Headers without end, a byte at a time: each read succeeds, the whole never does."""
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        while not self.released.wait(0.02):
            handler.wfile.write(b"x")

    def drip_body(self, handler: BaseHTTPRequestHandler) -> None:
        """A body without end, a byte at a time."""
        handler.wfile.write(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"status": "')
        while not self.released.wait(0.02):
            handler.wfile.write(b"x")


def status(code: int, body: bytes, kind: str = "application/json", **headers: str) -> Respond:
    """Answer with these bytes."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in ({"Content-Type": kind, "Content-Length": str(len(body))} | headers).items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def series(*samples: tuple[Mapping[str, str], str], warnings: Iterable[str] = (), at: float = 1.0) -> Respond:
    """A vector as Prometheus 2.42 writes it; values are strings there."""
    result = [{"metric": dict(labels), "value": [at, value]} for labels, value in samples]
    document: dict[str, Any] = {"status": "success", "data": {"resultType": "vector", "result": result}}
    if warnings:
        document["warnings"] = list(warnings)
    return status(200, json.dumps(document).encode())


def checks(rows: Iterable[Mapping[str, Any]], **labels: str) -> Respond:
    """The metrics of a prober: rows of check, vantage, subject, status, at, took, value."""
    samples = []
    for row in rows:
        shared = (
            {name: str(row[name]) for name in ("check", "vantage", "subject")} | {"job": "tricenter-prober"} | labels
        )
        names = {"status": "status", "at": "at_seconds", "took": "took_seconds", "value": "value"}
        for name, metric in names.items():
            if row.get(name) is not None:
                samples.append(({"__name__": f"tricenter_check_{metric}"} | shared, str(row[name])))
    return series(*samples)


def zipped(document: bytes) -> Respond:
    """A compressed answer."""
    return status(200, gzip.compress(document), Content_Encoding="gzip")
