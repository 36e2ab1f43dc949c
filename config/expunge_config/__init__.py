"""Settings, the data map and the packaged examples."""
