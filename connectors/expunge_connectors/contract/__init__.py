"""Connector contract: the Protocols `StoreConnector` and `BackupConnector`, and the data passed to and fro.

Protocols and frozen dataclasses; constructors do no I/O; only `ConnectorError` escapes (whatever else a connector
raises becomes one, `expunge_connectors.defects`). A connector is handed whole chunks of subjects and answers for all of
them at once: its cost per person must fall with the size of the chunk.

Vocabulary: a *subject* is one person of a request, known here by a number and a set of keys. A *collection* is a table,
a kind of key or a kind of object. *due* is what must go, *retained* is kept with a ground, *newer* was found through a
reusable identifier and created at or after the cutoff, *ambiguous* names somebody else as well, or is known by a value
alone that somebody else has, or had.

subjects      whose records are asked for, by which keys, for which controller
counts        how many records of each subject there are, and which must go
findings      what an inspection noticed, and whom it stops
stores        StoreConnector: the verbs that every store has
abilities     verbs that not every store has
ages          how many records have had their time, and what stays of these
sweeps        records go by age, piece by piece
drift         what stores end by themselves, against what the map declares
samples       verbs that look beside the map: samples, and the blind search
backups       BackupConnector, and what a listing says of each copy
"""

from __future__ import annotations

from expunge_connectors.contract.abilities import (
    Adoptable,
    DeletesByAge,
    EstimatesSize,
    KnowsAges,
    KnowsClaims,
    KnowsDependencies,
    KnowsObstacles,
    KnowsRelations,
    KnowsSharedRows,
    KnowsWaiting,
    Obstacle,
    RefreshesStatistics,
    RelationChange,
    ReportsClock,
)
from expunge_connectors.contract.ages import WEEKS_AHEAD, Age, AgeCounts, DueLeft, GoesWith, NoAge
from expunge_connectors.contract.backups import (
    LONGEST_COPY_ID,
    LONGEST_KIND,
    LONGEST_WORDS,
    OBJECTS,
    BackupConnector,
    BackupCopy,
    BackupType,
    ConfirmsCopies,
    CopyListing,
    CopyStatus,
)
from expunge_connectors.contract.counts import DATA_TYPE, SHARED, Counts, RecordCounts, ground_of_rows
from expunge_connectors.contract.drift import HELD, Drift, DriftKind, DriftReport, ReportsDrift
from expunge_connectors.contract.findings import Finding, Severity
from expunge_connectors.contract.samples import ReadSample, Sampleable, SamplesReadings, SearchesBlind
from expunge_connectors.contract.stores import (
    Heartbeat,
    RemovalNotice,
    StoreConnector,
    StoreIdentity,
    StoreType,
    no_beat,
    no_notice,
)
from expunge_connectors.contract.subjects import (
    FACTS,
    HEARSAY,
    SINCE,
    UNREAD,
    CoHolder,
    DiscoveredKey,
    Holders,
    Scope,
    Subject,
    SubjectKey,
    claim_text,
    hearsay_of,
    with_holders,
)
from expunge_connectors.contract.sweeps import BeforePiece, Keeping, NamedThing, PieceNotice, SweptPiece

__all__ = [
    "DATA_TYPE",
    "FACTS",
    "HEARSAY",
    "HELD",
    "LONGEST_COPY_ID",
    "LONGEST_KIND",
    "LONGEST_WORDS",
    "OBJECTS",
    "SHARED",
    "SINCE",
    "UNREAD",
    "WEEKS_AHEAD",
    "Adoptable",
    "Age",
    "AgeCounts",
    "BackupConnector",
    "BackupCopy",
    "BackupType",
    "BeforePiece",
    "CoHolder",
    "ConfirmsCopies",
    "CopyListing",
    "CopyStatus",
    "Counts",
    "DeletesByAge",
    "DiscoveredKey",
    "Drift",
    "DriftKind",
    "DriftReport",
    "DueLeft",
    "EstimatesSize",
    "Finding",
    "GoesWith",
    "Heartbeat",
    "Holders",
    "Keeping",
    "KnowsAges",
    "KnowsClaims",
    "KnowsDependencies",
    "KnowsObstacles",
    "KnowsRelations",
    "KnowsSharedRows",
    "KnowsWaiting",
    "NamedThing",
    "NoAge",
    "Obstacle",
    "PieceNotice",
    "ReadSample",
    "RecordCounts",
    "RefreshesStatistics",
    "RelationChange",
    "RemovalNotice",
    "ReportsClock",
    "ReportsDrift",
    "Sampleable",
    "SamplesReadings",
    "Scope",
    "SearchesBlind",
    "Severity",
    "StoreConnector",
    "StoreIdentity",
    "StoreType",
    "Subject",
    "SubjectKey",
    "SweptPiece",
    "claim_text",
    "ground_of_rows",
    "hearsay_of",
    "no_beat",
    "no_notice",
    "with_holders",
]
