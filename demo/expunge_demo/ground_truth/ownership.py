"""Ownership: hand-written queries for whose each Calltrack row is, and how long it must be kept.

Every query gives: key, person, first day after the duty to keep, whole row as text. What `person` is the id of stands
in the group: a user, a caller, or (for web forms, whose sender has to be found out) a lead.
"""

from __future__ import annotations

from typing import LiteralString

LOG_TABLE = "access_log"

# Nobody's rows: they stay as they are.
OF_NOBODY: dict[str, LiteralString] = {
    "clients": "SELECT t.id, NULL, NULL, t::text FROM public.clients t",
    LOG_TABLE: "SELECT t.id, NULL, NULL, t::text FROM public.access_log t",
    "addresses": "SELECT t.id, NULL, NULL, t::text FROM public.addresses t",
}
OF_USERS: dict[str, LiteralString] = {
    "users": "SELECT t.id, t.id, NULL, t::text FROM public.users t",
    "user_profiles": "SELECT t.user_id, t.user_id, NULL, t::text FROM public.user_profiles t",
    "api_tokens": "SELECT t.id::text, t.user_id, NULL, t::text FROM public.api_tokens t",
    "user_addresses": """
        SELECT t.user_id || ' ' || t.address_id, t.user_id, NULL, t::text FROM public.user_addresses t""",
    "messages": "SELECT t.id, t.user_id, NULL, t::text FROM public.messages t",
    "invoices": """
        SELECT t.id, t.user_id, (t.issued_at + interval '10 years')::date, t::text FROM public.invoices t""",
    "invoice_lines": """
        SELECT t.id, i.user_id, (t.issued_at + interval '10 years')::date, t::text
        FROM public.invoice_lines t LEFT JOIN public.invoices i ON i.id = t.invoice_id""",
    "marketing_optouts": """
        SELECT t.id, u.id, (t.created_at + interval '10 years')::date, t::text
        FROM public.marketing_optouts t LEFT JOIN public.users u ON lower(u.email) = lower(t.email)""",
}
OF_CALLERS: dict[str, LiteralString] = {
    "callers": "SELECT t.id, t.id, NULL, t::text FROM public.callers t",
    "calls": "SELECT t.id, t.caller_id, NULL, t::text FROM public.calls t",
    "call_notes": """
        SELECT t.id, c.caller_id, NULL, t::text
        FROM public.call_notes t LEFT JOIN public.calls c ON c.id = t.call_id""",
    "recordings": """
        SELECT t.id, c.caller_id, NULL, t::text
        FROM public.recordings t LEFT JOIN public.calls c ON c.id = t.call_id""",
    "transcripts": """
        SELECT t.id, c.caller_id, NULL, t::text
        FROM public.transcripts t
        LEFT JOIN public.recordings r ON r.id = t.recording_id
        LEFT JOIN public.calls c ON c.id = r.call_id""",
}
OF_LEADS: dict[str, LiteralString] = {
    "leads": "SELECT t.id, t.id, NULL, t::text FROM public.leads t",
    "lead_answers": "SELECT t.id, t.lead_id, NULL, t::text FROM public.lead_answers t",
}
TABLES: dict[str, LiteralString] = OF_NOBODY | OF_USERS | OF_CALLERS | OF_LEADS

# Redis: kinds of keys, told apart by their first letters, and the two whose members are people.
OF_USERS_KEYS = ("redis:session:", "redis:user:", "redis:cache:user:", "redis:online")
OF_CALLERS_KEYS = ("redis:cache:caller:", "redis:client:")
OTHER_KEYS = "redis:other"

RECORDINGS = "calltrack-recordings"
EXPORTS = "calltrack-exports"
LOGS = "calltrack-logs"
BACKUPS = "calltrack-backups"
BUCKETS = (RECORDINGS, EXPORTS, LOGS, BACKUPS)
