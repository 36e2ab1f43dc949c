"""Index members: what a member of an index says. The one place where its bytes become text. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from expunge_config.datamap import DataMap
from expunge_config.normalisers import NotNormalisable
from expunge_connectors.contract import UNREAD, SubjectKey
from expunge_connectors.redis.records import RecordKind


def text_of(member: bytes) -> str | None:
    """A member as text; None if it is not UTF-8: then no key of a template is called so, for templates are text."""
    try:
        return member.decode()
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True, slots=True)
class MemberReader:
    """Reads what the indexes of one store name.

    Attributes:
        store: Its name.
        data_map: Says how members become keys.
        within: Identities that name nothing elsewhere, see `self_contained_identities`.
    """

    store: str
    data_map: DataMap
    within: frozenset[str]

    def key(self, index: RecordKind, member: bytes) -> SubjectKey | None:
        """The key that a member is, or what tells that nobody can read it as one (under `UNREAD`).

        None: it names nothing, or nothing but what is looked for as it stands (`lookup.gathered`).
        """
        namespace, text = index.spec.yields or "", text_of(member)
        if text is not None:
            try:
                return SubjectKey(namespace, self.data_map.identities[namespace].rule.normalise(text))
            except NotNormalisable:
                if not text.strip() or (index.follows and namespace in self.within):
                    return None
        digest = hashlib.sha256(f"{namespace} ".encode() + member).hexdigest()
        return SubjectKey(f"{UNREAD}{self.store}.{index.name}", digest)
