"""What must hold between the parts of an estate: the table of contents of all rules. Pure."""

from __future__ import annotations

from inventory import calendar_rules, check_rules, estate_rules, meter_rules, system_rules
from inventory.parts import Parts
from inventory.reference import Problems, Rule

RULES: tuple[Rule, ...] = (
    *estate_rules.RULES,
    *system_rules.RULES,
    *check_rules.RULES,
    *meter_rules.RULES,
    *calendar_rules.RULES,
)


def broken(parts: Parts) -> Problems:
    """Every problem of every rule. What could not be read is passed over: its own problem is enough."""
    for rule in RULES:
        yield from rule(parts)
