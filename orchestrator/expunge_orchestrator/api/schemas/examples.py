"""Examples for the OpenAPI document. All people in them are made up."""

from __future__ import annotations

from typing import Any

from pydantic.config import JsonDict

from expunge_orchestrator.notifications.email_text import CLIENTS_DATA

NOT_COVERED = (
    f"{CLIENTS_DATA} Log files are not affected. Copies may remain in back-up storage for some time; the receipt says "
    "until when."
)
"""What a person's request does not cover."""

_DIGEST = "f9dfe90b9499b66954a82bbe359a85ffe128d71131b819e98bd80bc27128628d"
_BATCH = "bt_93d72ee2eeb7"
_SERIES = "er_2625527882a5f50462eeb6b43e259784"
_PEOPLE: dict[str, Any] = {"caller_id": "17", "phone": "+49 30 1234567"}


def shown(example: dict[str, Any]) -> JsonDict:
    """The `json_schema_extra` of a schema with this example."""
    return {"examples": [example]}


IDENTIFIERS: dict[str, Any] = {"identifiers": _PEOPLE}
SOUGHT: dict[str, Any] = {"controller": "client:42", **IDENTIFIERS}
DIGEST: dict[str, Any] = {"digest": _DIGEST}
DENIAL: dict[str, Any] = {"reason": "identity-not-proven"}

REQUEST: dict[str, Any] = {
    "id": "rq_1f0c3a5b7d9e1f0c3a5b7d9e",
    "state": "erased",
    "controller": "client:42",
    "scope": None,
    "data_types": None,
    "received_at": "2026-11-25T11:17:47Z",
    "controller_received_at": "2026-11-20T08:30:00Z",
    "starts_at": "2026-11-25T11:17:47Z",
    "cancellable": False,
    "reason": None,
    "batch_id": _BATCH,
    "receipt_id": _SERIES,
    "answer_by": "2026-12-21T23:00:00Z",
    "deadlines": {
        "kind": "deadlines",
        "received_at": "2026-11-20T08:30:00Z",
        "time_zone": "Europe/Berlin",
        "statute": "gdpr",
        "clocks": [
            {
                "clock": "statute",
                "ground": "One month from receipt (GDPR Art. 12(3); Regulation (EEC, Euratom) 1182/71 Art. 3)",
                "received_at": "2026-11-20T08:30:00Z",
                "last_day": "2026-12-21",
                "due_at": "2026-12-21T23:00:00Z",
                "moved_from": "2026-12-20",
            }
        ],
        "first": "statute",
        "answer_by": "2026-12-21T23:00:00Z",
    },
    "failure": None,
}
REQUESTS: dict[str, Any] = {"items": [REQUEST], "next_cursor": None}
PERSON: dict[str, Any] = {
    **REQUEST,
    "state": "scheduled",
    "controller": "calltrack",
    "scope": "account",
    "data_types": ["account", "messages"],
    "controller_received_at": None,
    "starts_at": "2026-12-09T11:17:47Z",
    "cancellable": True,
    "batch_id": None,
    "receipt_id": None,
    "answer_by": None,
    "deadlines": None,
    "not_covered": NOT_COVERED,
}
OWN: dict[str, Any] = {
    **PERSON,
    "follow_up_token": "fu_1f0c3a5b7d9e1f0c3a5b7d9e_this-is-no-secret-and-opens-nothing-at-all-00",
}
OPENINGS: dict[str, Any] = {
    "openings": {
        "caller_id": {
            "format": "expunge-opening/1",
            "identifier": {"scheme": "caller_id+integer/2", "value": "17"},
            "nonce": "7b1a61b743a585251be2d9a3c5bcc2426e008c07861d2e597f6f5014619bea08",
            "series": _SERIES,
        }
    }
}

PLAN: dict[str, Any] = {
    "id": _BATCH,
    "controller": "client:42",
    "state": "planned",
    "digest": _DIGEST,
    "data_map_digest": "b0af579b6a3650871d1fe87b820051e1973d5f26ff583ca952cc00cce70657eb",
    "data_types": None,
    "replaces": None,
    "people": 1,
    "ambiguous": 0,
    "not_found": 0,
    "on_hold": 0,
    "concurrent_batches": {},
    "max_records_per_person": 3,
    "exceeded": [],
    "obstacles": [
        {
            "store": "main",
            "collection": "calls",
            "table": "public.surveys",
            "constraint": "surveys_call_id_fkey",
            "records": 1,
            "people": 1,
        }
    ],
    "stores": {
        "main": {
            "identity": "5cc850c775c3b41ff9399239f623866f21f1a6af860d39e43f307cc54c0ab905",
            "kind": "postgres",
            "collections": {
                "callers": {
                    "action": "delete",
                    "due": 1,
                    "retained": 0,
                    "newer": 0,
                    "ambiguous": 0,
                    "people": 1,
                    "unread": 0,
                    "data_type": "account",
                },
                "calls": {
                    "action": "delete",
                    "due": 2,
                    "retained": 0,
                    "newer": 0,
                    "ambiguous": 0,
                    "people": 1,
                    "unread": 0,
                    "data_type": "messages",
                },
            },
        }
    },
}
BATCH: dict[str, Any] = {
    "id": _BATCH,
    "controller": "client:42",
    "data_types": None,
    "state": "erased",
    "digest": _DIGEST,
    "people": 1,
    "outcomes": {"erased": 1},
    "reasons": {},
    "collections": {
        "main.callers": {"found": 1, "due": 0, "retained": 0, "newer": 0, "ambiguous": 0, "unread": 0},
        "main.calls": {"found": 2, "due": 0, "retained": 0, "newer": 0, "ambiguous": 0, "unread": 0},
    },
    "settles_at": "2026-11-25T12:17:48Z",
    "settling": True,
    "settled": 0,
    "left_in_part": 0,
    "left": {},
    "chunks": [{"id": 1, "state": "waiting", "next": "review:main", "attempts": 0, "failure": None}],
}
BATCH_SUMMARY: dict[str, Any] = {
    name: value for name, value in BATCH.items() if name not in {"reasons", "collections", "left", "chunks"}
}
BATCHES: dict[str, Any] = {"items": [BATCH_SUMMARY], "next_cursor": None}
RESULT: dict[str, Any] = {"line": 1, "outcome": "erased", "reason": None, "receipt_id": _SERIES}
RESULTS: dict[str, Any] = {"items": [RESULT], "next_cursor": None}

HOLD_WISH: dict[str, Any] = {
    "people": [{"caller_id": "17"}],
    "controller": "client:42",
    "ground": "4 C 17/26",
    "until": "2027-06-30",
}
HOLD: dict[str, Any] = {
    "id": "hd_3344ddf091b8",
    "kind": "hold",
    "people": 1,
    "data_type": None,
    "controller": "client:42",
    "ground": "4 C 17/26",
    "until": "2027-06-30",
    "undisclosed": False,
    "placed_at": "2026-11-25T11:17:47Z",
    "lifted_at": None,
    "informed_on": None,
}
HOLDS: dict[str, Any] = {"items": [HOLD], "next_cursor": None}
PLACED: dict[str, Any] = {**HOLD, "too_late": {}, "unproven": 0, "unchecked": []}
LOCATION: dict[str, Any] = {
    "controller": "client:42",
    "operator": {"name": "Calltrack Ltd", "contact": "privacy@calltrack.example"},
    "searched_at": {"main": "2026-11-25T11:17:47.755052+00:00"},
    "people": [
        {
            "person": 1,
            "answer": "held",
            "reason": None,
            "identifiers_not_followed": 0,
            "unfinished": [],
            "held": [
                {
                    "store": "main",
                    "collection": "callers",
                    "data_type": "calls",
                    "records": 1,
                    "kept_on_erasure": 0,
                    "until": None,
                    "ground": None,
                    "unsure": 0,
                }
            ],
        }
    ],
    "collections": [
        {
            "store": "main",
            "collection": "callers",
            "data_type": "calls",
            "found_by": ["public.callers.id is caller_id", "public.callers.phone is phone"],
        }
    ],
    "data_types": {},
    "not_searched": {
        "logs": [],
        "other_controllers": [],
        "backup_copies": [],
        "missing_copies": [],
        "places_without_control": [],
        "stores_without_backup_place": [],
    },
}

KEY_WISH: dict[str, Any] = {"roles": ["requester"], "controllers": ["client:42"], "expires_at": "2027-11-25T00:00:00Z"}
KEY: dict[str, Any] = {
    "id": "3add26ba85921b16",
    "holder": "ak_b017512f0894",
    "roles": ["requester"],
    "controllers": ["client:42"],
    "subject": None,
    "created_at": "2026-11-25T11:17:47Z",
    "confirmed_at": None,
    "expires_at": "2027-11-25T00:00:00Z",
    "revoked_at": None,
}
KEYS: dict[str, Any] = {"items": [KEY], "next_cursor": None}
ISSUED: dict[str, Any] = {**KEY, "secret": "xk_3add26ba85921b16_this-is-no-secret-and-opens-nothing-at-all-00"}
ENTRY: dict[str, Any] = {
    "id": 1,
    "at": "2026-11-25T11:17:47Z",
    "actor": "ak_b017512f0894",
    "action": "batch.start",
    "target": _BATCH,
    "result": "done",
    "count": 1,
}
TRAIL: dict[str, Any] = {"items": [ENTRY], "next_cursor": None}

NOTIFICATION: dict[str, Any] = {
    "type": "erasure_request.erased",
    "timestamp": "2026-11-25T11:17:50Z",
    "data": {
        "erasure_request_id": REQUEST["id"],
        "controller": "client:42",
        "state": "erased",
        "receipt_id": _SERIES,
        "outcome": "erased",
    },
}
