"""What runs at a vantage: Python's standard library alone, shipped over SSH as one file, bounded by a lease."""
