"""The systems the lab's application plays; the lab's estate names the same ones. Pure."""

from __future__ import annotations

HUB = ("data-hub", "jinmin")  #: served by the ``hub`` program
APP = (
    "one-stop",
    "low-income",
    "marriage",
    "subsidies",
    "place-names",
    "social-orgs",
    "desk",
    "spatio-temporal",
    "security",
    "operations",
)
SYSTEMS = (*APP, *HUB)

MARKER = "tricenter"  #: what a read of any system brings back from the database
