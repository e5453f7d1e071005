"""What runs on the estate's hosts, with nothing but their own Python; shipped over SSH, never installed."""
