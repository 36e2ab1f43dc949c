"""The HTTP API: `expunge serve`. Who may do what: ADR 12; what a request is: ADR 11; how it is called: docs/api.md.

app                    build the FastAPI application
state                  what every call works with
routes/                a router for each resource
schemas/               request and response bodies
opendsr/               OpenDSR 2.0
authentication         whose a call is, by its API key, token or follow-up secret
call_context           authenticate, authorise, open transactions for one call
request_responses      create erasure requests and answer them
receipt_responses      receipts and openings as responses
identifiers            identifiers in bodies, normalised
idempotency_header     the header Idempotency-Key
query_parameters       unknown query parameters are refused
pagination             the query parameters of lists that come in pages
problems               RFC 9457 problem details
rate_limit             limits per actor, address and kind of guess
refusal_pace           refusals are told one after another
waiting_calls          whose client is gone waits no longer
call_slots             so many heavy calls at a time
readiness              whether the ledger answers
body_codings           what is said to be no plain bytes is refused
middleware             size, time and access log around every call
http_protocol          strict HTTP/1.1, and no connection for who neither sends nor reads
connection_limits      connections in all and from one address
work_breaks            breaks of a thread that works on a long list
write_queue            group commit: calls share one ledger transaction
batch_watches          one look at a batch for all who watch it
answer_streams         answers that go on when their call has ended
event_stream           server-sent events of a batch
background_worker      what comes due, beside the calls
openapi                the OpenAPI document
metrics                Prometheus
retention_metrics      of these, what goes by age: backlog, the last sweep, alarms
"""
