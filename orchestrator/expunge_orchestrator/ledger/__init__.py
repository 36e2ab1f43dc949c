"""The ledger: schema, migrations and its records."""
