"""A lab where nothing happens: the watch has nothing to say. TRICENTER_QUIET_SECONDS makes the quiet longer."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path

import pytest

from lab.client import Lab
from tests.lab.watch_process import watching
from tests.lab.watching import Observed, of_kind, told

pytestmark = pytest.mark.lab
_QUIET = float(os.environ.get("TRICENTER_QUIET_SECONDS", "60"))


def test_in_quiet_nothing_is_said_of_any_center_link_host_or_system(healthy: Lab, tmp_path: Path) -> None:
    with watching(tmp_path, healthy.estate_folder, "--every", "2") as watch:
        watch.start()
        seen = Observed(watch)
        seen.settle(120)
        began = time.time()
        time.sleep(_QUIET)
        said = of_kind(seen.changes(began), "center", "link", "host", "service", "system")
        assert not said, [told(change) for change in said]
        assert not seen.incidents(began)
        with closing(watch.opened()) as store:
            assert max(ended for _, ended in store.watched()) > began + _QUIET - 30, "it has watched all the time"
        assert watch.end() == 0, watch.log[-3000:]
