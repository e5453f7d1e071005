"""Real faults for the lab: what each does, doing it, undoing it, and when it was done."""

from lab.faults.inject import inject, undo
from lab.faults.record import Active, active
from lab.faults.table import FAULTS, Fault

__all__ = ["FAULTS", "Active", "Fault", "active", "inject", "undo"]
