"""Erasure requests before and around their batch (ADR 11).

submission           a submitted request becomes durable, once
identifier_tags      keyed hashes by which a person's requests are found again
scheduler            plan and start what has come due
plan_replacement     a plan that is void is replaced by a new one
request_retry        go on with what failed or waits, on an operator's word
withdrawal           cancel or deny before the start
response_deadlines   deadlines of requests: set, extend, list what is due
public_status        the status that people and machines are shown (pure)
"""
