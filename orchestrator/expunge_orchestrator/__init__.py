"""The orchestrator: from a request to a signed receipt, over the command line and HTTP.

rules/               pure decisions
deadlines/           by when a request is answered (pure)
ledger/              tables, queries and secrets at rest
holds/               legal holds
subjects/            who is meant
planning/            what would happen, frozen and approved
execution/           the steps of a batch and what runs them
receipts/            statements signed into the log, and their export
requests/            requests before and around their batch
copy_tracking/       backup copies, followed until they are seen gone
restores/            who is back after a restore, and the plans that take them away again
retention/           what has had its time, whoever it is of
notifications/       webhooks and e-mail files
auth/                who calls, and what they may do
api/                 HTTP
cli/                 the command line
workspace            settings, map, stores, ledger and keys, opened for one command
data_map_check       the inspection of all stores, whose errors block
ledger_check         a ledger behind its log; what it names and the data map does not have
sampled_values       values of samples that cannot be read or lead nowhere
data_type_closure    data types that can be erased while others stay
locate               what is held of a person, and where
blind_search         what is left of people, whatever the map says
backup_copies        backup copies, from the first sight until they are gone
map_draft            the connectors' drafts as one data map
installation_setup   make keys, log and trust file
installation_check   keys that lie where ledger or log are copied from
json_views           resources as JSON, for the API and `--json`
store_calls          read calls on several stores at once
scratch_files        what long lists lie in while they are worked with
gc_thresholds        fewer passes of the garbage collector
clock                timestamps in UTC
errors               errors with exit codes
"""
