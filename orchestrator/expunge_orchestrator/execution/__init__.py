"""Running batches: the steps of a chunk, the runner that delivers them, and what operators do to a batch."""
