"""Pure decisions over the data map and over counts. Of connectors only the contract's types; nothing of the ledger."""
