"""Measurements, run by hand or by `make bench-checks`; never part of the tests."""
