"""`make demo`: an invented company in three real servers, erased from, then checked against the ground truth.

scenario        the commands, in order
loader          load all three stores
load_postgres   schema, rows and the role
load_redis      keys and the user
load_s3         buckets, objects and backup copies
endpoints       addresses of the three servers
sidecar         an application beside the demo's API
sidecar_http    its HTTP: short heads, no quoted cookies
ground_truth/   an independent check of what was erased
errors          what can go wrong before it begins
"""
