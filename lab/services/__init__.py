"""The real servers and small programs that run on the lab's hosts."""
