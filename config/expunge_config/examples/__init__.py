"""Packaged example: an invented company."""
