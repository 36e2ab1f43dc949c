"""Connectors: the contract and the stores."""
