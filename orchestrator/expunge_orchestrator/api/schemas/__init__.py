"""Request and response bodies. An identifier that comes in never goes out again.

common             the base of all
erasure_requests   of controllers and of people
batches            batches, their plans, the outcome of each line
legal_holds        holds, exemptions and restrictions
locations          what is held of one person
api_keys           API keys and the audit log
notifications      what webhooks are sent
examples           examples for the OpenAPI document
"""
