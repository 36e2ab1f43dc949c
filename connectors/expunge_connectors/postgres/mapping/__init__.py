"""The data map bound to the live catalogue.

bound_tables             tables of the map with their columns, keys and owners (data)
bound_links              by which columns their rows belong to people (data)
table_binding            joins map and catalogue, or says what does not fit
link_binder              links of the map with live columns, and what else says whose a row is
bound_kinds              of which kind rows must be, with live columns
erasure_order            allowed actions; children before parents
retention_dependencies   parents that must stay while their children stay
tenant_map               the map as it is for one member, where each has a schema of its own
owner_values             whether a member is a valid value of the owner column
"""
