"""A crowd of people on Postgres alone: Expunge beside a hand-written script, each on its own copy of the same data."""
