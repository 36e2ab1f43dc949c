"""Legal holds: what must not be erased for now, and whom it concerns (ADR 6).

legal_holds      place, lift, list; which people of a batch are on hold
kept_collections which collections a hold on data types keeps
hold_tags        by what a hold knows its people again
unmapped_holds   holds that name what the data map no longer has
"""
