"""The demonstration: an invented company in three real servers, erased from, then checked against the ground truth.

The product does not import it (import-linter holds it).

cli/            `expunge demo` and `expunge serve-demo`
scenario        the commands, in order
loader          load all three stores
load_postgres   schema, rows and the role
load_redis      keys and the user
load_s3         buckets, objects and backup copies
calltrack/      the invented company: schema, data map, people and records
dev_servers/    three real servers from Python wheels
endpoints       addresses of the three servers
sidecar         an application beside the demo's API
sidecar_http    its HTTP: short heads, no quoted cookies
ground_truth/   an independent check of what was erased
errors          what can go wrong before it begins
"""
