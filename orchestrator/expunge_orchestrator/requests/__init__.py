"""Requests before and around their batch (ADR 11)."""
