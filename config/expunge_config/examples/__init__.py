"""Packaged examples: a company to work on."""
