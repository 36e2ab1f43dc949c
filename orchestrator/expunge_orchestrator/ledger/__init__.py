"""The ledger: its tables, its migrations, and what reads and writes them."""
