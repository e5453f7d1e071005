"""Programs that run on the hosts: Python's standard library only, shipped over SSH, nothing is installed there."""
