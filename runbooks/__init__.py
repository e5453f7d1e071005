"""What we may do to one thing: cards and playbooks, deciding with reasons, running with ansible-runner."""
