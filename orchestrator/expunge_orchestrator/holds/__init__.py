"""Legal holds: what must not be erased for now, and whom it concerns (ADR 6).

legal_holds      holds in force, and whom they hold
hold_placement   place and lift; refuse one that would hold nothing
kept_collections which collections a hold on data types keeps
hold_tags        by what a hold knows its people again
"""
