"""The dead-man's switch: an alert that always fires and carries a sign which only this process can have made.

What comes back through Alertmanager counts only with such a sign, so that neither another watch nor somebody who knows
the address can keep a dead path looking alive. Pure, but for the key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator
from typing import Any

NAME = "Watchdog"
_BEAT = re.compile(r"(\d{1,12}\.\d{3})-([0-9a-f]{32})")


class Heart:
    """Makes beats and knows its own."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def beat(self, now: float) -> str:
        """The sign for a moment of this process's monotonic clock: the wall clock may jump while it is on its way."""
        at = f"{now:.3f}"
        return f"{at}-{self._sign(at)}"

    def heard(self, body: bytes) -> float | None:
        """When the newest beat in a webhook's body was made; None: there is none of ours in it."""
        try:
            message = json.loads(body)
        except (ValueError, RecursionError):
            return None
        return max((at for text in _beats(message) if (at := self._made(text)) is not None), default=None)

    def _made(self, text: str) -> float | None:
        found = _BEAT.fullmatch(text)
        if not found or not hmac.compare_digest(self._sign(found[1]), found[2]):
            return None
        return float(found[1])

    def _sign(self, at: str) -> str:
        return hmac.new(self._key, at.encode(), hashlib.sha256).hexdigest()[:32]


def _beats(message: Any) -> Iterator[str]:
    """What stands under ``alerts[].annotations.beat`` of firing alerts, whatever else the message is."""
    alerts = message.get("alerts") if isinstance(message, dict) else None
    for alert in alerts if isinstance(alerts, list) else ():
        annotations = alert.get("annotations") if isinstance(alert, dict) else None
        beat = annotations.get("beat") if isinstance(annotations, dict) else None
        if isinstance(beat, str) and alert.get("status") == "firing":
            yield beat
