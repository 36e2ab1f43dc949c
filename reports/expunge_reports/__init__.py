"""Statements, signing, the transparency log and the offline verifier."""
