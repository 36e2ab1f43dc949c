"""`map draft`: a data map proposed from a live database.

store_draft          the draft of a whole database
draft_names          what identities and collections are called (pure)
link_proposals       by which columns rows are found, and whose they say they are (pure)
table_roles          persons, their dependants, shared tables (pure)
polymorphic_keys     columns with ids of many tables, and which these seem to be
creation_times       by which column it is known when a row was made (pure)
tombstone_proposal   a tombstone for a person's row (pure)
missing_rights       what could not be looked at for want of a GRANT
excluded_tables      what is left out, and why (pure)
"""
