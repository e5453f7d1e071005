"""Checks made by hand, for tests of what asks them."""

from __future__ import annotations

from pydantic import BaseModel

from checks.check import Check
from inventory.model import Confirm


def check(
    kind: str, params: BaseModel, timeout: float = 5.0, check_id: str = "one/check", interval: float = 30.0
) -> Check:
    """A check from the center ``cloud``."""
    return Check(
        check_id, "host:cloud-app", kind, params, ("cloud",), interval, timeout, Confirm(m=2, n=3), None, "cloud"
    )
