"""Three real centers on one Linux machine, and the faults to inject."""
