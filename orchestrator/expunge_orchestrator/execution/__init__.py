"""Running batches: steps, pipeline, runner."""
