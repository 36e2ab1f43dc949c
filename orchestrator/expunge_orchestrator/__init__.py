"""Orchestrator: ledger, planning, execution, verification and the command line."""
