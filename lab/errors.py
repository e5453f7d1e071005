"""What went wrong with the lab, in the operator's words."""

from __future__ import annotations


class LabError(Exception):
    """The lab cannot do what was asked; the message says why and what to do."""
