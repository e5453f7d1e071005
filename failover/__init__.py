"""What we may do to the estate: plans, the failover engine, its journal and its meters."""
