"""What we know: the store, and judgement from results to verdicts, changes and incidents."""
