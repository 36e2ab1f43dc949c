"""Retention: data goes when its time has come (ADR 30). What is due is shown; nothing is deleted by age yet.

age_plan  what is due by age in every place of the data map, and what stays of it
"""
