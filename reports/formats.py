"""Numbers, shares, durations and moments as people read them, the same everywhere in a report.

Shares are cut, never rounded up: 99.9499 % must not be printed as the 99.95 % that was
promised, nor 99.9999 % as 100 %.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import ROUND_FLOOR, Decimal

_UNITS = {
    "zh": (("天", 86400), ("小时", 3600), ("分", 60), ("秒", 1)),
    "en": (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)),
}
_DAYS = {
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}


def percent(share: float, places: int = 3) -> str:
    """A share of one as percent, cut after ``places`` decimals; ``1.0`` is ``100%``, ``0.9995`` is ``99.95%``."""
    # str() first: 0.9995 as written, not as the binary fraction a hair below it
    exact = Decimal(str(share)) * 100
    cut = exact.quantize(Decimal(1).scaleb(-places), rounding=ROUND_FLOOR)
    text = f"{cut:,f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text}%"


def duration(seconds: float, lang: str) -> str:
    """A length of time with its two largest units: ``2 小时 5 分``, ``3 min 12 s``; tenths below ten seconds."""
    if seconds < 0:
        return f"−{duration(-seconds, lang)}"
    if seconds < 10:
        number = f"{seconds:.2f}" if seconds < 1 else f"{seconds:.1f}"
        return f"{number.rstrip('0').rstrip('.') or '0'} {_UNITS[lang][-1][0]}"
    left = round(seconds)
    parts: list[str] = []
    for unit, size in _UNITS[lang]:
        amount, left = divmod(left, size)
        if amount:
            parts.append(f"{amount} {unit}")
        elif parts:  # 1 h 0 min 5 s is told as 1 h
            break
    return " ".join(parts[:2])


def moment(at: float, zone: tzinfo) -> str:
    """A moment to the second in the estate's time zone: ``2026-08-19 14:03:12``."""
    return f"{datetime.fromtimestamp(at, zone):%Y-%m-%d %H:%M:%S}"


def moment_short(at: float, zone: tzinfo) -> str:
    """A moment without its year: ``08-19 14:03:12``."""
    return f"{datetime.fromtimestamp(at, zone):%m-%d %H:%M:%S}"


def day(at: float, zone: tzinfo, lang: str) -> str:
    """A day with its weekday: ``08-19 周三``."""
    local = datetime.fromtimestamp(at, zone)
    return f"{local:%m-%d} {_DAYS[lang][local.weekday()]}"
