"""Restores: what a store that was restored from a copy brings back, and the plans that take it away again (ADR 35).

returned_people   people who were erased, and of whom something is due in a store again
replay_plans      one plan for each reach of the requests that are to be done again
"""
