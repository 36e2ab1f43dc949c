"""Digests of a data map: one for all maps that decide the same, and one for what is decided of each part."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from expunge_config.datamap.collection_specs import CollectionSpec
from expunge_config.datamap.data_map import DataMap
from expunge_config.datamap.data_types import Action
from expunge_config.datamap.identities import Identity


def digest(data_map: DataMap) -> str:
    """SHA-256 (hex) of the map's decisions in canonical JSON."""
    return _sha256(data_map.model_dump(mode="json"))


@dataclass(frozen=True, slots=True)
class Decisions:
    """What a map decides of each of its parts: digests that tell whether another map decides the same.

    Attributes:
        identities: Name -> digest.
        collections: Store -> collection -> digest; logs included.
    """

    identities: dict[str, str]
    collections: dict[str, dict[str, str]]


def decisions(data_map: DataMap) -> Decisions:
    """What a map decides of each identity and collection.

    Covered is what decides which records are found, whose they are and what is done with them, and the ground that
    statements name. Left out is what only a person reads, and what only answers a finding of `check`.
    """
    found: dict[str, dict[str, str]] = {store: {} for store in data_map.stores}
    for store, name, spec in data_map.collections():
        found[store][name] = _sha256(_of_collection(spec, data_map))
    return Decisions({name: _sha256(_of_identity(one)) for name, one in data_map.identities.items()}, found)


def _of_collection(spec: CollectionSpec, data_map: DataMap) -> dict[str, Any]:
    if spec.log is not None:
        return {"log": True}  # wherever it is, it is left alone
    name = spec.data_type or ""
    data_type = data_map.data_types[name]
    answer: dict[str, Any] = {"name": name, "on_request": data_type.on_request.value}
    if data_type.on_request is Action.RETAIN:
        answer |= data_type.model_dump(mode="json", include={"rule", "ground"})
    return {"records": spec.decided(), "data_type": answer}


def _of_identity(identity: Identity) -> dict[str, Any]:
    return {
        "kind": identity.kind.value,
        "normaliser": identity.normaliser,
        "shareable": identity.shareable,
        "handed_on": identity.handed_on,
    }


def _sha256(document: Any) -> str:  # noqa: ANN401 - any JSON
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
