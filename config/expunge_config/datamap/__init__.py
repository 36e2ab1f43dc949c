"""The data map (YAML): which personal data is where, whose it is, and what is done with it.

data_map          the map as a whole, its stores and limits
controllers       who may send requests, and who runs Expunge
data_types        what data is for, when it must go, and what a request does with it
collection_specs  whose records a collection holds, and of which data type; or that it is a log
backups           where copies are kept, or that there are none
identities        namespaces of keys: what a value proves, and where two collections share one
base              the base model, names and texts, assurances
key_flow          which keys lead to a collection, and which lead on from it
shared_places     how one place is read, by which identities and of which region
deadlines         by when requests are answered
self_service      what a signed-in person may ask for
loader            read and check a map: every problem with file, line and remedy
yaml_reader       the part of YAML that a map is written in, with line numbers
digest            one digest for all maps that decide the same, and one for each collection and identity
"""

from expunge_config.datamap.backups import LEDGER, BackupSpec, NoBackups
from expunge_config.datamap.base import Assurance, Model, Name, Text
from expunge_config.datamap.collection_specs import CollectionSpec, LogDeclaration, Owner
from expunge_config.datamap.controllers import Controller, Operator
from expunge_config.datamap.data_map import RECEIVED_AT, DataMap, Limits, StoreSpec, UnmappedPlace
from expunge_config.datamap.data_types import Action, DataType, DeletionRule, StartEvent
from expunge_config.datamap.deadlines import Calendar, DeadlineSpec, Statute
from expunge_config.datamap.digest import Decisions, decisions, digest
from expunge_config.datamap.identities import Identity, IdentityKind, Reader
from expunge_config.datamap.key_flow import KeyFlow
from expunge_config.datamap.loader import Problem, load
from expunge_config.datamap.self_service import SelfService, SelfServiceScope
from expunge_config.datamap.shared_places import by_place, others_read_alike, read_alike

__all__ = [
    "LEDGER",
    "RECEIVED_AT",
    "Action",
    "Assurance",
    "BackupSpec",
    "Calendar",
    "CollectionSpec",
    "Controller",
    "DataMap",
    "DataType",
    "DeadlineSpec",
    "Decisions",
    "DeletionRule",
    "Identity",
    "IdentityKind",
    "KeyFlow",
    "Limits",
    "LogDeclaration",
    "Model",
    "Name",
    "NoBackups",
    "Operator",
    "Owner",
    "Problem",
    "Reader",
    "SelfService",
    "SelfServiceScope",
    "StartEvent",
    "Statute",
    "StoreSpec",
    "Text",
    "UnmappedPlace",
    "by_place",
    "decisions",
    "digest",
    "load",
    "others_read_alike",
    "read_alike",
]
