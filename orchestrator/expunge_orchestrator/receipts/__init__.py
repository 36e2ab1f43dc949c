"""Statements of requests: their bodies, their signing into the log, and their export."""
