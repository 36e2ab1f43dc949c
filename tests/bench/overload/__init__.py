"""Overload: what honest callers notice of attacks on the same server."""
