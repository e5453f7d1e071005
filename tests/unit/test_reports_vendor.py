"""The vendored plotly.js is the one that is documented, and the one the Python package speaks to."""

from __future__ import annotations

import hashlib

from plotly.offline import get_plotlyjs_version

from reports.charts import LIBRARY

README = (LIBRARY.parent / "README.md").read_text()


def test_the_bundle_has_the_version_of_the_python_package() -> None:
    assert f"plotly.js (basic - minified) v{get_plotlyjs_version()}" in LIBRARY.read_text()[:200]
    assert f"| {get_plotlyjs_version()} |" in README


def test_the_bundle_is_the_documented_one() -> None:
    assert hashlib.sha256(LIBRARY.read_bytes()).hexdigest() in README


def test_the_bundle_can_stand_inside_a_script_element() -> None:
    assert "</script" not in LIBRARY.read_text().lower()
    assert "<!--" not in LIBRARY.read_text()
