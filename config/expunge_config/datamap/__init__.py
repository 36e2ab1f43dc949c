"""The data map: models, loading with line numbers, digest."""

from expunge_config.datamap.base import Model, Name, Text
from expunge_config.datamap.deadlines import Calendar, DeadlineSpec, Statute
from expunge_config.datamap.digest import digest
from expunge_config.datamap.key_flow import KeyFlow
from expunge_config.datamap.loader import Problem, load
from expunge_config.datamap.models import (
    Action,
    BackupSpec,
    CollectionSpec,
    Controller,
    DataMap,
    DataType,
    DeletionRule,
    Identity,
    IdentityKind,
    Limits,
    LogDeclaration,
    Operator,
    Owner,
    StartEvent,
    StoreSpec,
    UnmappedPlace,
)
from expunge_config.datamap.self_service import SelfService, SelfServiceScope

__all__ = [
    "Action",
    "BackupSpec",
    "Calendar",
    "CollectionSpec",
    "Controller",
    "DataMap",
    "DataType",
    "DeadlineSpec",
    "DeletionRule",
    "Identity",
    "IdentityKind",
    "KeyFlow",
    "Limits",
    "LogDeclaration",
    "Model",
    "Name",
    "Operator",
    "Owner",
    "Problem",
    "SelfService",
    "SelfServiceScope",
    "StartEvent",
    "Statute",
    "StoreSpec",
    "Text",
    "UnmappedPlace",
    "digest",
    "load",
]
