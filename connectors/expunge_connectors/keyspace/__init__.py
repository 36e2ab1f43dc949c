"""Template-named stores (Redis keys, S3 objects): the rules that both share.

templates             `session:{token}` templates
template_rules        which collection a name belongs to; where two overlap
end_by_age            whether a store can end records by itself as the map says (pure)
nested_names          one person's names within another's, where a value holds what ends it
name_samples          sampled names held against the templates
template_inference    templates proposed from a sample
unnormalised_names    names that hold an identifier in another than its normalised form
identifier_patterns   what identifiers look like; names with values masked
"""
