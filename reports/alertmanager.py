"""Alertmanager's API v2, the only file that speaks it: what fires is posted, again and again; it does the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from checks.deadline import Deadline
from checks.fetch import FAILURES, BoundedSession, place, why
from checks.sentence import clean

SECONDS = 10.0  #: for one posting
_BYTES = 64 * 1024  #: of its answer
AT_ONCE = 200  #: alerts in one posting

Alert = dict[str, Any]


class Refused(Exception):
    """It did not take the alerts; the text says why."""


def post(url: str, alerts: Sequence[Alert]) -> None:
    """Hand alerts to one Alertmanager, even if there are none: it shows whether it listens. Raises :class:`Refused`."""
    for start in range(0, max(1, len(alerts)), AT_ONCE):
        _post(f"{url}/api/v2/alerts", alerts[start : start + AT_ONCE])


def _post(url: str, alerts: Sequence[Alert]) -> None:
    deadline = Deadline.after(SECONDS)
    body = json.dumps(alerts, ensure_ascii=True, allow_nan=False)
    with BoundedSession(deadline, _BYTES) as session:
        try:
            response = session.post(url, data=body, headers={"Content-Type": "application/json"})
        except FAILURES as error:
            raise Refused(why(error, url, deadline, _BYTES)) from error
    if response.status_code != 200:
        raise Refused(f"{place(url)} answers HTTP {response.status_code}: {clean(session.body, 200)}")
