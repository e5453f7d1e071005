"""What went wrong with the lab, in the operator's words."""

from __future__ import annotations

from inventory.errors import OperatorError


class LabError(OperatorError):
    """The lab cannot do what was asked; the message says why and what to do."""
