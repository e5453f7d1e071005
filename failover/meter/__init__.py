"""The meters: what runs at the vantages (``agent/``), and the arithmetic that makes figures of their logs."""
