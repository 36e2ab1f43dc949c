"""Notices: webhooks to the controller's systems and letters to people, of what became of requests.

What is to be told is the difference between a request's state and what it was last told (`request.told`): both are
durable in the ledger, so that nothing is forgotten whatever is killed when. Differences are written down (`noting`) and
delivered outside of any transaction, at least once, in order per request (`delivering`).

events      what is to be told; pure
noting      differences become rows of `notice`
delivering  rows are delivered, or tried again later, or given up, visibly
webhooks    a POST, signed (Standard Webhooks)
letters     a file for the operator's mail system
words       what letters say
"""
