"""A host of the lab: its namespaces, mounts, network, processes and first services."""
