"""What is true now: one file per kind of probe, the engine that runs them, the schedule. Reads the world, changes nothing."""
