"""The data map under which every connector takes the contract suite: one company, and clients told apart by number."""

from __future__ import annotations

from collections.abc import Mapping

from expunge_config.datamap import BackupSpec, DataMap, StoreSpec
from expunge_connectors.memory import MemorySpec

LOG = {"purpose": "Security", "ground": "GDPR Art. 6(1)(f)", "retention": "P90D", "approved_by": "DPO"}
COMPANY = {"controller": "company"}
NO_BACKUPS = {"none": "A store of a test lives as long as the test", "approved_by": "Whoever wrote the test"}
CLIENT = {"controller": "client", "inherited": True}


def data_map(stores: Mapping[str, StoreSpec], backups: Mapping[str, BackupSpec] | None = None) -> DataMap:
    """A map with these stores, checked as a loaded one would be."""
    built = DataMap.model_validate(
        {
            "expunge": 1,
            "operator": {"name": "Company", "contact": "privacy@company.example", "log_origin": "log.company.example"},
            "controllers": {"company": {"name": "Company"}, "client": {"name": "A client", "many": True}},
            "identities": {
                "user_id": {"kind": "person", "normaliser": "integer/2"},
                "email": {"kind": "reusable", "normaliser": "email/1"},
                "token": {"kind": "internal"},
                "object": {"kind": "internal"},
            },
            "data_types": {
                "account": {
                    "purpose": "Run the account",
                    "categories": ["name"],
                    "rule": {"start": "relationship_ended", "period": "P30D"},
                    "on_request": "delete",
                },
                "anchor": {
                    "purpose": "Keep references",
                    "categories": ["name"],
                    "rule": {"start": "relationship_ended", "period": "P30D"},
                    "on_request": "tombstone",
                },
                "invoices": {
                    "purpose": "Bookkeeping",
                    "categories": ["purchases"],
                    "rule": {"start": "transaction_ended", "period": "P10Y"},
                    "on_request": "retain",
                    "ground": "GDPR Art. 17(3)(b)",
                },
            },
            "stores": dict(stores),
            "backups": dict(backups or NO_BACKUPS),
        }
    )
    complaints = [complaint for store in built.stores.values() for complaint in store.complaints(built)]
    assert complaints == []
    return built


MAIN = MemorySpec.model_validate(
    {
        "connector": "memory",
        "collections": {
            "users": {"data_type": "account", "owner": {"controller": "company"}, "found_by": {"user_id": "id"}}
        },
    }
)
