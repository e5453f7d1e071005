"""What the end of a certificate's validity means; shared by the kinds that see one."""

from __future__ import annotations

from checks.result import Status

DAY = 86400.0


def judge_days(expires: float, now: float, limit: float) -> tuple[Status, str] | None:
    """Down once ``expires`` (Unix seconds) is past, degraded when fewer than ``limit`` days are left, else None."""
    days = (expires - now) / DAY
    if days < 0:
        return Status.DOWN, f"the certificate expired {_days(-days)} ago"
    if days < limit:
        return Status.DEGRADED, f"the certificate ends in {_days(days)}, wanted at least {_days(limit)}"
    return None


def _days(days: float) -> str:
    return f"{days:.1f} days" if days < 10 else f"{days:.0f} days"
