"""Retention: data goes when its time has come (ADR 30).

age_plan          what is due by age in every place of the data map, and what stays of it
holds_in_force    what holds keep of a collection that is swept
named_elsewhere   what a record names in other stores goes before it, or keeps it
runaway_monitor   more came due than was foreseen, or would go than leave was given for: no sweep begins
sweep_run         carries out a sweep, and takes up one that was interrupted
sweep_statements  what is stated of a sweep, for each controller
sweep_view        a sweep as people and machines are told of it
backlog           what is due and could go, and the day on which nothing of it is left
sweep_counts      how much was due, went and is left, and why: of a place, and of a data type
retention_alarms  from when until when deletion by age did not do what it is for
sweep_report      what went in a period, what is left and why, whether it keeps up, what was wrong
report_document   the report as machines are told
kept_gone         what a law kept of people whose requests ended is seen and stated to be gone
drift             what stores end by themselves, against what the map declares
period            a year, a quarter or a month
errors            not armed, too much, behind, drift
"""
