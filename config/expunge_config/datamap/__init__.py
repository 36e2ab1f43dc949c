"""The data map: models, loading with line numbers, digest."""

from expunge_config.datamap.digest import digest
from expunge_config.datamap.loading import Problem, load
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
    LogDeclaration,
    Model,
    Name,
    Operator,
    Owner,
    StartEvent,
    StoreSpec,
    Text,
    UnmappedPlace,
)

__all__ = [
    "Action",
    "BackupSpec",
    "CollectionSpec",
    "Controller",
    "DataMap",
    "DataType",
    "DeletionRule",
    "Identity",
    "IdentityKind",
    "LogDeclaration",
    "Model",
    "Name",
    "Operator",
    "Owner",
    "Problem",
    "StartEvent",
    "StoreSpec",
    "Text",
    "UnmappedPlace",
    "digest",
    "load",
]
