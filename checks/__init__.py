"""What is true now: one file per kind of probe, the engine, the schedule. Reads the world, changes nothing."""
