"""What should exist: the estate as people wrote it down. No network, no clock, imports nothing of ours."""
