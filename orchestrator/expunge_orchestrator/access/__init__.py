"""Who may do what (ADR 12): principals, the table of permissions, tokens, API keys."""
