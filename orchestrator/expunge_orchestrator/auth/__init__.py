"""Authentication and authorisation (ADR 12).

principals       roles, and for which controllers somebody speaks
permissions      the table: operation by role
api_keys         issue, confirm, list, revoke and check API keys
persons          who stands behind an actor
bearer_secrets   secrets that are given out once and kept as a hash
jwt              signed tokens: of a person's application, of staff's identity provider
jwks             issuers' public keys, cached
strict_json      JSON of others, in which no object names a member twice
token_replay     a person's token is good for one operation
local_actor      who is at the keyboard, for the command line
errors           why a credential is refused
"""
