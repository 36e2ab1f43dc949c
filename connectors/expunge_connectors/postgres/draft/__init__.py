"""`map draft`: a data map proposed from a live database.

store_draft          the draft of a whole database
table_roles          persons, their dependants, shared tables (pure)
polymorphic_keys     columns with ids of many tables, and which these seem to be
tombstone_proposal   a tombstone for a person's row (pure)
missing_rights       what could not be looked at for want of a GRANT
excluded_tables      what is left out, and why (pure)
"""
