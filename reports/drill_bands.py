"""Which ranges of a standard a measurement is compatible with: only those that somebody compared with the standard.

A range never makes a level: that rests on elements which no run can measure. Nothing here ever says more than that.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from failover.drill_record import DrillRecord
from failover.history import judged
from failover.measured import Verdict
from reports.language import Language

TABLE = Path(__file__).parent / "standards" / "gbt20988.yml"


def band_sentences(record: DrillRecord, say: Language, table: Path = TABLE) -> Iterator[str]:
    """One sentence for each verified edition: the highest level whose ranges hold the whole measurement."""
    rto, rpo = judged(record, "rto"), judged(record, "rpo")
    if not rto or not rpo or rto.measured is None or rto.measured.high is None or rpo.verdict is Verdict.INCONCLUSIVE:
        return
    loss = rpo.measured.high if rpo.measured else 0.0
    if loss is None:
        return
    for edition in _editions(table):
        if edition["verified"] is not True or not edition["verified_by"]:
            continue
        fits = [one["level"] for one in edition["levels"] if rto.measured.high <= one["rto"] and loss <= one["rpo"]]
        if fits:
            annex = edition["annex"][say.code]
            yield say("conclusion.band", edition=edition["edition"], annex=annex, level=max(fits))


@cache
def _editions(table: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load(table.read_text(encoding="utf-8")))
